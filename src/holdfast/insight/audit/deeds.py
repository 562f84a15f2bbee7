"""Who did what: journal entries of all agents as one list of deeds, and the search in it.

A search reads journals, which are the truth; there is no second index that could differ from them, or hold in the clear what
a sealed store holds encrypted. It reads a bounded number of entries at a time and says where it stopped.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import msgspec

from ...domain.entry import Begin, EntryKind, StoredEntry
from ...gate.past import VERBS, given_in
from ...journal.codec import Seal, decode_any, to_json
from ...ports.segments import HistoryRow
from ...ports.store import Store
from ..behind import Behind

_ROWS = 500
_SCAN = 20_000
"""Entries read by one search at most, before it says where it stopped."""
_SILENT = frozenset((EntryKind.RESULT, EntryKind.END))
"""What only finishes something that was told already."""


class Deed(msgspec.Struct, kw_only=True):
    """Something that an agent did, or was kept from doing.

    Attributes:
        id: its place among all entries: a search goes on ``after`` it.
        by: the principal behind the turn: who sent its message.
        chain: on whose behalf: who delegated the work, outermost first.
        kind: step (it happened), intent (it is under way), note, cancel, retry.
        arguments: as given; what was too large for the journal is shortened there.
        decision: allow, transform, ask, deny or hold; ``rules`` and ``reasons`` say why.
        approved_by: the people who let it through.
    """

    id: int
    at: int
    agent: str
    seq: int
    turn: int
    path: str
    by: str
    handler: str
    kind: str
    verb: str
    name: str
    to: str = ""
    arguments: Any = None
    decision: str = "allow"
    rules: list[str] = []
    reasons: list[str] = []
    chain: list[str] = []
    approved_by: list[str] = []
    error: str = ""
    labels: list[str] = []
    took: int = 0


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched for; empty means anything. ``by``, ``name`` and ``text`` (of the arguments, as JSON) are found
    anywhere in theirs, ``agent`` at the beginning; ``by`` also in whoever delegated the work. Times in milliseconds;
    ``until`` exclusive."""

    by: str = ""
    agent: str = ""
    verb: str = ""
    name: str = ""
    text: str = ""
    since: int = 0
    until: int = 0
    decision: str = ""

    def fits(self, deed: Deed) -> bool:
        """Whether a deed is one of those."""
        return (
            deed.at >= self.since
            and (not self.until or deed.at < self.until)
            and (not self.verb or deed.verb == self.verb)
            and (not self.decision or deed.decision == self.decision)
            and (self.by in deed.by or any(self.by in who for who in deed.chain))
            and self.name in deed.name
            and (not self.text or self.text.casefold() in to_json(deed.arguments).decode().casefold())
        )


class Found(msgspec.Struct):
    """What a search found. ``after``: how far it has read; ``more``: whether there is more to read after that."""

    deeds: list[Deed]
    after: int
    more: bool


class Deeds:
    """The search over a store."""

    def __init__(self, store: Store, seal: Seal | None) -> None:
        self._store = store
        self._behind = Behind(store, seal)

    async def search(self, wanted: Wanted, after: int = 0, limit: int = 100) -> Found:
        """Deeds in the order in which they were committed."""
        found: list[Deed] = []
        read = 0
        while read < _SCAN and len(found) < limit:
            rows = await self._store.history(after, _ROWS, wanted.agent)
            for row in rows:
                after = row.id
                entry = self._behind.entry(row)
                if entry.kind in _SILENT and entry.failure is None and entry.begin is None:
                    continue
                deed = _deed(row, entry, await self._behind.of(row, entry))
                if wanted.fits(deed):
                    found.append(deed)
                    if len(found) == limit:
                        return Found(found, after, True)
            read += len(rows)
            if len(rows) < _ROWS:
                return Found(found, after, False)
            await asyncio.sleep(0)  # noqa: TID251 - no wait: others get their turn
        return Found(found, after, True)


def _deed(row: HistoryRow, entry: StoredEntry, begin: Begin | None) -> Deed:
    to, arguments = _given(entry.verb, decode_any(entry.detail))
    decision: dict[str, Any] = entry.decision or {}
    failure = entry.failure
    return Deed(
        id=row.id,
        at=entry.at,
        agent=row.address,
        seq=row.seq,
        turn=row.turn,
        path=entry.path,
        by=begin.sender if begin else "",
        chain=list(begin.chain) if begin else [],
        handler=begin.handler if begin else "",
        kind=EntryKind(entry.kind).name.lower(),
        verb=entry.verb,
        name=entry.name,
        to=to,
        arguments=arguments,
        decision=str(decision.get("verdict", "allow")),
        rules=[str(rule) for rule in decision.get("rules", [])],
        reasons=[str(reason) for reason in decision.get("reasons", [])],
        approved_by=[str(who) for who in decision.get("by", [])],
        error=f"{failure.code}: {failure.message}" if failure and failure.code else failure.message if failure else "",
        labels=list(entry.labels),
        took=entry.took,
    )


def _given(verb: str, detail: Any) -> tuple[str, Any]:
    """Receiver and arguments, from what explains an entry."""
    if not isinstance(detail, dict):
        return "", given_in(verb, detail) if verb in VERBS else detail
    known = cast("dict[str, Any]", detail)
    given = given_in(verb, known) if verb in VERBS else known.get("args", known.get("asked", known))
    return str(known.get("to", "")), given
