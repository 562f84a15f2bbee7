"""``pydantic_agent``: a Pydantic AI agent as a durable one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, cast

from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter
from pydantic_core import to_jsonable_python

from ...sdk.agent import Agent
from ...turn.context import Context, Duration
from ..fingerprint import fingerprint
from ..places import Places
from .model import HoldfastModel
from .toolset import DurableToolset

_SAID = "said"


def pydantic_agent(
    name: str,
    agent: Any,
    *,
    model: str,
    deps: Callable[[Context], Any] | None = None,
    tools: Mapping[str, Mapping[str, Any]] | None = None,
    remember: bool = True,
    timeout: Duration = 0,
) -> Agent:
    """A durable agent with the handlers ``chat(content)``, which answers with the agent's output, ``conversation()``, which
    gives its messages as Pydantic AI writes them in JSON, and ``forget()``.

    Args:
        agent: a ``pydantic_ai.Agent``; its model is replaced, its tools are wrapped, everything else is its own.
        model: the route it asks.
        deps: makes the dependencies of a run; they are not kept.
        tools: what is declared of its tools, by name: ``{"pay": {"idempotent": False}}``.
        remember: False begins a new conversation with every message.
    """
    made = Agent(name, description=str(getattr(agent, "name", "") or "An agent of Pydantic AI."))
    made.definition.fingerprint = fingerprint([model, *_parts(agent)])

    async def chat(ctx: Context, content: str) -> Any:
        history = await _history(ctx) if remember else []
        given = deps(ctx) if deps is not None else None

        async def talk() -> Any:
            with durably(agent, model, tools):
                return await agent.run(content, message_history=history, deps=given)

        result = await Places(ctx).host(talk())
        if remember:
            turns = int(await ctx.state.get(f"{_SAID}/turns", 0))
            await ctx.state.set(f"{_SAID}/{turns}", _dump(result.new_messages()))
            await ctx.state.set(f"{_SAID}/turns", turns + 1)
        return to_jsonable_python(result.output)

    async def conversation(ctx: Context) -> Any:
        return _dump(await _history(ctx))

    async def forget(ctx: Context) -> None:
        for turn in range(int(await ctx.state.get(f"{_SAID}/turns", 0))):
            await ctx.state.delete(f"{_SAID}/{turn}")
        await ctx.state.delete(f"{_SAID}/turns")

    made.handler(name="chat", timeout=timeout)(chat)
    made.handler(name="conversation", shared=True)(conversation)
    made.handler(name="forget")(forget)
    return made


def durably(agent: Any, model: str, tools: Mapping[str, Mapping[str, Any]] | None = None) -> AbstractContextManager[Any]:
    """Within it, the agent asks ``model`` and calls its tools durably; for handlers of one's own:

    >>> async def talk():
    ...     with durably(agent, "smart"):
    ...         return await agent.run("hello")
    >>> result = await Places(ctx).host(talk())
    """
    wrapped = [DurableToolset(toolset, tools or {}) for toolset in agent.toolsets]
    return agent.override(model=HoldfastModel(model), toolsets=wrapped, tools=[])


def _parts(agent: Any) -> Iterator[Any]:
    for toolset in agent.toolsets:
        yield toolset
        for name, tool in sorted(getattr(toolset, "tools", {}).items()):
            yield name
            yield getattr(tool, "function", None)


async def _history(ctx: Context) -> list[ModelMessage]:
    found: list[ModelMessage] = []
    for turn in range(int(await ctx.state.get(f"{_SAID}/turns", 0))):
        found += ModelMessagesTypeAdapter.validate_python(await ctx.state.get(f"{_SAID}/{turn}"))
    return found


def _dump(messages: list[ModelMessage]) -> list[Any]:
    return cast("list[Any]", ModelMessagesTypeAdapter.dump_python(messages, mode="json"))


__all__ = ["durably", "pydantic_agent"]
