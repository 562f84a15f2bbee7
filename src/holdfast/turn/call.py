"""``call`` and ``send``: messages to other agents, exactly once, in the commit of the step that sends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ..domain import labels as provenance
from ..domain.address import DEFAULT_TENANT, TOPIC, tenant_of
from ..domain.entry import EntryKind
from ..domain.errors import Rejected, TurnFailed
from ..domain.intent import named, placed
from ..domain.message import Cause, Kind, Message
from ..journal.codec import Raw, Shape, encode, encode_message, error_of
from ..ports.store import Send
from .admitting import How
from .definition import Target
from .turn import Turn

T = TypeVar("T")

_CHAIN = 16
_UNNAMED = f"{DEFAULT_TENANT}/"


async def call(
    turn: Turn,
    target: Target[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    timeout_ms: int = 0,
    priority: int = 0,
) -> Any:
    """Ask another agent and wait for its answer; the wait costs nothing once the turn has left memory."""
    to = meant(turn, target.address)
    name = f"{_kind_of(to)}.{target.handler}"
    path, recorded = await turn.step("call", name)
    if recorded is None:
        if to == turn.active.address and not (target.spec is not None and target.spec.shared):
            raise Rejected(
                "call.self",
                f"{to} called its own exclusive handler {target.handler!r}: it would wait for itself for ever. "
                "Use ctx.send, or call the function directly.",
                address=to,
            )
        payload, names = await _let_out(turn, "call", target, path, args, kwargs, to, name)
        if turn.item.id == 0:
            await turn.accept()
        due = turn.clock.now_ms() + timeout_ms if timeout_ms else 0
        detail: dict[str, Any] = {"to": to, "due": due, "args": Raw(payload)}
        if names:
            detail["names"] = names
        turn.journal(EntryKind.INTENT, path, "call", name, detail=detail)
        cause = Cause(turn.active.address, turn.number, path)
        message = _message(turn, to, target.handler, payload, path)
        message.reply = cause
        message.priority = priority
        post(turn, message)
    elif recorded.result is not None:
        return _answer(recorded.result.failure, recorded.result.value, target.returns, name)
    else:
        assert recorded.intent is not None
        due = int(turn.detail(recorded.intent).get("due", 0))
    outcome = await turn.wait_for(path, "call", name, due=due, row=due > 0)
    return _answer(outcome.failure, outcome.value, target.returns, name)


async def _let_out(
    turn: Turn,
    verb: str,
    target: Target[..., Any],
    path: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    to: str,
    recorded_as: str,
    payload: bytes = b"",
) -> tuple[bytes, list[str]]:
    """Pass the gate: what is sent (``payload``, unless a rule changed the arguments), and the parameters that its positional
    arguments stand for."""
    names, most = target.names(args), turn.limits.payload_bytes
    given = named(args, kwargs, names)

    def packed(found: Mapping[str, Any]) -> tuple[bytes, list[str]]:
        args, kwargs = placed(found, names)
        return target.pack(args, kwargs, most), names[: len(args)]

    def fits(found: Mapping[str, Any]) -> None:
        turn.worker.runner.check(to, target.handler, packed(found)[0])

    found = await turn.admit(verb, target.handler, path, given, to=to, recorded_as=recorded_as, how=How(fits))
    return (payload or target.pack(args, kwargs, most), names) if found is given else packed(found)


async def send_to(
    turn: Turn, target: Target[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], due: int = 0, priority: int = 0
) -> None:
    """A message to a handler, one way: done when this turn's commit is, delivered in the same instant."""
    payload = target.pack(args, kwargs, turn.limits.payload_bytes)
    to = meant(turn, target.address)
    name = f"{_kind_of(to)}.{target.handler}"
    path, recorded = await turn.step("send", name)
    if recorded is not None:
        return
    payload, names = await _let_out(turn, "send", target, path, args, kwargs, to, name, payload)
    await _sent(turn, "send", to, target.handler, name, path, payload, due, priority, names=names)


async def send(
    turn: Turn,
    to: str,
    kind: Kind,
    name: str,
    value: Any,
    verb: str,
    *,
    due: int = 0,
    number: int = 0,
) -> None:
    """An event, the answer to a wait, or what is published: a value, or a list of them. ``number`` is the receiver's turn,
    for an answer."""
    to = meant(turn, to)
    shown = f"{_kind_of(to)}.{name}" if name else to
    payload = _payload(turn, kind, value, shown)
    path, recorded = await turn.step(verb, shown)
    if recorded is not None:
        return
    given = named(value, {}) if kind is Kind.REQUEST else {"0": value}
    about = name or to.removeprefix(TOPIC)
    found = await turn.admit(verb, about, path, given, to=to, recorded_as=shown, how=How(lambda found: _values(kind, found)))
    if found is not given:
        payload = _payload(turn, kind, _values(kind, found), shown)
    await _sent(turn, verb, to, name, shown, path, payload, due, 0, kind=kind, number=number)


def _values(kind: Kind, found: Mapping[str, Any]) -> Any:
    """Arguments by place as what is sent. Raises ``TypeError`` if they are not that any more."""
    args, kwargs = placed(found)
    if kwargs or (kind is not Kind.REQUEST and len(args) != 1):
        raise TypeError(f"it takes values by place ({', '.join(map(repr, found)) or 'none'} were left)")
    return args if kind is Kind.REQUEST else args[0]


def _payload(turn: Turn, kind: Kind, value: Any, what: str) -> bytes:
    return encode((value, {}) if kind is Kind.REQUEST else value, f"arguments of {what}", turn.limits.payload_bytes)


async def _sent(
    turn: Turn,
    verb: str,
    to: str,
    name: str,
    shown: str,
    path: str,
    payload: bytes,
    due: int,
    priority: int,
    *,
    kind: Kind = Kind.REQUEST,
    names: Sequence[str] = (),
    number: int = 0,
) -> None:
    if turn.item.id == 0:
        await turn.accept()
    detail: dict[str, Any] = {"to": to, "args": Raw(payload)}
    if due:
        detail["due"] = due
    if names:
        detail["names"] = names
    if kind is Kind.EVENT:
        detail["event"] = True
    turn.journal(EntryKind.STEP, path, verb, shown, detail=detail)
    message = _message(turn, to, name, payload, path)
    message.kind = kind
    message.turn = number
    message.due = due
    message.priority = priority
    post(turn, message)


def meant(turn: Turn, to: str) -> str:
    """Whom an agent means by an address: where its code names no tenant, its own. Nothing is lost by that, for it reaches
    no other."""
    me = turn.active.address
    if me.startswith(_UNNAMED) or not to.startswith(_UNNAMED):
        return to
    return f"{tenant_of(me)}/{to.removeprefix(_UNNAMED)}"


def _message(turn: Turn, to: str, name: str, payload: bytes, path: str) -> Message:
    labels = provenance.join(turn.labels, (provenance.of_agent(turn.active.address),))
    return Message(
        to,
        Kind.REQUEST,
        name,
        payload,
        sender=turn.active.address,
        cause=Cause(turn.active.address, turn.number, path),
        trace=turn.item.message.trace,
        labels=tuple(sorted(labels)),
        created=turn.clock.now_ms(),
        chain=_chain(turn),
        tags=turn.item.message.tags,
    )


def _chain(turn: Turn) -> tuple[str, ...]:
    """Who delegated, each once: agents that send each other messages for ever make no longer chain."""
    before, me = turn.item.message.chain, turn.active.address
    return before if me in before or len(before) >= _CHAIN else (*before, me)


def post(turn: Turn, message: Message) -> None:
    """Put a message into the commit being drafted."""
    turn.active.write().sends.append(Send(message, turn.worker.sealed(encode_message(message))))


def _kind_of(to: str) -> str:
    """What identifies a receiver for a replay: its definition, not its key, which may be made up anew each time."""
    return to if ":" in to.partition("/")[0] else to.split("/", 2)[1]


def _answer(failure: Any, value: Any, shape: Shape, name: str) -> Any:
    if failure is not None:
        raise error_of(failure, TurnFailed, "turn.failed")
    return shape.decode(value, f"answer of {name}")
