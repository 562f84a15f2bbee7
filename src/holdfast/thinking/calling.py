"""Calling a tool: always a step, whatever comes of it, so that a replay meets the same steps even if the tools changed."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import msgspec

from ..domain import labels as provenance
from ..domain.address import tenant_of
from ..domain.conversation import Media, Text, ToolCall, ToolResult
from ..domain.entry import EntryKind
from ..domain.errors import HoldfastError, Nondeterminism, StepFailed
from ..domain.intent import Planned
from ..domain.labels import UNTRUSTED
from ..secrets import Secrets
from ..tools.closed import Fields
from ..tools.host import Calling
from ..tools.tool import Tool, ToolFailed, WrongArguments, parts_of
from ..turn.admitting import How
from ..turn.context import Context
from ..turn.quarantine import form_of, quarantined, read_texts
from ..turn.run import STEP_KEY, Options, run
from ..turn.simulating import Simulate
from .handles import Handles
from .mind import Mind
from .planning import REVISE, Planning
from .toolbox import Toolbox

_WITHHELD = "The tool failed. What it said is kept apart from you, because nobody vouches for it."
_UNTOLD = (
    "It did not happen: it was refused, or failed. Why is in the journal and not told here, because it may quote what is "
    "inside of a handle. Remember that a handle cannot be a recipient, address, account, path or command."
)


class Final:
    """What a tool returns to end the turn with this answer, without asking the model again."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Parts(msgspec.Struct, tag="parts"):
    """What a tool brought for the model besides plain values, in the journal."""

    parts: list[Text | Media]


class Desk:
    """What calls of one turn share: the mind, its tools, what is kept apart, and what is planned."""

    __slots__ = ("ctx", "handles", "mind", "planning", "toolbox")

    def __init__(
        self, ctx: Context, mind: Mind, toolbox: Toolbox, handles: Handles | None, planning: Planning | None
    ) -> None:
        self.ctx = ctx
        self.mind = mind
        self.toolbox = toolbox
        self.handles = handles
        self.planning = planning


class Outcome(msgspec.Struct):
    """What came of a call: its value, in words why there is none, and the end of the turn if it is that. ``hidden`` is kept
    from the model; ``texts`` finds the texts in a value out of quarantine."""

    value: Any = None
    failure: str = ""
    final: Final | None = None
    labels: tuple[str, ...] = ()
    hidden: bool = False
    fields: Fields | None = None


async def call_tools(desk: Desk, calls: list[ToolCall]) -> tuple[list[ToolResult], Final | None]:
    """All calls of one answer, side by side unless one must be alone; results in the order of the calls."""
    toolbox = desk.toolbox
    await toolbox.look_for(calls)
    alone = any((t := toolbox.tool(c.name)) is not None and t.alone for c in calls)
    made = [await _ready(desk, call) for call in calls]  # one after the other: places in the plan go by their order
    outcomes = await desk.ctx.gather(*(_call(desk, ready) for ready in made), limit=1 if alone else 0)
    for ready, outcome in zip(made, outcomes, strict=True):
        if desk.planning is not None:
            desk.planning.done(ready.step, outcome.value, bool(outcome.failure))
    results = [_result(desk, call, outcome) for call, outcome in zip(calls, outcomes, strict=True)]
    return results, next((outcome.final for outcome in outcomes if outcome.final is not None), None)


def _result(desk: Desk, call: ToolCall, outcome: Outcome) -> ToolResult:
    """What the model sees. Handles get their numbers here, in the order of the calls."""
    if outcome.failure:
        return ToolResult(call.id, [Text(f"Error: {outcome.failure}")], call.name, error=True, labels=outcome.labels)
    if outcome.final is not None:
        return ToolResult(call.id, [Text("Done.")], call.name, labels=outcome.labels)
    handles, value, labels = desk.handles, outcome.value, outcome.labels
    if outcome.hidden:
        assert handles is not None
        kept = handles.put(value, labels, call.name)
        return ToolResult(call.id, [Text(f"{kept.told()}: kept apart from you.")], call.name)
    if handles is not None and outcome.fields is not None:
        origin = provenance.opened(labels)
        value = outcome.fields.mapped(value, lambda text: handles.put(text, origin, call.name).name)
    return ToolResult(call.id, _for_the_model(value), call.name, labels=labels)


class Ready(msgspec.Struct):
    """A call before it is made: with the contents of handles in it, and its place in the plan; or why it cannot be made."""

    call: ToolCall
    carries: dict[str, frozenset[str]] = {}
    problem: str = ""
    step: int = -1
    planned: Planned | None = None


async def _ready(desk: Desk, call: ToolCall) -> Ready:
    tool = desk.toolbox.tool(call.name)
    ready = Ready(call)
    if desk.handles is not None:
        try:
            resolved = await desk.handles.resolved(call, tool)
        except WrongArguments as error:
            return Ready(call, problem=str(error))
        ready = Ready(resolved.call, resolved.carries)
    if desk.planning is not None and tool is not None and call.name != REVISE:
        given = _shown(ready.call.arguments)
        named: dict[str, Any] = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
        ready.step, ready.planned = desk.planning.placed(call.name, named, tool.declared.roles)
    return ready


async def _call(desk: Desk, ready: Ready) -> Outcome:
    ctx, call, carries = desk.ctx, ready.call, ready.carries
    ctx.tell({"tool": call.name, "id": call.id, "arguments": call.arguments})
    tool = desk.toolbox.tool(call.name)
    form = desk.mind.quarantine_of(tool) if tool is not None else None
    apart = form is not None or (desk.handles is not None and tool is not None and not tool.trusted)
    outcome = Outcome(labels=labels_of(tool) if tool is not None else ())
    try:
        if ready.problem:
            raise WrongArguments(ready.problem)
        if carries:  # what is made of it is no better than it
            outcome.labels = tuple(dict.fromkeys((*outcome.labels, *sorted(frozenset[str]().union(*carries.values())))))
            apart = apart or provenance.UNTRUSTED in outcome.labels
        seal = (provenance.SEALED,) if apart else ()
        how = Options(labels=(*outcome.labels, *seal), carries=carries, planned=ready.planned)
        if tool is not None and tool.takes_context:
            outcome.value = await _with_steps(ctx, tool, call, how)
            if desk.handles is not None and not apart and ctx.turn.sources is not None:
                found = ctx.turn.sources.labels_of(outcome.value)
                apart = provenance.UNTRUSTED in found
                outcome.labels = tuple(sorted(found)) if apart else outcome.labels
        else:
            outcome.value = await _as_step(ctx, tool or _missing(desk.toolbox, call.name), call, how)
        if isinstance(outcome.value, Final):
            outcome.value, outcome.final = None, outcome.value
        elif form is not None:
            await _through_quarantine(desk, call.name, form, outcome)
        else:
            outcome.hidden = apart
    except Nondeterminism:
        raise
    except ToolFailed as error:
        outcome.failure = str(error)
    except StepFailed as error:
        ours = error.details.get("type") == WrongArguments.__name__
        outcome.failure = str(error.details.get("text") or error.message) if ours or not apart else _WITHHELD
    except HoldfastError as error:
        ours = error.code.startswith(("gate.", "quarantine.", "step.", "budget.", "breaker."))
        outcome.failure = error.message if ours or not apart else _WITHHELD
    if outcome.failure and carries:
        outcome.failure = _UNTOLD
    if outcome.failure and apart:
        outcome.labels = ()
    ctx.tell({"tool": call.name, "id": call.id, "failed" if outcome.failure else "done": outcome.failure or True})
    return outcome


async def _through_quarantine(desk: Desk, name: str, form: Any, outcome: Outcome) -> None:
    """Have what a tool brought read by a model that can do nothing; the value is then what came out, in plain values."""
    turn = desk.ctx.turn
    _, fields = form_of(form)
    parts = _for_the_model(outcome.value)
    content = "\n".join(part.text for part in parts if isinstance(part, Text))
    route = desk.mind.quarantine_model or desk.mind.model
    found = await quarantined(turn, content, form, route, name=name, labels=outcome.labels)
    label = provenance.of_quarantine(name)
    outcome.value = found.plain
    outcome.labels = (label, provenance.UNTRUSTED, provenance.SEALED)
    if not found.open:
        return
    if desk.handles is not None:
        outcome.fields = fields
        return
    read_texts(turn, found, name)
    outcome.labels = (label, provenance.UNTRUSTED)


def labels_of(tool: Tool) -> tuple[str, ...]:
    """The provenance of what a tool brings in."""
    return (f"tool:{tool.name}",) if tool.trusted else (f"tool:{tool.name}", UNTRUSTED)


async def _with_steps(ctx: Context, tool: Tool, call: ToolCall, how: Options) -> Any:
    """Run a tool that makes steps of its own. It is code of the definition, which cannot change under the turn; that it is
    called is a step before its own, and what came of it one behind them."""
    failed: ToolFailed | None = None
    value: Any = None
    given = await _begin(ctx, tool, _shown(call.arguments), how)
    if how.carries:  # its steps may send it on
        ctx.turn.labels = provenance.join(ctx.turn.labels, frozenset[str]().union(*how.carries.values()))
    try:
        value = await tool.call(ctx, **tool.read(_text(call, given)))
    except ToolFailed as error:
        failed = error
    if isinstance(value, Final):
        return value

    async def give() -> Any:
        if failed is not None:
            raise failed
        kept = _kept(ctx, value)
        return await kept if inspect.isawaitable(kept) else kept

    return await run(ctx.turn, give, (), Options(tool.name, labels=how.labels, verb="result"))


async def _begin(ctx: Context, tool: Tool, shown: Any, how: Options) -> Any:
    """Pass the gate; the arguments to go on with."""
    turn = ctx.turn
    path, recorded = await turn.step("tool", tool.name)
    if recorded is not None and recorded.result is not None:
        return turn.detail(recorded.result)["args"][0]
    trial = _trial(ctx, tool)
    (given,) = await turn.admit(
        "tool",
        tool.name,
        path,
        (shown,),
        declared=tool.declared,
        carries=how.carries,
        planned=how.planned,
        how=How(None, None, None if trial is None else lambda args: trial(args[0])),
    )
    if turn.item.id == 0:
        await turn.accept()
    turn.journal(EntryKind.STEP, path, "tool", tool.name, detail={"args": (given,)})
    return given


def _trial(ctx: Context, tool: Tool) -> Simulate | None:
    """What a call of a tool would do, if the tool says how to find that out."""
    simulate = tool.simulate
    if simulate is None:
        return None
    worker = ctx.turn.worker

    async def tried(given: Any) -> Any:
        arguments = tool.read(msgspec.json.encode(given).decode())
        with _without(worker.tool_host.secrets):
            if inspect.iscoroutinefunction(simulate):
                value = await simulate(**arguments)
            else:
                value = await worker.in_thread(partial(simulate, **arguments))
            return worker.tool_host.secrets.cleaned(value)

    return tried


def _text(call: ToolCall, given: Any) -> str:
    """The arguments as JSON: as the model wrote them, unless a rule changed them."""
    return call.arguments if given == _shown(call.arguments) else msgspec.json.encode(given).decode()


async def _as_step(ctx: Context, tool: Tool, call: ToolCall, how: Options) -> Any:
    """Run a tool as one step, its arguments read inside it: what they must be may change while a turn is in flight."""
    secrets = ctx.turn.worker.tool_host.secrets
    sync = not inspect.iscoroutinefunction(tool.call) and not inspect.iscoroutinefunction(type(tool.call).__call__)

    def first() -> tuple[Any, ...]:
        if not tool.takes_host:
            return ()
        message = ctx.turn.item.message
        host = ctx.turn.worker.tool_host
        return (Calling(host, lambda what: _tell(ctx, call, what), STEP_KEY.get(), ctx.address, message.chain),)

    def in_thread(given: Any) -> Any:
        # what is to be kept is awaited on the loop
        with _without(secrets):
            return _kept(ctx, secrets.cleaned(tool.call(*first(), **tool.read(_text(call, given)))))

    async def on_loop(given: Any) -> Any:
        with _without(secrets):
            value = _kept(ctx, secrets.cleaned(await tool.call(*first(), **tool.read(_text(call, given)))))
        return await value if inspect.isawaitable(value) else value

    def happened(given: Any) -> Any:
        assert tool.verify is not None
        return tool.verify(**tool.read(_text(call, given)))

    verify = happened if tool.verify is not None else None
    options = Options(
        tool.name,
        tool.retry,
        tool.timeout_seconds,
        tool.idempotent,
        verify,
        None,
        how.labels or labels_of(tool),
        "tool",
        tool.declared,
        how.carries,
        how.planned,
        _trial(ctx, tool),
    )
    return await run(ctx.turn, in_thread if sync else on_loop, (_shown(call.arguments),), options)


@contextmanager
def _without(secrets: Secrets) -> Generator[None]:
    """What goes wrong is told without the secrets that the tool was given: services like to repeat what they were sent."""
    try:
        yield
    except Exception as error:
        if (clean := secrets.clean(str(error))) != str(error):
            error.args = (clean,)
            if isinstance(error, HoldfastError):
                error.message = clean
        raise


def _tell(ctx: Context, call: ToolCall, what: Any) -> None:
    ctx.tell({"tool": call.name, "id": call.id, **(what if isinstance(what, dict) else {"told": what})})


def _missing(toolbox: Toolbox, name: str) -> Tool:
    """Stands in for a tool that is not there. If it was, and a call of it is in doubt, that stays so."""
    known = ", ".join(spec.name for spec in toolbox.specs) or "none"
    begun = toolbox.recorded()

    away = f" These tool servers cannot be reached: {', '.join(toolbox.away)}." if toolbox.away else ""

    async def fail(**given: Any) -> None:
        raise WrongArguments(f"There is no tool {name!r}. There are: {known}.{away}")

    return Tool(fail, name=name, idempotent=begun is None or begun.intent is None)


def _kept(ctx: Context, value: Any) -> Any:
    """A tool's value for the journal; something to be awaited for it, if a part of it is large enough to be an artifact."""
    artifacts = ctx.turn.worker.artifacts
    if not artifacts.wanted(value):
        return _for_the_journal(value)

    async def keep() -> Any:
        return _for_the_journal(await artifacts.lifted(tenant_of(ctx.address), value))

    return keep()


def _for_the_journal(value: Any) -> Any:
    if isinstance(value, (Text, Media)):
        return Parts([value])
    if isinstance(value, list) and value and all(isinstance(v, (Text, Media)) for v in value):  # pyright: ignore[reportUnknownVariableType]
        return Parts(value)  # pyright: ignore[reportUnknownArgumentType]
    return cast(Any, value)


def _for_the_model(value: Any) -> list[Text | Media]:
    if isinstance(value, dict) and value.get("type") == "parts":  # pyright: ignore[reportUnknownMemberType]
        try:
            return msgspec.convert(value, Parts).parts
        except msgspec.ValidationError:  # a tool's own value that looks alike
            pass
    return parts_of(value)


def _shown(arguments: str) -> Any:
    """Arguments for the journal: as values if they can be read, else as the model wrote them."""
    try:
        return msgspec.json.decode(arguments or "{}")
    except msgspec.DecodeError:
        return arguments
