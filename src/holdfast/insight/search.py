"""Search: in the index, and before that in whatever is newer than it.

So what was written a moment ago is found, and what was written a year ago costs no more. Where there is no index (an
embedded runtime, a sealed store) a search looks through so many entries at most and says how far back it came; the next one
goes on from there.
"""

from __future__ import annotations

import msgspec

from ..domain.address import is_builtin, short
from ..domain.entry import EntryKind, StoredEntry
from ..journal.codec import Seal
from ..ports.clock import Clock
from ..ports.lookup import Terms
from ..ports.segments import HistoryRow
from ..ports.store import Store
from .behind import Behind
from .words import fits, line_of, may_fit, text_of

_STEP = 5_000
_MOST = 50_000
"""Entries looked through by one search."""
_AROUND = 160


class Hit(msgspec.Struct):
    """An entry, and the words around what was sought. ``error``: of a step that failed."""

    id: int
    address: str
    seq: int
    turn: int
    kind: str
    verb: str
    name: str
    at: int
    failed: bool
    words: str
    error: str = ""


class Page(msgspec.Struct):
    """Newest first. ``looked``: through so many entries that the index did not have; ``before``: go on before this id, 0
    when there is no more; ``indexed``: up to which id the index has come, 0 if there is none."""

    found: list[Hit]
    looked: int
    before: int
    indexed: int = 0


class Search:
    """See the module."""

    def __init__(self, store: Store, clock: Clock, seal: Seal | None) -> None:
        self._store = store
        self._clock = clock
        self._sealed = seal is not None
        self._behind = Behind(store, seal)

    async def look(self, terms: Terms, before: int, limit: int) -> Page:
        """Up to ``limit`` entries before an id (0: from the newest)."""
        indexed = 0 if self._sealed else (await self._store.indexed())[0]
        page = Page([], 0, before or await self._store.newest() + 1, indexed)
        while page.before > indexed + 1 and page.looked < _MOST and len(page.found) < limit:
            await self._look_through(terms, page, limit)
            await self._clock.sleep(0)
        if page.before <= indexed + 1 and len(page.found) < limit:
            want = limit - len(page.found)
            rows = await self._store.look_up(terms, page.before, want) if indexed else []
            page.found += [hit_of(row, self._behind.entry(row), terms) for row in rows]
            page.before = rows[-1].id if len(rows) == want else 0
        return page

    async def _look_through(self, terms: Terms, page: Page, limit: int) -> None:
        lower = max(page.indexed, page.before - _STEP - 1)
        rows = [row for row in await self._store.history(lower, _STEP) if row.id < page.before]
        page.looked += page.before - 1 - lower
        page.before = lower + 1
        for row in reversed(rows):
            if is_builtin(row.address) or not (self._sealed or may_fit(row, terms)):
                continue
            entry = self._behind.entry(row)
            begin = await self._behind.of(row, entry) if asks_who(terms) else None
            if fits(line_of(row, entry, begin), terms):
                page.found.append(hit_of(row, entry, terms))
                if len(page.found) == limit:
                    page.before = row.id
                    return


def asks_who(terms: Terms) -> bool:
    """Whether it takes the beginning of a turn to tell whether one of its entries fits."""
    return any(mark.startswith("by:") for mark in terms.marks)


def hit_of(row: HistoryRow, entry: StoredEntry, terms: Terms) -> Hit:
    """What is shown of an entry that was found."""
    failure = entry.failure
    return Hit(
        row.id,
        short(row.address),
        row.seq,
        row.turn,
        EntryKind(entry.kind).name.lower(),
        entry.verb,
        entry.name,
        entry.at,
        failure is not None,
        _around(text_of(entry), terms),
        f"{failure.code}: {failure.message}" if failure is not None and failure.code else failure.message if failure else "",
    )


def _around(text: str, terms: Terms) -> str:
    """The words of an entry, from a little before the first that was sought."""
    low = text.casefold()
    sought = [word for phrase in terms.phrases if not phrase.without for word in phrase.words]
    at = min((n for word in sought if (n := low.find(word)) >= 0), default=0)
    start = max(0, min(at, len(text)) - 40)
    return ("…" if start else "") + text[start : start + _AROUND]


__all__ = ["Hit", "Page", "Search", "asks_who", "hit_of"]
