"""Calling a tool: always a step, whatever comes of it, so that a replay meets the same steps even if the tools changed."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import msgspec

from ..domain.address import tenant_of
from ..domain.conversation import Media, Text, ToolCall, ToolResult
from ..domain.entry import EntryKind
from ..domain.errors import HoldfastError, Nondeterminism, StepFailed
from ..domain.labels import UNTRUSTED
from ..secrets import Secrets
from ..tools.host import Calling
from ..tools.tool import Tool, ToolFailed, parts_of
from ..turn.context import Context
from ..turn.run import STEP_KEY, Options, run
from .toolbox import Toolbox


class Final:
    """What a tool returns to end the turn with this answer, without asking the model again."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Parts(msgspec.Struct, tag="parts"):
    """What a tool brought for the model besides plain values, in the journal."""

    parts: list[Text | Media]


async def call_tools(ctx: Context, toolbox: Toolbox, calls: list[ToolCall]) -> tuple[list[ToolResult], Final | None]:
    """All calls of one answer, side by side unless one must be alone; results in the order of the calls."""
    await toolbox.look_for(calls)
    alone = any((t := toolbox.tool(c.name)) is not None and t.alone for c in calls)
    outcomes = await ctx.gather(*(_call(ctx, toolbox, call) for call in calls), limit=1 if alone else 0)
    results = [result for result, _ in outcomes]
    return results, next((final for _, final in outcomes if final is not None), None)


async def _call(ctx: Context, toolbox: Toolbox, call: ToolCall) -> tuple[ToolResult, Final | None]:
    ctx.tell({"tool": call.name, "id": call.id, "arguments": call.arguments})
    value: Any = None
    failure = ""
    tool = toolbox.tool(call.name)
    labels = labels_of(tool) if tool is not None else ()
    try:
        if tool is not None and tool.takes_context:
            value = await _with_steps(ctx, tool, call)
        else:
            value = await _as_step(ctx, tool or _missing(toolbox, call.name), call)
    except Nondeterminism:
        raise
    except ToolFailed as error:
        failure = str(error)
    except StepFailed as error:
        failure = str(error.details.get("text") or error.message)
    except HoldfastError as error:
        failure = error.message
    ctx.tell({"tool": call.name, "id": call.id, "failed" if failure else "done": failure or True})
    if failure:
        return ToolResult(call.id, [Text(f"Error: {failure}")], call.name, error=True, labels=labels), None
    if isinstance(value, Final):
        return ToolResult(call.id, [Text("Done.")], call.name, labels=labels), value
    return ToolResult(call.id, _for_the_model(value), call.name, labels=labels), None


def labels_of(tool: Tool) -> tuple[str, ...]:
    """The provenance of what a tool brings in."""
    return (f"tool:{tool.name}",) if tool.trusted else (f"tool:{tool.name}", UNTRUSTED)


async def _with_steps(ctx: Context, tool: Tool, call: ToolCall) -> Any:
    """Run a tool that makes steps of its own. It is code of the definition, which cannot change under the turn; that it is
    called is a step before its own, and what came of it one behind them."""
    failed: ToolFailed | None = None
    value: Any = None
    given = await _begin(ctx, tool, _shown(call.arguments))
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

    return await run(ctx.turn, give, (), Options(tool.name, labels=labels_of(tool), verb="result"))


async def _begin(ctx: Context, tool: Tool, shown: Any) -> Any:
    """Pass the gate; the arguments to go on with."""
    turn = ctx.turn
    path, recorded = await turn.step("tool", tool.name)
    if recorded is not None and recorded.result is not None:
        return turn.detail(recorded.result)["args"][0]
    (given,) = await turn.admit("tool", tool.name, path, (shown,), declared=tool.declared)
    if turn.item.id == 0:
        await turn.accept()
    turn.journal(EntryKind.STEP, path, "tool", tool.name, detail={"args": (given,)})
    return given


def _text(call: ToolCall, given: Any) -> str:
    """The arguments as JSON: as the model wrote them, unless a rule changed them."""
    return call.arguments if given == _shown(call.arguments) else msgspec.json.encode(given).decode()


async def _as_step(ctx: Context, tool: Tool, call: ToolCall) -> Any:
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

    labels = labels_of(tool)
    verify = happened if tool.verify is not None else None
    options = Options(
        tool.name, tool.retry, tool.timeout_seconds, tool.idempotent, verify, None, labels, "tool", tool.declared
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

    async def fail(**given: Any) -> None:
        raise ToolFailed(f"There is no tool {name!r}. There are: {known}.")

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
