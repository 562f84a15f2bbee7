"""``openai_agent``: an agent of the OpenAI Agents SDK as a durable one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

from agents import Agent as SdkAgent
from agents import RunConfig, Runner
from pydantic_core import to_jsonable_python

from ...sdk.agent import Agent
from ...turn.context import Context, Duration
from ..fingerprint import fingerprint
from ..places import Places, here
from .model import HoldfastProvider, error_of
from .tools import Declared, durable_agent

_SAID, _SPEAKS = "said", "speaks"


def openai_agent(
    name: str,
    agent: SdkAgent[Any],
    *,
    model: str,
    context: Callable[[Context], Any] | None = None,
    tools: Declared | None = None,
    run_config: RunConfig | None = None,
    max_turns: int = 50,
    remember: bool = True,
    timeout: Duration = 0,
) -> Agent:
    """A durable agent with the handlers ``chat(content)``, ``conversation()`` and ``forget()``.

    A tool that needs approval asks a person (``ctx.ask``, yes or no). After a handoff, the agent that has the conversation
    keeps it in the next turn.

    Args:
        agent: of the SDK. Models that it names are routes; ``model`` is the route of those that name none.
        context: makes the run's context; it is not kept.
        tools: what is declared of tools, by name: ``{"pay": {"idempotent": False}}``.
        run_config: more of it; its provider is replaced, and its tracing, which would go to OpenAI, is off by default.
        remember: False begins a new conversation with every message.
    """
    made = Agent(name, description=agent.handoff_description or agent.name)
    made.definition.fingerprint = fingerprint([model, *_parts(agent)])
    durable = durable_agent(agent, tools)

    async def chat(ctx: Context, content: str) -> Any:
        history: list[Any] = await _history(ctx) if remember else []
        speaks = await ctx.state.get(_SPEAKS, "") if remember else ""
        first = next((a for a in _everybody(durable) if a.name == speaks), durable)
        provider = HoldfastProvider(model)
        config = replace(run_config or RunConfig(tracing_disabled=True), model_provider=provider)
        given = context(ctx) if context is not None else None
        try:
            result = await Places(ctx).host(
                _run(first, [*history, {"role": "user", "content": content}], config, given, max_turns)
            )
        except Exception as error:
            raise error_of(provider, error) from error
        finally:
            await provider.aclose()
        if remember:
            await _remember(ctx, history, result)
        return to_jsonable_python(result.final_output, serialize_unknown=True)

    async def conversation(ctx: Context) -> Any:
        return await _history(ctx)

    async def forget(ctx: Context) -> None:
        for turn in range(int(await ctx.state.get(f"{_SAID}/turns", 0))):
            await ctx.state.delete(f"{_SAID}/{turn}")
        await ctx.state.delete(f"{_SAID}/turns")
        await ctx.state.delete(_SPEAKS)

    made.handler(name="chat", timeout=timeout)(chat)
    made.handler(name="conversation", shared=True)(conversation)
    made.handler(name="forget")(forget)
    return made


async def _run(agent: SdkAgent[Any], input: Any, config: RunConfig, context: Any, max_turns: int) -> Any:
    given: Any = input
    while True:
        result: Any = await Runner.run(agent, given, context=context, run_config=config, max_turns=max_turns)
        if not result.interruptions:
            return result
        given = result.to_state()
        for item in result.interruptions:
            if await _approved(item):
                given.approve(item)
            else:
                given.reject(item)


async def _approved(item: Any) -> bool:
    places, raw = here(), item.raw_item
    question = f"May {item.name} be called with {getattr(raw, 'arguments', '')}?"
    place = f"{places.of_call(str(getattr(raw, 'call_id', '')), str(item.name))}-approval"
    return await places.at(place, lambda ctx: ctx.ask(question, choices=["yes", "no"])) == "yes"


async def _history(ctx: Context) -> list[Any]:
    found: list[Any] = []
    for turn in range(int(await ctx.state.get(f"{_SAID}/turns", 0))):
        found += await ctx.state.get(f"{_SAID}/{turn}")
    return found


async def _remember(ctx: Context, history: list[Any], result: Any) -> None:
    """Only what this turn added is written."""
    said = cast("list[Any]", to_jsonable_python(result.to_input_list()))
    turns = int(await ctx.state.get(f"{_SAID}/turns", 0))
    await ctx.state.set(f"{_SAID}/{turns}", said[len(history) :])
    await ctx.state.set(f"{_SAID}/turns", turns + 1)
    await ctx.state.set(_SPEAKS, result.last_agent.name)


def _everybody(agent: SdkAgent[Any], seen: set[int] | None = None) -> Iterator[SdkAgent[Any]]:
    seen = set() if seen is None else seen
    if id(agent) not in seen:
        seen.add(id(agent))
        yield agent
        for other in agent.handoffs:
            if isinstance(other, SdkAgent):
                yield from _everybody(other, seen)


def _parts(agent: SdkAgent[Any]) -> Iterator[Any]:
    for each in _everybody(agent):
        yield each.name
        yield each.instructions
        for tool in each.tools:
            yield tool.name
            yield getattr(tool, "description", "")


__all__ = ["openai_agent"]
