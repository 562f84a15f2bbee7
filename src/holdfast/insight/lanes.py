"""Lanes: what all agents did in a window of time, whatever lies before and after it.

What is asked for is found by index: the window by ids (``moments``), some kind of agent by the index of words. A window with
more entries than anybody can look at is not read whole: samples from all parts of it tell who was active when, and the index
tells its failures and questions, which no sample may miss. Zooming in comes to where every turn is shown.
"""

from __future__ import annotations

import msgspec

from ..domain.address import is_builtin, short
from ..domain.entry import EntryKind
from ..mailbox.worker import Worker
from ..ports.segments import HistoryRow
from ..ports.store import Store
from .behind import Behind
from .moments import SLACK_MS, Moments
from .sampling import Lane, Sampling
from .spans import Span, Spans
from .words import terms_of

_THROUGH = 20_000
"""Entries looked through for those of some agents, where the index has not come."""
_MARKED = 200


class Sign(msgspec.Struct, gc=False):
    """A moment that matters in a window that is not read whole. ``kind``: failed or ask."""

    agent: str
    turn: int
    seq: int
    at: int
    kind: str
    name: str


class Window(msgspec.Struct):
    """What was found.

    Attributes:
        since, until, at: milliseconds; ``at`` is now.
        spans: every turn with an entry in the window; empty if it is ``sampled``.
        complete: since when the spans are complete; later than ``since`` if there are more than were asked for.
        sampled: one of so many entries was looked at; 0 if all were.
        lanes: who was active when, if it is sampled, the most active first.
        signs: failures and questions, newest first, if it is sampled; ``more_signs``: there are older ones.
    """

    since: int
    until: int
    at: int
    spans: list[Span] = []
    complete: int = 0
    sampled: int = 0
    lanes: list[Lane] = []
    signs: list[Sign] = []
    more_signs: bool = False


class Lanes:
    """See the module."""

    def __init__(self, store: Store, worker: Worker) -> None:
        self._store = store
        self._worker = worker
        self._moments = Moments(store, worker.seal)
        self._spans = Spans(store, worker)
        self._behind = Behind(store, worker.seal)

    async def look(self, since: int, until: int, place: str, limit: int) -> Window:
        """A window of time, of agents as ``words.within`` means them (``""``: all), with up to ``limit`` entries."""
        found = Window(since, until, self._worker.clock.now_ms(), complete=since)
        slack = min(SLACK_MS, (until - since) // 4)
        low = await self._moments.before(since - slack)
        high = await self._moments.before(until + slack)
        rows = await (self._of(place, low, high, limit) if place else self._all(low, high, limit))
        if rows is None:
            sampling = Sampling(self._store, self._moments)
            low, high = await self._moments.before(since), await self._moments.before(until)
            found.sampled, found.lanes = await sampling.look(low, high, since, until, place)
            await self._signs(found, place, low, high)
            return found
        if len(rows) > limit:
            rows = rows[-limit:]
            found.complete = max(since, self._moments.time_of(rows[0]))
        found.spans = await self._spans.of([row for row in rows if since <= self._moments.time_of(row) < until])
        return found

    async def _all(self, low: int, high: int, limit: int) -> list[HistoryRow] | None:
        """Everybody's entries, None if there are too many."""
        rows = [row for row in await self._store.history(low, limit + 1) if row.id <= high]
        return rows if len(rows) <= limit else None

    async def _of(self, place: str, low: int, high: int, limit: int) -> list[HistoryRow] | None:
        """Entries of some agents, the newest of them if there are too many; None for a whole tenant with too many."""
        indexed = 0 if self._worker.seal is not None else (await self._store.indexed())[0]
        begin = max(low, indexed, high - _THROUGH)
        rows: list[HistoryRow] = []
        while begin < high and (page := await self._store.history(begin, 5_000)):
            rows += [row for row in page if row.id <= high and is_of(row.address, place)]
            begin = page[-1].id
        want = limit + 1 - len(rows)
        if want > 0 and indexed > low:
            older = await self._store.look_up(terms_of("", place), min(high, indexed) + 1, want)
            rows = [row for row in reversed(older) if row.id > low] + rows
        return None if len(rows) > limit and place.endswith("/") and place.count("/") == 1 else rows

    async def _signs(self, found: Window, place: str, low: int, high: int) -> None:
        """What no sample may miss: from the index, and from what is newer than it."""
        indexed = 0 if self._worker.seal is not None else (await self._store.indexed())[0]
        for kind, terms in (("failed", terms_of("", place, failed=True)), ("ask", terms_of("", place, "ask"))):
            rows = await self._store.look_up(terms, high + 1, _MARKED + 1) if indexed > low else []
            rows = [row for row in rows if row.id > low]
            found.more_signs = found.more_signs or len(rows) > _MARKED
            self._mark(found, rows[:_MARKED], kind)
        begin = max(low, indexed, high - _THROUGH)
        newer = await self._store.history(begin, high - begin) if begin < high else []
        rows = [row for row in newer if row.id <= high and is_of(row.address, place)]
        self._mark(found, rows, "failed")
        self._mark(found, rows, "ask")
        found.more_signs = found.more_signs or begin > max(low, indexed)
        found.signs.sort(key=lambda sign: -sign.at)

    def _mark(self, found: Window, rows: list[HistoryRow], kind: str) -> None:
        for row in rows:
            entry = self._behind.entry(row)
            failure = entry.failure
            wanted = failure is not None if kind == "failed" else entry.verb == "ask" and entry.kind == EntryKind.INTENT
            if wanted and found.since <= entry.at < found.until and not is_builtin(row.address):
                name = entry.name if failure is None else failure.message[:160]
                found.signs.append(Sign(short(row.address), row.turn, row.seq, entry.at, kind, name))


def is_of(address: str, place: str) -> bool:
    """Whether an agent is one of those that ``words.within`` means; see there. ``""`` means all."""
    if not place:
        return True
    if place.endswith("*"):
        return address.startswith(place[:-1])
    return address == place if place.count("/") == 2 and place[-1] != "/" else address.startswith(place.rstrip("/") + "/")


__all__ = ["Lanes", "Sign", "Window", "is_of"]
