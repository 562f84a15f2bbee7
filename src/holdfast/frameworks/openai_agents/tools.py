"""Tools of the OpenAI Agents SDK as durable steps, and an agent with all of them wrapped."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import msgspec
from agents import Agent as SdkAgent
from agents import FunctionTool, Handoff
from agents.tool_context import ToolContext
from pydantic_core import to_jsonable_python

from ..places import here, in_turn, tool_step

Declared = Mapping[str, Mapping[str, Any]]
_SAFE = (str, int, float, bool, type(None))


def durable_tool(tool: FunctionTool, **declared: Any) -> FunctionTool:
    """A function tool whose calls are steps. ``declared``: ``idempotent``, ``retry``, ``timeout_seconds``, ``verify``."""

    async def invoke(context: ToolContext[Any], given: str) -> Any:
        if not in_turn():
            return await tool.on_invoke_tool(context, given)

        async def call(shown: Any) -> Any:
            value = await tool.on_invoke_tool(context, given)
            return value if isinstance(value, _SAFE) else to_jsonable_python(value, serialize_unknown=True)

        places = here()
        place = places.of_call(context.tool_call_id, tool.name)
        return await places.at(place, tool_step(call, tool.name, _shown(given), **declared))

    wrapped = copy.copy(tool)
    wrapped.on_invoke_tool = invoke
    return wrapped


def durable_agent(agent: SdkAgent[Any], declared: Declared | None = None) -> SdkAgent[Any]:
    """A copy of the agent, and of those it hands over to, with every function tool durable, those of MCP servers too."""
    return _copied(agent, declared or {}, {})


def _copied(agent: SdkAgent[Any], declared: Declared, seen: dict[int, SdkAgent[Any]]) -> SdkAgent[Any]:
    if id(agent) in seen:
        return seen[id(agent)]
    made = seen[id(agent)] = copy.copy(agent)
    given: Any = agent.get_all_tools

    async def get_all_tools(run_context: Any) -> list[Any]:
        found: list[Any] = await given(run_context)
        return [durable_tool(t, **declared.get(t.name, {})) if isinstance(t, FunctionTool) else t for t in found]

    made.get_all_tools = get_all_tools
    made.handoffs = [_handoff(handoff, declared, seen) for handoff in agent.handoffs]
    return made


def _handoff(handoff: Any, declared: Declared, seen: dict[int, SdkAgent[Any]]) -> Any:
    if not isinstance(handoff, Handoff):
        return _copied(handoff, declared, seen)
    given: Any = handoff.on_invoke_handoff  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    async def invoke(context: Any, arguments: str) -> Any:
        return _copied(await given(context, arguments), declared, seen)

    made: Any = copy.copy(handoff)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    made.on_invoke_handoff = invoke
    return made


def _shown(given: str) -> Any:
    try:
        return msgspec.json.decode(given or "{}")
    except msgspec.DecodeError:
        return given


__all__ = ["Declared", "durable_agent", "durable_tool"]
