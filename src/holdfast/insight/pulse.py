"""``Pulse``: follows the feed of the whole store for as long as somebody listens, and keeps the fleet up to date with it.

Everybody who listens gets the same beats: the journal's new entries in their lightest form, and the counts of the fleet. So
a hundred open windows cost one reading of the journal. With nobody listening nothing is read at all; the next listener's
first beat comes after what was missed is taken in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import msgspec

from ..domain.address import name_of, short
from ..domain.entry import EntryKind
from ..domain.errors import HoldfastError
from ..journal.codec import decode_entry
from ..mailbox.worker import Worker
from ..ports.feed import Standing
from ..ports.segments import HistoryRow
from ..ports.store import Store
from .fleet import BUILT_IN, Fleet
from .sparks import SPARK_MS, SPARKS, Sparks

BEAT_SECONDS = 0.05
_CENSUS = 20_000
_TAIL = 2_000
_SEED = 20_000
_SHOWN = 500
_ERROR = 160
_BEHIND = 20_000
_QUIET_SECONDS = 10.0
_SWEEP_SECONDS = 60.0
_REFRESH_SECONDS = 0.2
_HOLE_SECONDS = 3.0
_BUFFERED = 100


class Event(msgspec.Struct, array_like=True, gc=False):
    """A journal entry at its lightest, as an array: id, address, seq, turn, kind, verb, name, at, took, failed, and the
    error of one that failed."""

    id: int
    address: str
    seq: int
    turn: int
    kind: str
    verb: str
    name: str
    at: int
    took: int
    failed: bool
    error: str = ""


class Beat(msgspec.Struct):
    """What happened since the last beat.

    Attributes:
        id: of the newest entry; give it to go on from there.
        events: oldest first; at most five hundred, ``left_out`` says how many more there were.
        counts: of the fleet by state, if they changed; empty otherwise.
        gap: what came before is not complete: look again at whatever is shown.
    """

    id: int
    at: int
    events: list[Event] = []
    left_out: int = 0
    counts: dict[str, int] = {}
    gap: bool = False


class Pulse:
    """See the module. One per process. ``errors``: of agents' newest dead letters, with how many they had then."""

    def __init__(self, store: Store, worker: Worker) -> None:
        self._fleets: dict[str, Fleet] = {}
        self.errors: dict[str, tuple[int, str]] = {}
        self._sparks = Sparks()
        self._store = store
        self._worker = worker
        self._listeners: dict[asyncio.Queue[Beat], tuple[str, str]] = {}
        self._after = -1
        self._paid = 0
        self._holes: dict[int, float] = {}
        self._dirty: set[str] = set()
        self._changes: dict[str, int] = {}
        self._refreshed = 0.0
        self._swept = 0.0
        self._running = False
        self._loading: asyncio.Event | None = None

    # -- for whoever asks ---------------------------------------------------------------------------------------

    def knows(self, within: str, who: str) -> bool:
        """Whether there is a fleet of these agents already, and whether it is known what somebody has read of it."""
        return within in self._fleets and self._fleets[within].knows(who)

    def read(self, within: str, who: str, until: int, agents: dict[str, int]) -> None:
        """Begin a fleet of the agents whose addresses begin so, if there is none, and tell it what somebody has read."""
        if within not in self._fleets:
            self._fleets[within] = Fleet(within)
            self._loading = None  # it is taken in, too
        self._fleets[within].read(who, until, agents)

    async def ready(self, within: str = "") -> Fleet:
        """The fleet, taken in and as fresh as the journal is."""
        if self._loading is None:
            self._loading = asyncio.Event()
            self._worker.spawn(self._load(self._loading))
        await self._loading.wait()
        if not self._running and self._worker.clock.monotonic() - self._refreshed > _REFRESH_SECONDS:
            await self._catch_up()
        return self._fleets[within]

    def touch(self, address: str) -> None:
        """Something about an agent changed that its journal does not tell: its mode, its dead letters."""
        if self._fleets:
            self._dirty.add(address)

    def spark(self, address: str, now: int) -> list[int]:
        """See ``Sparks``."""
        return self._sparks.of(address, now)

    async def beats(self, after: int = 0, within: str = "", who: str = "") -> AsyncIterator[Beat]:
        """Listen to the agents whose addresses begin with ``within``, with counts as ``who`` sees them; first to what came
        after ``after``, unless that is too much."""
        await self.ready(within)
        queue: asyncio.Queue[Beat] = asyncio.Queue(_BUFFERED)
        yield await self._first(after, within, who)
        self._listeners[queue] = (within, who)
        if not self._running:
            self._running = True
            self._worker.spawn(self._follow())
        try:
            while True:
                try:
                    async with asyncio.timeout(_QUIET_SECONDS):
                        yield await queue.get()
                except TimeoutError:
                    yield Beat(self._after, self._worker.clock.now_ms())
        finally:
            del self._listeners[queue]

    async def _first(self, after: int, within: str, who: str) -> Beat:
        beat = Beat(self._after, self._worker.clock.now_ms(), counts=self._fleets[within].counts(who))
        if 0 < after < self._after:
            rows = await self._store.history(after, _SHOWN + 1, within)
            beat.gap = len(rows) > _SHOWN or bool(rows and rows[0].id > after + 1)
            beat.events = [e for row in rows[:_SHOWN] if (e := self.event_of(row)) is not None]
        return beat

    # -- taking in ----------------------------------------------------------------------------------------------

    async def _load(self, loading: asyncio.Event) -> None:
        """Take everybody in, then say that it is done."""
        worker, store = self._worker, self._store
        first = self._after < 0
        if first:
            self._after = await worker.insist(store.newest)
        await self._sweep()
        self._refreshed = worker.clock.monotonic()
        loading.set()
        with suppress(HoldfastError):
            if first:
                for row in await store.history(max(0, self._after - _SEED), _SEED):
                    if (event := self.event_of(row)) is not None and event.at > worker.clock.now_ms() - SPARKS * SPARK_MS:
                        self._sparks.stirred(row.address, event.at)
            await self._pay()

    async def _pay(self) -> None:
        """Take in what was spent since the last look."""
        while rows := await self._store.usage(self._paid, limit=5_000):
            for row in rows:
                for fleet in self._fleets.values():
                    fleet.spent(row.agent, row.nanos, row.input + row.output, row.labels)
            self._paid = rows[-1].id
            await self._worker.clock.sleep(0)

    async def _follow(self) -> None:
        """Beat until nobody listens any more."""
        clock = self._worker.clock
        try:
            while self._listeners and not self._worker.draining:
                began = clock.monotonic()
                try:
                    await self._beat()
                except HoldfastError:  # the store does not answer right now
                    await clock.sleep(1.0)
                await clock.sleep(max(0.0, BEAT_SECONDS - (clock.monotonic() - began)))
        finally:
            self._running = False

    async def _beat(self) -> None:
        rows, gap = await self._read()
        if self._dirty or any(f.changes != self._changes.get(w) for w, f in self._fleets.items()):
            await self._refresh()
        changed = {w: f.changes != self._changes.get(w) for w, f in self._fleets.items()}
        for within, who in set(self._listeners.values()):
            fleet = self._fleets[within]
            events = [event for row, event in rows if row.address.startswith(within)]
            counts = fleet.counts(who) if changed[within] else {}
            self._changes[within] = fleet.changes
            if events or counts or gap:
                left_out = max(0, len(events) - _SHOWN)
                now = self._worker.clock.now_ms()
                self._tell((within, who), Beat(self._after, now, events[-_SHOWN:], left_out, counts, gap))

    def _tell(self, to: tuple[str, str], beat: Beat) -> None:
        for queue, of in self._listeners.items():
            if of != to:
                continue
            if queue.full():  # its client does not keep up: it looks again once it does
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(msgspec.structs.replace(beat, gap=True))
            else:
                queue.put_nowait(beat)

    async def _catch_up(self) -> None:
        """Nobody listens, but somebody asked: read what was written meanwhile, or begin anew if it is too much."""
        await self._read()
        await self._refresh(at_once=True)

    async def _read(self) -> tuple[list[tuple[HistoryRow, Event]], bool]:
        """New entries, and whether some before them were passed over."""
        store = self._store
        rows = await self._fill() + await store.history(self._after, _TAIL)
        gap = False
        if len(rows) >= _TAIL and await store.newest() - self._after > _BEHIND:
            self._after, gap, rows = await store.newest(), True, []
            await self._sweep()
        elif not rows and await store.newest() < self._after:  # retention took the newest row
            self._after = await store.newest()
        found: list[tuple[HistoryRow, Event]] = []
        for row in rows:
            self._note_holes(row.id)
            self._dirty.add(row.address)
            event = self.event_of(row)
            if event is not None:
                self._sparks.stirred(row.address, event.at)
                found.append((row, event))
        return found, gap

    def _note_holes(self, id: int) -> None:
        """Ids that were passed over may still be on their way, from another session."""
        if id > self._after:
            if self._after >= 0:
                until = self._worker.clock.monotonic() + _HOLE_SECONDS
                for missing in range(max(self._after + 1, id - _TAIL), id):
                    self._holes[missing] = until
            self._after = id

    async def _fill(self) -> list[HistoryRow]:
        if not self._holes:
            return []
        rows = await self._store.rows(list(self._holes))
        for row in rows:
            self._holes.pop(row.id, None)
        now = self._worker.clock.monotonic()
        self._holes = {id: until for id, until in self._holes.items() if until > now}
        return rows

    async def _refresh(self, *, at_once: bool = False) -> None:
        """Look again at the agents that stirred, several times a second at most."""
        now = self._worker.clock.monotonic()
        if not at_once and now - self._refreshed < _REFRESH_SECONDS:
            return
        self._refreshed = now
        if now - self._swept > _SWEEP_SECONDS:
            await self._sweep()
        if self._dirty:
            dirty, self._dirty = list(self._dirty), set()
            self._learn(await self._store.standings(dirty))
            await self._pay()

    async def _sweep(self) -> None:
        """Look at everybody again: what changed without an entry is seen, if late."""
        self._swept = self._worker.clock.monotonic()
        last = 0
        while rows := await self._worker.insist(partial(self._store.census, last, _CENSUS)):
            last = rows[-1].ref
            self._learn(rows)

    def _learn(self, standings: list[Standing]) -> None:
        now = self._worker.clock.now_ms()
        for within, fleet in self._fleets.items():
            fleet.learn((s for s in standings if s.address.startswith(within)) if within else standings, now)

    def event_of(self, row: HistoryRow) -> Event | None:
        """A journal row at its lightest; None for agents that are the runtime's own."""
        if name_of(row.address).startswith(BUILT_IN):
            return None
        seal = self._worker.seal
        entry = decode_entry(seal.open(row.body) if seal is not None else row.body)
        kind = EntryKind(entry.kind).name.lower()
        return Event(
            row.id,
            short(row.address),
            row.seq,
            row.turn,
            kind,
            entry.verb,
            entry.name,
            entry.at,
            entry.took,
            entry.failure is not None,
            entry.failure.message[:_ERROR] if entry.failure is not None else "",
        )


__all__ = ["Beat", "Event", "Pulse"]
