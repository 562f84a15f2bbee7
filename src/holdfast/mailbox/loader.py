"""Loading: from rows to an agent in memory, a few agents at a time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..domain.errors import Conflict, HoldfastError
from ..domain.message import Kind, Status
from ..journal.codec import decode_entry, decode_message
from ..ports.store import Loaded, Stored
from .active import Active, Item, Parked

if TYPE_CHECKING:
    from .worker import Worker

QUEUED_AT_ONCE = 200
"""Queued messages of one agent that are read at a time."""
_LOADERS = 16


class Loader:
    """Reads what leased agents need."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._to_load: deque[Active] = deque()
        self._loaders = 0
        self.pending = 0
        """Agents on their way into memory."""

    def load(self, active: Active) -> None:
        """Read what the agent needs, then go on with it."""
        if not active.loading:
            active.loading = True
            self.pending += 1
            self._to_load.append(active)
            if self._loaders < _LOADERS:
                self._loaders += 1
                self.worker.spawn(self._load_all())

    async def _load_all(self) -> None:
        """Work off the agents to read, a few at a time, letting everything else move in between."""
        try:
            while self._to_load:
                try:
                    await self._load(self._to_load.popleft())
                finally:
                    self.pending -= 1
                await self.worker.clock.sleep(0)
        finally:
            self._loaders -= 1

    async def load_now(self, active: Active) -> None:
        """``load``, and wait for it."""
        active.loading = True
        await self._load(active)

    async def _load(self, active: Active) -> None:
        try:
            loaded = await self.worker.insist(lambda: self.worker.store.load(active.lease, QUEUED_AT_ONCE))
        except HoldfastError as error:
            active.loading = False
            self.worker.holdings.lost(active, error)
            return
        active.loading = False
        if not active.gone:
            self.take(active, loaded)
            if active.again:  # there was news while it was read
                self.reload_soon(active)
            self.worker.scheduler.pump(active)
            await self.worker.holdings.maybe_idle(active)

    def take(self, active: Active, loaded: Loaded) -> None:
        """Fill an agent with what was read."""
        active.loaded = True
        self._came_back(active)
        active.more = loaded.more
        late: list[Item] = []
        for stored in loaded.open:
            item = self.item(stored)
            if stored.kind == Kind.REQUEST and stored.status != Status.QUEUED:
                self._take_turn(active, item, loaded)
            elif stored.due <= self.worker.clock.now_ms():
                late.append(item)
            else:
                self.worker.claims.timers.add(stored.due)
        self._watch(loaded)
        read = {stored.id for stored in loaded.open}
        late += [item for item in active.pending if item.id not in read]
        active.pending.clear()
        for item in late:
            self.worker.router.route(active, item)
        self.worker.claims.fire(active)
        if loaded.upset:
            self._suspect(active)

    def _suspect(self, active: Active) -> None:
        """The worker that had this agent died: whatever it may have been running is looked at closely (``recovery``)."""
        for parked in active.parked.values():
            parked.item.suspect = parked.wanted
        for item in [*active.queue[:1], *active.shared_queue]:
            item.suspect = True

    def _watch(self, loaded: Loaded) -> None:
        """Whoever has an agent in memory has its timers: they may have been set by another worker. What is due already was
        fired here, or is fired next; its row only stays until the turn's next commit, and needs no timer."""
        now = self.worker.clock.now_ms()
        for wait in loaded.waits:
            if wait.due > now:
                self.worker.claims.timers.add(wait.due)

    def _came_back(self, active: Active) -> None:
        committer = self.worker.committer
        committer.readings += 1
        active.read_at = committer.readings

    def _take_turn(self, active: Active, item: Item, loaded: Loaded) -> None:
        stub = active.parked.get(item.turn)
        if active.turn(item.turn) is not None or (stub is not None and not stub.stub):
            return
        bodies = loaded.entries.get(item.turn, [])
        opened = [self.worker.seal.open(b) for b in bodies] if self.worker.seal else bodies
        entries = [decode_entry(b) for b in opened]
        waits = [w for w in loaded.waits if w.turn == item.turn]
        parked = Parked(item, entries, waits, sum(map(len, bodies)))
        parked.wanted = item.status == Status.RUNNING
        if stub is not None:
            parked.early, parked.cancelled, parked.wanted = stub.early, stub.cancelled, stub.wanted
            parked.item.waiter = stub.item.waiter
        active.parked[item.turn] = parked
        if not self.worker.runner.shared(active.address, item.message.name):
            active.exclusive = parked

    def item(self, stored: Stored) -> Item:
        """A stored message in memory."""
        body = self.worker.seal.open(stored.body) if self.worker.seal else stored.body
        message = decode_message(body)
        message.name = stored.name or message.name
        item = Item(stored.id, message)
        item.status, item.turn, item.version = stored.status, stored.turn, stored.version
        return item

    def reload_soon(self, active: Active) -> None:
        """``reload``; until then no message starts, so that none overtakes an older one that is yet to be read."""
        if not active.stale:
            active.stale = True
            self.worker.spawn(self.reload(active))
        elif active.loading:
            active.again = True

    async def reload(self, active: Active) -> None:
        """Read news for an agent that is in memory already. What was read may be older than what happened here meanwhile:
        ``taken`` names what was started, consumed or parked since, and only turns parked before are read again."""
        if active.gone:
            return
        if active.loading:
            active.again = True
            return
        active.loading = True
        try:
            while True:
                active.again = False
                active.taken.clear()
                while active.draft is not None or active.inflight is not None:
                    await active.written()
                stubs = {n for n, parked in active.parked.items() if parked.stub}
                loaded = await self.worker.insist(lambda: self.worker.store.load(active.lease, QUEUED_AT_ONCE))
                if not active.again and not any(turn.accepting for turn in active.running):
                    break
                await self.worker.clock.sleep(0.002)
        except HoldfastError as error:
            self.worker.holdings.lost(active, error)
            return
        finally:
            active.loading = active.stale = False
        if not active.gone:
            self._take_news(active, loaded, stubs)
            self.worker.scheduler.pump(active)

    def _take_news(self, active: Active, loaded: Loaded, stubs: set[int]) -> None:
        known = active.taken | {t.item.id for t in active.running} | {i.id for q in active.events.values() for i in q}
        known |= {c.consumed for p in active.parked.values() for c in p.early.values()}
        known |= {c.consumed for t in active.running for c in t.early}
        now = self.worker.clock.now_ms()
        self._came_back(active)
        self._watch(loaded)
        active.more = loaded.more
        for stored in loaded.open:
            if stored.id in known:
                continue
            if stored.kind == Kind.REQUEST and stored.status != Status.QUEUED:
                if stored.turn in stubs:
                    self._take_turn(active, self.item(stored), loaded)
            elif stored.due <= now:
                self.worker.router.route(active, self.item(stored))
            else:
                self.worker.claims.timers.add(stored.due)
        if any(n in stubs and parked.stub and parked.wanted for n, parked in active.parked.items()):
            self.worker.holdings.lost(active, Conflict("lease.lost", f"{active.address} was taken over by another worker."))
            return
        self.worker.claims.fire(active)
