"""Pydantic AI: its agents as durable agents.

>>> from holdfast.frameworks.pydantic_ai import pydantic_agent
>>> support = pydantic_agent("support", pydantic_ai.Agent(instructions="...", tools=[lookup]), model="smart")
"""

from .agent import durably, pydantic_agent
from .model import HoldfastModel
from .toolset import DurableToolset

__all__ = ["DurableToolset", "HoldfastModel", "durably", "pydantic_agent"]
