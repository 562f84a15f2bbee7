"""``Recent``: entries since a moment that a brief tells of, found with the store's indices and within a bound.

The id where a moment begins is found by halving: ids ascend with time. What the index of words has is looked up there; what
is newer is read, at most so many entries of it, all that is wanted in one go.
"""

from __future__ import annotations

import msgspec

from ...domain.address import is_builtin
from ...domain.entry import StoredEntry
from ...journal.codec import Seal
from ...ports.clock import Clock
from ...ports.lookup import Terms
from ...ports.segments import HistoryRow
from ...ports.store import Store
from ..behind import Behind
from ..words import fits, line_of

_STEP = 2_000
_MOST = 20_000
"""Entries that are not in the index yet and are read for one brief."""


class Seen(msgspec.Struct):
    """An entry that was found."""

    row: HistoryRow
    entry: StoredEntry


class Found(msgspec.Struct):
    """What there is of each of the terms, newest first. ``cut``: those of which there are more; ``read_from``: the time of
    the oldest entry that was read, where older ones are in no index and were left out; 0 if none was."""

    of: list[list[Seen]]
    cut: set[int]
    read_from: int = 0


class Recent:
    """See the module."""

    def __init__(self, store: Store, clock: Clock, seal: Seal | None, most: int = _MOST) -> None:
        self._store = store
        self._clock = clock
        self._sealed = seal is not None
        self._behind = Behind(store, seal)
        self._most = most

    async def begin(self, since: int) -> int:
        """The id behind which entries are from ``since`` (milliseconds) on."""
        low, high = 0, await self._store.newest()
        while low < high:
            middle = (low + high) // 2
            rows = await self._store.history(middle, 1)
            if not rows or self._behind.entry(rows[0]).at >= since:
                high = middle
            else:
                low = rows[0].id
        return low

    async def look(self, wanted: list[Terms], since: int, limit: int) -> Found:
        """Up to ``limit`` entries for each of the terms, from ``since`` on."""
        begin = await self.begin(since)
        indexed = 0 if self._sealed else (await self._store.indexed())[0]
        found = Found([[] for _ in wanted], set())
        before = await self._store.newest() + 1
        lower = max(begin, indexed)
        stop = max(lower, before - 1 - self._most)
        while before - 1 > stop:
            before = await self._read(wanted, before, stop, limit, found)
            await self._clock.sleep(0)
        if stop > lower and (rows := await self._store.history(stop, 1)):
            found.read_from = self._behind.entry(rows[0]).at
        elif indexed > begin:
            for place, terms in enumerate(wanted):
                await self._look_up(place, terms, indexed + 1, begin, limit, found)
        return found

    async def _read(self, wanted: list[Terms], before: int, stop: int, limit: int, found: Found) -> int:
        after = max(stop, before - 1 - _STEP)
        for row in reversed([r for r in await self._store.history(after, _STEP) if r.id < before]):
            if is_builtin(row.address):
                continue
            entry = self._behind.entry(row)
            likely = [place for place, terms in enumerate(wanted) if _may_be(entry, terms)]
            line = line_of(row, entry, None) if likely else None
            for place in likely:
                if line is not None and fits(line, wanted[place]):
                    _put(found, place, Seen(row, entry), limit)
        return after + 1

    async def _look_up(self, place: int, terms: Terms, before: int, begin: int, limit: int, found: Found) -> None:
        if (want := limit - len(found.of[place])) <= 0:
            return
        rows = await self._store.look_up(terms, before, want + 1)
        for row in rows:
            if row.id > begin and not is_builtin(row.address):
                _put(found, place, Seen(row, self._behind.entry(row)), limit)


def _may_be(entry: StoredEntry, terms: Terms) -> bool:
    """A quick look at two of the marks, before the words of an entry are told apart: most are none of those."""
    if "failed" in terms.marks and entry.failure is None:
        return False
    return all(mark == f"verb:{entry.verb}" for mark in terms.marks if mark.startswith("verb:"))


def _put(found: Found, place: int, seen: Seen, limit: int) -> None:
    if len(found.of[place]) < limit:
        found.of[place].append(seen)
    else:
        found.cut.add(place)


__all__ = ["Found", "Recent", "Seen"]
