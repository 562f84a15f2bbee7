"""What the gate said of late, about all agents: journals read backwards, a bounded part at a time.

A plain yes leaves nothing beside its entry, so entries without a decision are passed over before they are decoded. There is
no index of decisions that could differ from the journals.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.address import is_builtin, short
from ..domain.entry import EntryKind, StoredEntry
from ..gate.past import VERBS, done_of
from ..journal.codec import Seal, decode_any, decode_entry
from ..ports.clock import Clock
from ..ports.segments import HistoryRow
from ..ports.store import Store

OUTCOMES = ("deny", "ask", "approved", "transform", "hold", "allow")
_STEP = 2_000
_MOST = 50_000
"""Entries looked through at once."""
_BEGINS = (EntryKind.STEP, EntryKind.INTENT)
_MARKS = (b"verdict", b"review")


class Decided(msgspec.Struct):
    """An entry with what the gate said of it; see ``DecisionView``."""

    id: int
    address: str
    seq: int
    turn: int
    path: str
    at: int
    verb: str
    name: str
    to: str
    outcome: str
    rules: list[str]
    reasons: list[str]
    by: list[str]
    labels: list[str]
    error: str


class Sought(msgspec.Struct, frozen=True):
    """Which decisions: ``outcomes`` (all but plain yes if empty), a part of a rule's name, a beginning of addresses."""

    outcomes: frozenset[str] = frozenset()
    rule: str = ""
    like: str = ""
    since: int = 0

    def fits(self, found: Decided, recorded: bool) -> bool:
        """Whether it is one of those. ``recorded``: the gate said more than yes."""
        if found.outcome not in self.outcomes if self.outcomes else not recorded:
            return False
        return not self.rule or any(self.rule in rule for rule in found.rules)


class Page(msgspec.Struct):
    """See ``DecisionsView``."""

    found: list[Decided]
    before: int
    newest: int
    looked: int


async def look(
    store: Store, clock: Clock, seal: Seal | None, sought: Sought, *, before: int, after: int, limit: int
) -> Page:
    """Up to ``limit`` decisions between two ids, both exclusive, newest first."""
    newest = await store.newest()
    page = Page([], before or newest + 1, newest, 0)
    ended: dict[tuple[str, int, str], Decided] = {}  # by place; what was said may stand where the action began, met later
    while page.before > after + 1 and page.looked < _MOST and len(page.found) < limit:
        lower = max(after, page.before - _STEP - 1)
        rows = [row for row in await store.history(lower, _STEP) if row.id < page.before]
        page.looked += page.before - 1 - lower
        page.before = lower + 1
        for row in reversed(rows):
            entry = _looked_at(row, seal, sought)
            found = None if entry is None else _decided(row, entry)
            if entry is None or found is None:
                continue
            place = (row.address, row.turn, entry.path)
            if entry.kind == EntryKind.INTENT and (end := ended.pop(place, None)) is not None:
                page.found.remove(end)
            if not sought.fits(found, entry.decision is not None or entry.verb == "review"):
                continue
            if entry.kind == EntryKind.STEP:
                ended[place] = found
            if sought.since and found.at < sought.since:
                page.before = 0
                return page
            page.found.append(found)
            if len(page.found) == limit:
                page.before = row.id
                return page
        await clock.sleep(0)
    if page.before <= after + 1:
        page.before = 0
    return page


def _looked_at(row: HistoryRow, seal: Seal | None, sought: Sought) -> StoredEntry | None:
    """The entry, if the gate may have said something in it that is sought."""
    if is_builtin(row.address) or not row.address.startswith(sought.like):
        return None
    plain = not sought.outcomes or "allow" not in sought.outcomes
    if seal is None and plain and not any(mark in row.body for mark in _MARKS):
        return None
    return decode_entry(seal.open(row.body) if seal is not None else row.body)


def _decided(row: HistoryRow, entry: StoredEntry) -> Decided | None:
    return _asked(row, entry) if entry.verb == "review" and entry.kind == EntryKind.NOTE else _said(row, entry)


def _said(row: HistoryRow, entry: StoredEntry) -> Decided | None:
    """What was said when an action began, or did not."""
    if entry.verb not in VERBS or entry.kind not in _BEGINS:
        return None
    told: dict[str, Any] = entry.decision if isinstance(entry.decision, dict) else {}  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    by = [str(who) for who in told.get("by", ())]
    verdict = str(told.get("verdict", "allow"))
    failure = entry.failure
    done = done_of(row.turn, entry)
    return Decided(
        id=row.id,
        address=short(row.address),
        seq=row.seq,
        turn=row.turn,
        path=entry.path,
        at=entry.at,
        verb=entry.verb,
        name=entry.name,
        to=short(done.to) if done.to else "",
        outcome="approved" if by and verdict in ("ask", "transform") else verdict,
        rules=[str(rule) for rule in told.get("rules", ())],
        reasons=[str(reason) for reason in told.get("reasons", ())],
        by=by,
        labels=list(entry.labels),
        error=f"{failure.code}: {failure.message}" if failure and failure.code else failure.message if failure else "",
    )


def _asked(row: HistoryRow, entry: StoredEntry) -> Decided | None:
    """A person is asked: the journal keeps what about."""
    asked: Any = decode_any(entry.detail)
    if not isinstance(asked, dict):
        return None
    told: dict[str, Any] = asked  # pyright: ignore[reportUnknownVariableType]
    return Decided(
        id=row.id,
        address=short(row.address),
        seq=row.seq,
        turn=row.turn,
        path=entry.path,
        at=entry.at,
        verb=str(told.get("verb", "")),
        name=str(told.get("name", entry.name)),
        to=short(str(told["to"])) if told.get("to") else "",
        outcome="ask",
        rules=[str(rule) for rule in told.get("rules", ())],
        reasons=[str(reason) for reason in told.get("reasons", ())],
        by=[],
        labels=[str(label) for label in told.get("labels", ())],
        error="",
    )


__all__ = ["OUTCOMES", "Decided", "Page", "Sought", "look"]
