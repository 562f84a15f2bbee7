"""Holdfast: agents that survive anything, wait for free, and talk to each other.

>>> from holdfast import Agent, Context
"""

from __future__ import annotations

from .bootstrap.runtime import Runtime
from .domain.conversation import Settings
from .domain.errors import (
    Conflict,
    HoldfastError,
    LimitExceeded,
    Nondeterminism,
    NotFound,
    Rejected,
    StepFailed,
    StepTimeout,
    TurnFailed,
    Unavailable,
)
from .domain.limits import Limits
from .domain.retry import Retry
from .protocols.wire.channel import connect
from .sdk.agent import Agent, Handle, Handler
from .sdk.client import Client
from .tools import McpServer, Tool, ToolFailed, openapi_tools, sql_tools, tool
from .turn.context import Context, SyncContext, group
from .turn.definition import Target
from .turn.run import NOT_DONE, STEP_KEY

__version__ = "0.1.0"


def step_key() -> str:
    """Inside a step's function: a key that is the same on every attempt of this very step, for effects that deduplicate."""
    return STEP_KEY.get()


__all__ = [
    "NOT_DONE",
    "Agent",
    "Client",
    "Conflict",
    "Context",
    "Handle",
    "Handler",
    "HoldfastError",
    "LimitExceeded",
    "Limits",
    "McpServer",
    "Nondeterminism",
    "NotFound",
    "Rejected",
    "Retry",
    "Runtime",
    "Settings",
    "StepFailed",
    "StepTimeout",
    "SyncContext",
    "Target",
    "Tool",
    "ToolFailed",
    "TurnFailed",
    "Unavailable",
    "connect",
    "group",
    "openapi_tools",
    "sql_tools",
    "step_key",
    "tool",
]
