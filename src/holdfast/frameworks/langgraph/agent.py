"""``graph_agent``: a compiled graph as a durable agent; each of its instances is a thread.

The graph's own memory is the turn's: every superstep is a checkpoint in the agent's state, durable before the next begins,
and so are the writes of each finished node. After a crash the turn runs again, the graph goes on from there, and what its
unfinished nodes ask again (models, tools, steps) is answered from the journal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

import msgspec
from langchain_core.messages import BaseMessage, convert_to_messages, message_to_dict
from langgraph.types import Command

from ...sdk.agent import Agent
from ...turn.context import Context, Duration
from ..fingerprint import fingerprint
from ..places import Places
from .keeping import keep_threads
from .saver import HoldfastSaver, thread_of

Interrupts = Literal["ask", "return"]
_INTERRUPT, _RESUME = "__interrupt__", "__resume__"


def graph_agent(
    name: str,
    graph: Any,
    *,
    interrupts: Interrupts = "ask",
    timeout: Duration = 0,
    description: str = "",
    config: dict[str, Any] | None = None,
) -> Agent:
    """A durable agent with the handlers

    - ``run(input)``: run the graph on an input; gives its output, messages as dicts;
    - ``resume(value)``: go on after an interrupt, if interrupts are returned;
    - ``values()``: what the graph's state holds now.

    Args:
        graph: a compiled graph; a checkpointer it has is replaced by a ``HoldfastSaver``.
        interrupts: ``ask`` puts ``interrupt(question)`` to a person (``ctx.ask``): the turn waits as rows, and the answer is
            what ``interrupt`` returns. ``return`` ends the turn with ``{"interrupts": [{"id": ..., "value": ...}]}``, and
            ``resume`` goes on in another.
        timeout: bound of a whole turn.
        config: more of LangGraph's config: ``recursion_limit``, ``configurable``, ``tags``.
    """
    agent = Agent(name, description=description or f"A graph of {len(graph.nodes)} nodes.")
    durable = graph.copy({"checkpointer": HoldfastSaver()})
    agent.definition.fingerprint = fingerprint(_parts(graph))

    async def run(ctx: Context, input: Any) -> Any:
        return await _run(ctx, durable, _read(input), interrupts, config)

    async def resume(ctx: Context, value: Any) -> Any:
        return await _run(ctx, durable, Command(resume=value), interrupts, config)

    async def values(ctx: Context) -> Any:
        places = Places(ctx, strict=False)
        return _plain((await places.host(durable.aget_state(_config(ctx, config)))).values)

    agent.handler(name="run", timeout=timeout)(run)
    agent.handler(name="resume", timeout=timeout)(resume)
    agent.handler(name="values", shared=True)(values)
    keep_threads(agent)
    return agent


async def _run(ctx: Context, graph: Any, given: Any, interrupts: Interrupts, config: dict[str, Any] | None) -> Any:
    if ctx.turn.item.id == 0:
        await ctx.turn.accept()  # its checkpoints are state of this turn: the message must not be lost before them
    places = Places(ctx, strict=False)
    return await places.host(_to_the_end(places, graph, given, interrupts, _config(ctx, config)))


async def _to_the_end(places: Places, graph: Any, given: Any, interrupts: Interrupts, config: dict[str, Any]) -> Any:
    if await thread_of(places).started() == places.ctx.turn.item.id:
        given = None  # the input is in the checkpoints: go on from the last of them
    while True:
        result = await graph.ainvoke(given, config, durability="sync")
        found: list[Any] = _interrupts(result)
        if not found:
            return _plain(result)
        if interrupts == "return":
            return {"interrupts": [{"id": i.id, "value": _plain(i.value)} for i in found]}
        given = Command(resume={i.id: await _ask(places, i) for i in found})


def _interrupts(result: Any) -> list[Any]:
    return list(cast("dict[str, Any]", result).get(_INTERRUPT, ())) if isinstance(result, dict) else []


async def _ask(places: Places, interrupt: Any) -> Any:
    """Put an interrupt to a person. A task may interrupt several times under one id: how many answers it has used up is in
    its checkpointed writes, and tells which question this is."""
    thread, used = thread_of(places), 0
    for task in await thread.pending():
        writes = {channel: HoldfastSaver.serde.loads_typed((str(v[0]), bytes(v[1]))) for channel, v in task.items()}
        if any(i.id == interrupt.id for i in writes.get(_INTERRUPT, ())):
            used = max(used, len(writes.get(_RESUME, ())))
    value = interrupt.value
    asked = cast("dict[str, Any]", value) if isinstance(value, dict) else {"question": value}
    question = str(asked.get("question") or msgspec.json.encode(_plain(value)).decode())
    choices = [str(c) for c in asked.get("choices") or ()]
    return await places.at(f"ask-{interrupt.id}-{used}", lambda ctx: ctx.ask(question, choices=choices))


def _config(ctx: Context, config: dict[str, Any] | None) -> dict[str, Any]:
    given = config or {}
    return {**given, "configurable": {**given.get("configurable", {}), "thread_id": ctx.key}}


def _read(input: Any) -> Any:
    """Messages may come as dicts (``{"role": "user", "content": "..."}``) or as ``values`` gave them."""
    if isinstance(input, dict) and "messages" in input:
        whole = cast("dict[str, Any]", input)
        return {**whole, "messages": convert_to_messages(whole["messages"])}
    return cast(Any, input)


def _plain(value: Any) -> Any:
    """A graph's state as plain values."""
    if isinstance(value, BaseMessage):
        return message_to_dict(value)["data"]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in cast("dict[Any, Any]", value).items() if k != _INTERRUPT}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in cast("list[Any]", value)]
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if dump is not None else value


def _parts(graph: Any) -> Iterator[Any]:
    """What makes this graph another one: its nodes, their code, its edges."""
    builder = getattr(graph, "builder", None)
    for name, node in sorted((builder or graph).nodes.items()):
        runnable = getattr(node, "runnable", node)
        yield name
        yield getattr(runnable, "afunc", None) or getattr(runnable, "func", None) or runnable
    yield repr(sorted(getattr(builder, "edges", ())))


__all__ = ["graph_agent"]
