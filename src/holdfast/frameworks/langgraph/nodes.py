"""Where in a graph code runs, as the name of a place, and what nodes do as steps: tools, effects of their own.

A place is named by what a graph's author sees: the superstep, the node, and which of several tasks of that node it is;
within a node by what is asked for. So a node that begins again after a crash is answered for what it asks again, and asks
anew for what it did not get to.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.errors import GraphBubbleUp

from ...domain.errors import Rejected
from ..places import here, in_turn, tool_step

_SERDE = JsonPlusSerializer()
_PLAIN = (str, int, float, bool, type(None))


def scope() -> str:
    """The node that runs here: ``step3:plan`` in superstep 3; ``step3:plan:1`` for the second of several tasks (``Send``);
    ``step3:team+1:plan`` inside a subgraph. ``graph`` outside of nodes. No id that LangGraph makes up is in it."""
    config: Any = var_child_runnable_config.get()
    found: dict[str, Any] = cast("dict[str, Any]", config or {}).get("metadata") or {}
    if "langgraph_node" not in found:
        return "graph"
    path: tuple[Any, ...] = tuple(found.get("langgraph_path") or ())
    which = "".join(f":{p}" for p in path[1:] if type(p) is int)
    levels = str(found.get("langgraph_checkpoint_ns") or "").split("|")[:-1]
    above = [f"{_steps().get('|'.join(levels[:n]), 0)}:{level.partition(':')[0]}+" for n, level in enumerate(levels)]
    return f"step{''.join(above)}{found['langgraph_step']}:{found['langgraph_node']}{which}"


def at_step(ns: str, step: int) -> None:
    """A graph at this namespace has a checkpoint of this superstep: what runs next in it belongs to the one after."""
    _steps()[ns] = step + 1


def _steps() -> dict[str, int]:
    return here().kept.setdefault("langgraph.steps", {})


async def step(fn: Callable[..., Any], *args: Any, name: str = "", **options: Any) -> Any:
    """``ctx.run`` inside a node: an effect that a node which begins again does not repeat. ``options`` as there."""
    places = here()
    title = name or getattr(fn, "__name__", "step")
    place = places.by_content(scope(), title, args)
    return await places.at(place, lambda ctx: ctx.run(fn, *args, name=title, **options))


def durable_tool(tool: BaseTool | Callable[..., Any], **declared: Any) -> BaseTool:
    """A tool whose calls are steps: what it did once, a graph that begins a node again does not do again.

    Args:
        tool: a LangChain tool or a function.
        declared: ``idempotent``, ``retry``, ``timeout_seconds``, ``verify``, as for ``Context.run``.
    """
    inner = tool if isinstance(tool, BaseTool) else _tool_of(tool)

    async def called(**given: Any) -> Any:
        return await _call(inner, given, declared)

    def called_in_thread(**given: Any) -> Any:
        return _call_blocking(inner, given, declared)

    return StructuredTool(
        name=inner.name,
        description=inner.description,
        args_schema=cast(Any, inner.tool_call_schema if inner.args_schema is None else inner.args_schema),
        func=called_in_thread,
        coroutine=called,
        return_direct=inner.return_direct,
        response_format=inner.response_format,
        handle_tool_error=inner.handle_tool_error,
        metadata=inner.metadata,
        tags=inner.tags,
    )


def _first(item: tuple[str, Any]) -> str:
    return item[0]


def _tool_of(fn: Callable[..., Any]) -> BaseTool:
    if inspect.iscoroutinefunction(fn):
        return StructuredTool.from_function(coroutine=fn)
    return StructuredTool.from_function(fn)


async def _call(inner: BaseTool, given: dict[str, Any], declared: dict[str, Any]) -> Any:
    if not in_turn():
        return await _inside(inner, given)
    places = here()
    place = places.by_content(scope(), f"tool-{inner.name}", sorted(given.items(), key=_first))
    return _opened(await places.at(place, tool_step(_step_of(inner, given), inner.name, _shown(given), **declared)))


def _call_blocking(inner: BaseTool, given: dict[str, Any], declared: dict[str, Any]) -> Any:
    places = here()
    place = places.by_content(scope(), f"tool-{inner.name}", sorted(given.items(), key=_first))
    do = tool_step(_step_of(inner, given), inner.name, _shown(given), **declared)
    return _opened(places.from_thread(place, do))


def _step_of(inner: BaseTool, given: dict[str, Any]) -> Callable[[Any], Any]:
    async def call(shown: Any) -> Any:
        try:
            return _closed(await _inside(inner, given))
        except ToolException as error:
            return {"refused": str(error)}
        except GraphBubbleUp as error:
            raise Rejected(
                "frameworks.interrupt_in_step",
                f"The tool {inner.name!r} interrupted its graph from inside a step, which is either done or not. Leave "
                "the tool unwrapped and make its effects steps (frameworks.langgraph.step), or interrupt in a node.",
                tool=inner.name,
            ) from error

    return call


async def _inside(inner: BaseTool, given: dict[str, Any]) -> Any:
    """The tool's own function: its schema was applied by the wrapper already."""
    fn: Any = getattr(inner, "coroutine", None)
    if fn is not None:
        return await fn(**given)
    found: Any = inner
    if getattr(inner, "func", None) is not None:
        from asyncio import to_thread

        return await to_thread(found.func, **given)
    config: Any = var_child_runnable_config.get()
    return await found.ainvoke(given, config)


def _closed(value: Any) -> Any:
    """What the journal keeps: plain values as they are, LangChain's own as its serializer writes them."""
    if isinstance(value, _PLAIN):
        return {"value": value}
    kind, body = _SERDE.dumps_typed(value)
    return {"typed": [kind, body]}


def _opened(kept: dict[str, Any]) -> Any:
    if "refused" in kept:
        raise ToolException(kept["refused"])
    if "typed" in kept:
        kind, body = kept["typed"]
        return _SERDE.loads_typed((kind, body))
    return kept["value"]


def _shown(given: dict[str, Any]) -> dict[str, Any]:
    return {k: v if isinstance(v, (*_PLAIN, list, dict)) else str(v) for k, v in given.items()}


__all__ = ["at_step", "durable_tool", "scope", "step"]
