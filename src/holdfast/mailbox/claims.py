"""Claims: looking for work that nobody holds, and for what has fallen due."""

from __future__ import annotations

import asyncio
import heapq
import logging
from typing import TYPE_CHECKING

from ..domain.errors import HoldfastError
from .active import Active
from .timers import Timers

if TYPE_CHECKING:
    from .worker import Worker

log = logging.getLogger("holdfast")


_AHEAD = 8
"""One agent in so many is taken before there is a free turn for it, so that none waits for the store when one is freed."""
_STUCK_SECONDS = 0.5
"""Where no turn has left its place for so long, none is taken before there is room, and those that wait are given back."""


class Claims:
    """Asks the store for work when there is reason to: a start, a signal, a timer, room after a backlog."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.timers = Timers(worker)
        self.backlog = False
        self.claiming: asyncio.Task[None] | None = None
        self._again = False
        self._watching: asyncio.TimerHandle | None = None

    def claim_soon(self) -> None:
        """Look for work that nobody holds; if that is under way, once more after it: it may have looked too early."""
        if self.claiming is not None:
            self._again = True
        elif not self.worker.draining and self.worker.session:
            self.claiming = asyncio.Task(self._claim(), loop=self.worker.loop)

    async def _claim(self) -> None:
        try:
            while not self.worker.draining:
                room = self._room()
                if room <= 0:
                    self.backlog = True
                    return
                limit = min(room, 500)
                self._again = False
                now = self.worker.clock.now_ms()
                with self.worker.holdings.asking:
                    claimed = await self.worker.insist(lambda: self.worker.store.claim(self.worker.session, limit, now))  # noqa: B023
                    adopted = [self.worker.holdings.adopt(lease) for lease in claimed.leases]
                for active in adopted:
                    if active is not None and active.loaded:
                        self.worker.loader.reload_soon(active)
                    elif active is not None:
                        self.worker.loader.load(active)
                for address in claimed.held:
                    active = self.worker.holdings.actives.get(address)
                    if active is None:
                        self.worker.holdings.miss(address)
                    elif active.loaded:
                        if not self.fire(active):
                            self.worker.loader.reload_soon(active)
                        self.worker.scheduler.pump(active)
                self.timers.next_is(claimed.next_due)
                if len(claimed.leases) < limit and not self._again:
                    return
                await self.worker.clock.sleep(0)
        except HoldfastError as error:
            log.warning("looking for work failed: %s", error)
        finally:
            self.claiming = None

    def _room(self) -> int:
        """For how many more agents there is work to do here soon: no more, because other workers may have room now."""
        worker = self.worker
        busy = worker.scheduler.running + len(worker.scheduler.ready) + worker.loader.pending
        return worker.limits.turns + (0 if self._stuck else worker.limits.turns // _AHEAD) - busy

    @property
    def _stuck(self) -> bool:
        """Whether turns keep their places for long: who waits here would wait long, too."""
        return self.worker.scheduler.freed_at + _STUCK_SECONDS <= self.worker.clock.monotonic()

    def watch_ready(self) -> None:
        """Agents wait here for room. If none is freed for a moment, look whether others could have them."""
        if self._watching is None:
            self._watching = self.worker.call_later(_STUCK_SECONDS, self._look_at_ready)

    def _look_at_ready(self) -> None:
        self._watching = None
        worker = self.worker
        if worker.scheduler.ready and worker.session and not worker.draining:
            self.watch_ready()
            if self._stuck:
                worker.spawn(self._give_back())

    async def _give_back(self) -> None:
        """Let others have what cannot begin here: whoever has room takes it, and if nobody has, it comes back to us."""
        worker = self.worker
        there = await worker.insist(worker.store.workers)
        elsewhere = {name for session, other in there if session != worker.session for name in other.serves}
        for *_, active in list(worker.scheduler.ready):
            if active.address.split("/", 2)[1] in elsewhere and not active.running and self._stuck:
                self.backlog = True
                await worker.holdings.let_go(active)
        kept = [entry for entry in worker.scheduler.ready if not entry[2].gone]
        worker.scheduler.ready[:] = kept
        heapq.heapify(worker.scheduler.ready)

    def fire(self, active: Active) -> bool:
        """Complete what has fallen due for one agent; whether there was anything."""
        now = self.worker.clock.now_ms()
        fired = [turn.fire(now) for turn in list(active.running)]
        found = any(fired)
        for parked in active.parked.values():
            if any(0 < w.due <= now for w in parked.waits):
                found = parked.wanted = True
        return found
