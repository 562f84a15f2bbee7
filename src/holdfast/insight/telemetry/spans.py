"""From journal entries to spans.

A span's id is a hash of the place that it stands for (agent, turn, step), so that a step and the turn that it causes agree
on it without having met, and whoever reads the same journal twice makes the same spans. A turn's trace is its message's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, Literal

import msgspec

from ...domain.address import name_of, short
from ...domain.entry import EntryKind, StoredEntry
from ...domain.message import Failure, Message
from ...journal.codec import decode_any
from ...models.job import Facts
from ..tailing import Seen
from . import names

_MOST_OPEN = 100_000
_TOOL_VERBS = ("tool", "result")
_facts = msgspec.msgpack.Decoder(Facts).decode

Kind = Literal["internal", "client", "consumer", "producer"]
MessageOf = Callable[[int], Awaitable[Message | None]]
"""Reads the message of a turn by its id; None where it is gone."""
BeginOf = Callable[[str, int], Awaitable[StoredEntry | None]]
"""Reads the first entry of a turn; None where it is gone."""


class Span(msgspec.Struct, kw_only=True):
    """Something that took time. Ids in hex, times in nanoseconds; ``error``: why it failed, ``""`` if it did not."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: Kind
    start: int
    end: int
    attributes: dict[str, Any]
    error: str = ""


class _Open(msgspec.Struct):
    """A turn that has begun."""

    trace_id: str
    parent_id: str
    began: int
    attributes: dict[str, Any]
    waits: dict[str, int]


class Spans:
    """See the module. Feed it entries in their order; it gives the spans that they end."""

    def __init__(self, message_of: MessageOf, begin_of: BeginOf) -> None:
        self._message_of = message_of
        self._begin_of = begin_of
        self._open: OrderedDict[tuple[str, int], _Open] = OrderedDict()

    async def of(self, seen: Seen) -> list[Span]:
        """The spans that this entry ends."""
        entry = seen.entry
        turn = await self._turn(seen)
        if turn is None:
            return []
        if entry.kind == EntryKind.INTENT:
            turn.waits[entry.path] = entry.at
            return []
        if entry.kind == EntryKind.END:
            self._open.pop((seen.address, seen.turn), None)
            return [_turn_span(seen, turn)]
        if entry.kind in (EntryKind.STEP, EntryKind.RESULT):
            return [_step_span(seen, turn)]
        return []

    async def _turn(self, seen: Seen) -> _Open | None:
        key = seen.address, seen.turn
        known = self._open.get(key)
        if known is not None:
            return known
        entry = seen.entry if seen.entry.begin is not None else await self._begin_of(seen.address, seen.turn)
        if entry is None or entry.begin is None:
            return None
        message = await self._message_of(entry.begin.message)
        self._open[key] = opened = _opened(seen, entry, message)
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)
        return opened


def trace_id(trace: str) -> str:
    """A trace of ours as OpenTelemetry writes it: as it is where it came in that form, else its hash."""
    if len(trace) == 32 and not trace.strip("0123456789abcdef") and trace.strip("0"):
        return trace
    return sha256(b"trace " + trace.encode()).hexdigest()[:32]


def span_id(address: str, turn: int, path: str) -> str:
    """The id of a step's span, or of a turn's with an empty path."""
    return sha256(f"span {address} {turn} {path}".encode()).hexdigest()[:16]


def _opened(seen: Seen, entry: StoredEntry, message: Message | None) -> _Open:
    begin = entry.begin
    assert begin is not None
    cause = message.cause or message.reply if message is not None else None
    trace = message.trace if message is not None and message.trace else f"{seen.address}#{seen.turn}"
    attributes: dict[str, Any] = {
        names.OPERATION: names.INVOKE_AGENT,
        names.AGENT_ID: short(seen.address),
        names.AGENT_NAME: name_of(seen.address),
        names.AGENT_VERSION: begin.version,
        names.CONVERSATION_ID: short(seen.address),
        names.TURN: seen.turn,
        names.STEP: begin.handler,
        names.MESSAGE: begin.message,
        names.SENDER: begin.sender,
        names.TRACE: trace,
    }
    if message is not None and message.created:
        attributes[names.QUEUED_MS] = max(0, entry.at - message.created)
    parent = span_id(cause.agent, cause.turn, cause.path) if cause is not None else ""
    return _Open(trace_id(trace), parent, entry.at, attributes, {})


def _turn_span(seen: Seen, turn: _Open) -> Span:
    entry = seen.entry
    attributes = dict(turn.attributes)
    error = _failed(entry.failure, attributes)
    return Span(
        trace_id=turn.trace_id,
        span_id=span_id(seen.address, seen.turn, ""),
        parent_id=turn.parent_id,
        name=f"{names.INVOKE_AGENT} {name_of(seen.address)}",
        kind="consumer",
        start=turn.began * 1_000_000,
        end=max(entry.at, turn.began) * 1_000_000,
        attributes=attributes,
        error=error,
    )


def _step_span(seen: Seen, turn: _Open) -> Span:
    entry = seen.entry
    began = turn.waits.pop(entry.path, entry.at - entry.took)
    attributes: dict[str, Any] = {
        names.AGENT_ID: short(seen.address),
        names.AGENT_NAME: name_of(seen.address),
        names.CONVERSATION_ID: short(seen.address),
        names.TURN: seen.turn,
        names.STEP: entry.path,
        names.VERB: entry.verb,
        names.ATTEMPTS: entry.attempts,
    }
    name = _described(entry, attributes)
    decision: Any = entry.decision
    if decision:
        attributes[names.VERDICT] = str(decision.get("verdict", ""))
        attributes[names.RULES] = [str(rule) for rule in decision.get("rules", ())]
    error = _failed(entry.failure, attributes)
    return Span(
        trace_id=turn.trace_id,
        span_id=span_id(seen.address, seen.turn, entry.path),
        parent_id=span_id(seen.address, seen.turn, ""),
        name=name,
        kind="producer"
        if entry.verb in ("send", "publish")
        else "client"
        if entry.verb in ("call", "model")
        else "internal",
        start=began * 1_000_000,
        end=max(entry.at, began) * 1_000_000,
        attributes=attributes,
        error=error,
    )


def _described(entry: StoredEntry, attributes: dict[str, Any]) -> str:
    """The span's name, after what kind of step it is; its attributes are filled in."""
    if entry.verb == "model":
        attributes[names.OPERATION] = names.CHAT
        attributes[names.ROUTE] = entry.name
        return f"{names.CHAT} {_model(entry, attributes)}"
    if entry.verb in _TOOL_VERBS:
        attributes[names.OPERATION] = names.EXECUTE_TOOL
        attributes[names.TOOL_NAME] = entry.name
        return f"{names.EXECUTE_TOOL} {entry.name}"
    return f"{entry.verb} {entry.name}".strip()


def _model(entry: StoredEntry, attributes: dict[str, Any]) -> str:
    detail: Any = decode_any(entry.detail)
    if not isinstance(detail, dict) or "facts" not in detail:
        attributes[names.REQUEST_MODEL] = entry.name
        return entry.name
    facts = _facts(msgspec.msgpack.encode(detail["facts"]))
    attributes |= {
        names.PROVIDER: names.provider(facts.vendor),
        names.REQUEST_MODEL: facts.model,
        names.RESPONSE_MODEL: facts.model,
        names.TARGET: facts.target,
        names.INPUT_TOKENS: facts.usage.input,
        names.OUTPUT_TOKENS: facts.usage.output,
        names.CACHED_TOKENS: facts.usage.cached,
        names.REASONING_TOKENS: facts.usage.reasoning,
        names.USD: facts.nanos / 1e9,
    }
    return facts.model


def _failed(failure: Failure | None, attributes: dict[str, Any]) -> str:
    if failure is None:
        return ""
    attributes[names.ERROR_TYPE] = failure.code or failure.type or failure.kind
    return failure.message or failure.code


__all__ = ["Span", "Spans", "span_id", "trace_id"]
