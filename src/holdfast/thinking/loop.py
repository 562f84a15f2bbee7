"""``converse``: one turn of a thinking agent: ask the model, call the tools it wants, ask again, until it has answered.

Every request and every call is a step, so after a crash the loop runs again and is answered from the journal: the model is
not asked twice for what it said, and no tool is called twice for what it did.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import msgspec

from ..domain.conversation import Answer, Media, Part, Prompt, Said, Text, ToolResult
from ..domain.errors import LimitExceeded, Rejected, TurnFailed
from ..domain.labels import SEALED
from ..domain.words import Word
from ..models.job import Job, Reply
from ..tools.form import WrongForm
from ..turn.context import Context
from ..turn.model import ask_model
from ..turn.steer import unheard
from .calling import Desk, call_tools
from .handles import TOLD, Handles
from .memory import Memory, shortened
from .mind import Mind
from .planning import REVISE, Planning
from .toolbox import Toolbox


async def converse(ctx: Context, mind: Mind, content: str | list[Text | Media]) -> Any:
    """Answer what was said. Returns text, or a value of the mind's form.

    Raises:
        LimitExceeded: ``agent.too_many_rounds``.
        TurnFailed: ``agent.no_answer``: the model's answer was cut off, refused, or of the wrong form to the end.
        HoldfastError: ``model.*``.
    """
    memory = await Memory.load(ctx) if mind.remember else Memory.empty(ctx)
    if mind.memory_tokens:
        await memory.make_room(mind.model, mind.memory_tokens)
    handles = None
    if mind.handles:
        handles = await Handles.load(ctx) if mind.remember else Handles.empty(ctx)
    system = await _system(ctx, mind, memory, handles)
    parts: list[Part] = [Text(content)] if isinstance(content, str) else list(content)
    new = [Said("user", parts, ctx.turn.item.message.labels)]
    _remind(ctx, memory.said)
    desk = Desk(ctx, mind, toolbox := Toolbox(ctx, mind), handles, await _plan(ctx, mind, toolbox, system, memory, new))
    corrections = 0
    for left in reversed(range(mind.rounds)):
        await toolbox.look()
        told = _with_plan(system, desk)
        reply = await _ask(ctx, mind, lambda said: _prompt(mind, toolbox, told, memory, [*new, *said]))  # noqa: B023
        answer = reply.answer
        new += _words(reply.words)
        new.append(Said("assistant", answer.parts))
        if answer.calls:
            results, final = await call_tools(desk, answer.calls)
            new.append(Said("user", list[Part](results)))
            if final is not None:
                new.append(Said("assistant", [Text(str(final.value))]))
                return await _done(desk, memory, new, final.value)
            continue
        try:
            value = mind.form.read(_whole(answer))
            if left and unheard(ctx.turn):
                continue  # it answers once more, with what was said while it answered
            return await _done(desk, memory, new, value)
        except WrongForm as wrong:
            if corrections >= mind.output_retries:
                raise TurnFailed("agent.no_answer", f"{mind.model} gave no answer of the right form: {wrong}") from wrong
            corrections += 1
            new.append(Said("user", [Text(str(wrong))]))
    raise LimitExceeded(
        "agent.too_many_rounds",
        f"The agent asked its model {mind.rounds} times in one turn without coming to an answer. Raise rounds=, or look at "
        "what it does (holdfast journal).",
        rounds=mind.rounds,
    )


async def _ask(ctx: Context, mind: Mind, prompt: Callable[[list[Said]], Prompt]) -> Reply:
    """Ask the model; what people said to the turn meanwhile comes last in the request."""

    def hearing(words: list[Word]) -> Job:
        return Job(mind.model, prompt=prompt(_words(words)))

    return await ask_model(ctx.turn, Job(mind.model, prompt=prompt([])), hearing=hearing)


def _words(words: list[Word]) -> list[Said]:
    return [Said("user", [Text(f"{w.by} says meanwhile: {w.text}")], w.labels) for w in words]


async def _plan(
    ctx: Context, mind: Mind, toolbox: Toolbox, system: list[Said], memory: Memory, new: list[Said]
) -> Planning | None:
    """The plan of this turn, made from what its principal said before it reads anything else."""
    if not mind.plan:
        return None
    planning = Planning(ctx, mind.plan == "deny")
    await toolbox.look()
    # of what the model is told first the instructions alone: a summary may be made of anything
    own: list[Part] = [p for s in system for p in s.parts if isinstance(p, Text) and p.cache]
    told = [Said("system", own)] if own else []
    await planning.make(mind, toolbox.specs, told, [*memory.said, *new])
    toolbox.extra[REVISE] = planning.tool()
    return planning


def _with_plan(system: list[Said], desk: Desk) -> list[Said]:
    return system if desk.planning is None else [*system, Said("system", [Text(desk.planning.told())])]


def _remind(ctx: Context, said: list[Said]) -> None:
    """What was said in earlier turns is a source of what is done in this one, each part with its own labels."""
    sources = ctx.turn.sources
    if sources is None:
        return
    for one in said:
        for part in one.parts:
            labels = part.labels if isinstance(part, ToolResult) else one.labels
            if labels:
                sources.add(_content(part, labels) if isinstance(part, ToolResult) else part, labels)


def _content(result: ToolResult, labels: tuple[str, ...]) -> Any:
    """What a tool's result says; of fields out of quarantine, the fields."""
    if SEALED in labels and len(result.content) == 1 and isinstance(text := result.content[0], Text):
        try:
            return msgspec.json.decode(text.text)
        except msgspec.DecodeError:
            pass
    return result.content


async def _done(desk: Desk, memory: Memory, new: list[Said], value: Any) -> Any:
    handles = desk.handles
    if desk.mind.remember:
        await memory.keep(new)
        if handles is not None:
            await handles.keep()
    return await handles.shown(value) if handles is not None and isinstance(value, str) else value


def _whole(answer: Answer) -> Answer:
    if answer.finish in ("content_filter", "refusal"):
        raise TurnFailed("agent.no_answer", f"The model refused to answer: {answer.text or answer.finish}")
    if answer.finish == "length":
        raise TurnFailed("agent.no_answer", "The model's answer was cut off at its length limit. Raise settings.max_tokens.")
    return answer


def _prompt(mind: Mind, toolbox: Toolbox, system: list[Said], memory: Memory, new: list[Said]) -> Prompt:
    said = [*memory.said, *new]
    if mind.memory_tokens:
        said = shortened(said, mind.memory_tokens * 2)
    return Prompt(
        mind.model, [*_told(system, toolbox.away), *_with_breakpoint(said)], toolbox.specs, mind.form.settings(mind.settings)
    )


def _told(system: list[Said], away: list[str]) -> list[Said]:
    """The same with a word on tools that are missing. What went wrong is for people: the words of a server that is not
    trusted have no place here."""
    if not away:
        return system
    note = Text(
        f"These tool servers cannot be reached at the moment, so their tools are missing: {', '.join(away)}. Where they "
        "would be needed, say so; do not make up what they would have answered."
    )
    return [Said("system", [*(part for said in system for part in said.parts), note])]


def _with_breakpoint(said: list[Said]) -> list[Said]:
    """The vendor may cache everything up to here: the next request begins with the same."""
    last = said[-1]
    part = last.parts[-1] if last.parts else None
    if not isinstance(part, (Text, ToolResult)):
        return said
    marked = msgspec.structs.replace(part, cache=True)
    return [*said[:-1], Said(last.role, [*last.parts[:-1], marked], last.labels)]


async def _system(ctx: Context, mind: Mind, memory: Memory, handles: Handles | None) -> list[Said]:
    told: Any = mind.instructions
    if callable(told):
        told = told(ctx)
        if inspect.isawaitable(told):
            told = await told
    if not isinstance(told, str):
        raise Rejected("agent.instructions", f"Instructions must be text; {ctx.name} gave {type(told).__name__}.")
    parts: list[Part] = [Text(told, cache=True)] if told else []
    if memory.summary:
        parts.append(Text(f"What was said before, summed up:\n{memory.summary}"))
    if handles is not None:
        parts.append(Text(TOLD))
        if memory.summary and handles.list:
            parts.append(Text("You hold: " + "; ".join(kept.told() for kept in handles.list[-100:])))
    return [Said("system", parts)] if parts else []
