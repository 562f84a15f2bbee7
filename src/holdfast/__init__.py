"""Holdfast: agents that survive anything, wait for free, and talk to each other.

>>> from holdfast import Agent, Context

What is public is loaded when it is first used, so that `holdfast --help` does not wait for what it does not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from .turn.run import NOT_DONE

__version__ = "0.1.0"

_HOMES = {
    "Agent": ".sdk.agent",
    "Client": ".sdk.client",
    "Conflict": ".domain.errors",
    "Context": ".turn.context",
    "Handle": ".sdk.agent",
    "Handler": ".sdk.agent",
    "HoldfastError": ".domain.errors",
    "LimitExceeded": ".domain.errors",
    "Limits": ".domain.limits",
    "McpServer": ".tools",
    "NOT_DONE": ".turn.run",
    "Nondeterminism": ".domain.errors",
    "NotFound": ".domain.errors",
    "Rejected": ".domain.errors",
    "Retry": ".domain.retry",
    "Runtime": ".bootstrap.runtime",
    "Settings": ".domain.conversation",
    "StepFailed": ".domain.errors",
    "StepTimeout": ".domain.errors",
    "SyncContext": ".turn.context",
    "Target": ".turn.definition",
    "Tool": ".tools",
    "ToolFailed": ".tools",
    "TurnFailed": ".domain.errors",
    "Unavailable": ".domain.errors",
    "connect": ".protocols.wire.channel",
    "group": ".turn.context",
    "openapi_tools": ".tools",
    "sql_tools": ".tools",
    "tool": ".tools",
}
"""Where each public name lives."""


def step_key() -> str:
    """Inside a step's function: a key that is the same on every attempt of this very step, for effects that deduplicate."""
    from .turn.run import STEP_KEY

    return STEP_KEY.get()


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(home, __name__), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


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
