"""Watching: what is written from now on, as far as it fits a search, each entry once and in order.

New entries are read up to where no older one can appear any more (``Lookup.indexed``), so nothing is passed over, whichever
session wrote it. Where somebody else's transaction keeps that back for long (a dump of the database), what is five seconds
old counts as settled: commits take milliseconds. All watchers of a process share one look at the store for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

import msgspec

from ..domain.address import is_builtin
from ..journal.codec import Seal
from ..ports.clock import Clock
from ..ports.lookup import Terms
from ..ports.segments import HistoryRow
from ..ports.store import Store
from .behind import Behind
from .search import Hit, Search, asks_who, hit_of
from .words import fits, line_of, may_fit

LOOK_SECONDS = 0.25
_PAGE = 1_000
_PATIENCE_SECONDS = 5.0
_FAR = 5_000
"""Entries; what is further back is looked up instead of read."""
_MOST = 500


class Found(msgspec.Struct):
    """New hits, oldest first; all entries up to ``upto`` were looked at. ``left_out``: there were older ones, too many."""

    hits: list[Hit]
    upto: int
    left_out: bool = False


class Watching:
    """See the module. One per process.

    Attributes:
        not_by: senders' addresses that begin so are no news: what their messages set off is not told of.
    """

    def __init__(self, store: Store, clock: Clock, seal: Seal | None, not_by: str = "") -> None:
        self.not_by = not_by
        self._store = store
        self._clock = clock
        self._sealed = seal is not None
        self._behind = Behind(store, seal)
        self._search = Search(store, clock, seal)
        self._looked = -1.0
        self._upto = 0
        self._coming: deque[tuple[float, int]] = deque()
        self._rows: tuple[int, int, list[HistoryRow]] = (-1, -1, [])

    async def settled(self) -> int:
        """The id up to which everything is there, as of a quarter of a second ago at most."""
        now = self._clock.monotonic()
        if self._looked < 0 or now - self._looked >= LOOK_SECONDS:
            self._looked = now
            newest = await self._store.newest()  # before it is known what is settled: no younger entry counts
            self._upto = max(self._upto, (await self._store.indexed())[1])
            self._coming.append((now, newest))
            while self._coming and (self._coming[0][1] <= self._upto or now - self._coming[0][0] >= _PATIENCE_SECONDS):
                self._upto = max(self._upto, self._coming.popleft()[1])
        return self._upto

    async def beyond(self, terms: Terms, after: int) -> Found:
        """What came after an id and fits."""
        upto = await self.settled()
        if upto <= after:
            return Found([], after)
        if upto - after > _FAR:
            return await self._catch_up(terms, after, upto)
        hits: list[Hit] = []
        for row in await self._between(after, upto):
            if is_builtin(row.address) or not (self._sealed or may_fit(row, terms)):
                continue
            entry = self._behind.entry(row)
            begin = await self._behind.of(row, entry) if asks_who(terms) else None
            if fits(line_of(row, entry, begin), terms) and not await self._set_off(row):
                hits.append(hit_of(row, entry, terms))
        return Found(hits[-_MOST:], upto, len(hits) > _MOST)

    async def watch(self, terms: Terms, after: int = 0) -> AsyncIterator[Hit]:
        """Hits after an id (0: from now on), as they come; it does not end by itself."""
        after = after or await self._store.newest()
        while True:
            found = await self.beyond(terms, after)
            after = found.upto
            for hit in found.hits:
                yield hit
            await self._clock.sleep(LOOK_SECONDS)

    async def _between(self, after: int, upto: int) -> list[HistoryRow]:
        if self._rows[:2] != (after, upto):
            rows: list[HistoryRow] = []
            last = after
            while page := await self._store.history(last, _PAGE):
                rows += [row for row in page if row.id <= upto]
                last = page[-1].id
                if last >= upto:
                    break
            self._rows = (after, upto, rows)
        return self._rows[2]

    async def _catch_up(self, terms: Terms, after: int, upto: int) -> Found:
        hits: list[Hit] = []
        before = upto + 1
        while len(hits) < _MOST:
            page = await self._search.look(terms, before, _MOST)
            hits += [hit for hit in page.found if hit.id > after]
            before = page.before
            if before <= after + 1:
                return Found(await self._news(hits), upto)
        return Found(await self._news(hits[:_MOST]), upto, left_out=True)

    async def _news(self, hits: list[Hit]) -> list[Hit]:
        """Oldest first, without what is no news."""
        hits = sorted(hits, key=lambda hit: hit.id)
        if not self.not_by:
            return hits
        rows = {row.id: row for row in await self._store.rows([hit.id for hit in hits])}
        return [hit for hit in hits if hit.id not in rows or not await self._set_off(rows[hit.id])]

    async def _set_off(self, row: HistoryRow) -> bool:
        """Whether somebody told of news wrote this because of it: otherwise telling would be what there is to tell of."""
        if not self.not_by:
            return False
        begin = await self._behind.of(row, self._behind.entry(row))
        return begin is not None and f"/{self.not_by}" in f"/{begin.sender}"


__all__ = ["LOOK_SECONDS", "Found", "Watching"]
