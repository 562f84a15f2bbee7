"""``DurableToolset``: calls of Pydantic AI's tools as durable steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import TypeAdapter
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred, ModelRetry
from pydantic_ai.messages import ToolReturn
from pydantic_ai.tools import RunContext
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset
from pydantic_core import to_jsonable_python

from ..places import here, in_turn, tool_step

_RETURN: TypeAdapter[Any] = TypeAdapter(ToolReturn[Any])


@dataclass
class DurableToolset(WrapperToolset[Any]):
    """Around any toolset (functions, MCP servers, OpenAPI, ...): what a call gave is in the journal before the model hears
    of it, and after a crash it is not called again.

    Args:
        wrapped: the toolset.
        declared: per tool, ``idempotent``, ``retry``, ``timeout_seconds``, ``verify``, as for ``Context.run``.
    """

    declared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    async def call_tool(self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]) -> Any:
        """See the base class."""
        if not in_turn():
            return await self.wrapped.call_tool(name, tool_args, ctx, tool)

        async def call(shown: Any) -> Any:
            return await _kept(lambda: self.wrapped.call_tool(name, tool_args, ctx, tool))

        places = here()
        place = places.of_call(ctx.tool_call_id or "", name)
        shown = to_jsonable_python(tool_args, serialize_unknown=True)
        return _given(await places.at(place, tool_step(call, name, shown, **self.declared.get(name, {}))))

    def visit_and_replace(self, visitor: Callable[[AbstractToolset[Any]], AbstractToolset[Any]]) -> AbstractToolset[Any]:
        """See the base class."""
        return DurableToolset(self.wrapped.visit_and_replace(visitor), self.declared)


async def _kept(call: Callable[[], Any]) -> dict[str, Any]:
    """What came of a call, for the journal: also what is no error but a word to the model or to the run."""
    try:
        value = await call()
    except ModelRetry as error:
        return {"retry": error.message}
    except ApprovalRequired as error:
        return {"approval": to_jsonable_python(error.metadata, serialize_unknown=True)}
    except CallDeferred as error:
        return {"deferred": to_jsonable_python(error.metadata, serialize_unknown=True)}
    if isinstance(value, ToolReturn):
        return {"return": _RETURN.dump_python(cast(Any, value), mode="json")}
    return {"value": to_jsonable_python(value, serialize_unknown=True)}


def _given(kept: dict[str, Any]) -> Any:
    if "retry" in kept:
        raise ModelRetry(kept["retry"])
    if "approval" in kept:
        raise ApprovalRequired(kept["approval"])
    if "deferred" in kept:
        raise CallDeferred(kept["deferred"])
    return _RETURN.validate_python(kept["return"]) if "return" in kept else kept["value"]


__all__ = ["DurableToolset"]
