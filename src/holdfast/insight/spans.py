"""Spans: turns as bars over time, with their steps and the step of another agent that caused them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from ..domain.address import is_builtin, short
from ..domain.entry import EntryKind, StoredEntry
from ..domain.message import Cause
from ..mailbox.worker import Worker
from ..ports.segments import HistoryRow
from ..ports.store import Store
from .behind import Behind

_ERROR = 160


class Step(msgspec.Struct, array_like=True, gc=False):
    """A step at its lightest, as an array: seq, path, verb, name, began, ended, failed. Times in milliseconds; ``began`` is
    0 before the window, ``ended`` is 0 after it or not yet."""

    seq: int
    path: str
    verb: str
    name: str
    began: int
    ended: int
    failed: bool


class Span(msgspec.Struct, gc=False):
    """A turn in a window of time.

    Attributes:
        began: 0 before the window.
        ended: 0 after the window or not yet; ``state`` is ``open`` then.
        state: open, done, failed, cancelled or killed.
        cause: agent, turn and path of the step that sent its message; None for what came from outside, or if the message is
            forgotten.
    """

    agent: str
    turn: int
    handler: str = ""
    sender: str = ""
    began: int = 0
    ended: int = 0
    state: str = "open"
    error: str = ""
    failures: int = 0
    entries: int = 0
    cause: Cause | None = None
    steps: list[Step] = []


class Spans:
    """Puts entries together to spans. ``most`` is how many messages it looks up at once."""

    def __init__(self, store: Store, worker: Worker, most: int = 64) -> None:
        self._store = store
        self._worker = worker
        self._behind = Behind(store, worker.seal)
        self._most = most

    async def of(self, rows: Sequence[HistoryRow]) -> list[Span]:
        """The turns of these entries (ascending), in the order of their first ones."""
        found: dict[tuple[str, int], Span] = {}
        messages: dict[tuple[str, int], int] = {}
        open: dict[tuple[str, int, str], Step] = {}
        for row in rows:
            if is_builtin(row.address):
                continue
            entry = self._behind.entry(row)
            key = (row.address, row.turn)
            span = found.get(key)
            if span is None:
                span = found[key] = Span(short(row.address), row.turn)
                begin = await self._behind.of(row, entry)
                if begin is not None:
                    span.handler, span.sender = begin.handler, short(begin.sender)
                    messages[key] = begin.message
            if entry.begin is not None:
                span.began = entry.at - entry.took
            _add(span, row, entry, open)
        gate = asyncio.Semaphore(self._most)
        causes = await asyncio.gather(*(self._cause(id, gate) for id in messages.values()))
        for key, cause in zip(messages, causes, strict=True):
            found[key].cause = cause
        return list(found.values())

    async def _cause(self, message: int, gate: asyncio.Semaphore) -> Cause | None:
        async with gate:
            stored = await self._store.message(message) if message else None
        if stored is None:
            return None
        sent = self._worker.loader.item(stored).message
        cause = sent.cause or sent.reply
        return Cause(short(cause.agent), cause.turn, cause.path) if cause is not None else None


def _add(span: Span, row: HistoryRow, entry: StoredEntry, open: dict[tuple[str, int, str], Step]) -> None:
    """Take an entry into its span: an intent and its result are one step."""
    span.entries += 1
    failed = entry.failure is not None
    if entry.kind == EntryKind.END:
        span.ended, span.state = entry.at, entry.name or "done"
        span.error = entry.failure.message[:_ERROR] if entry.failure is not None else ""
        return
    span.failures += failed
    place = (row.address, row.turn, entry.path)
    if entry.kind == EntryKind.RESULT and (step := open.pop(place, None)) is not None:
        step.ended, step.failed = entry.at, failed
        return
    instant = entry.kind in (EntryKind.STEP, EntryKind.NOTE, EntryKind.CANCEL, EntryKind.RETRY)
    began = entry.at - entry.took if instant or entry.took else 0 if entry.kind == EntryKind.RESULT else entry.at
    verb = entry.verb or EntryKind(entry.kind).name.lower()
    step = Step(row.seq, entry.path, verb, entry.name, began, entry.at, failed)
    if entry.kind == EntryKind.INTENT:
        step.ended = 0
        open[place] = step
    span.steps.append(step)


__all__ = ["Span", "Spans", "Step"]
