"""Claims: looking for work that nobody holds, and for what has fallen due."""

from __future__ import annotations

import asyncio
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


class Claims:
    """Asks the store for work when there is reason to: a start, a signal, a timer, room after a backlog."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.timers = Timers(worker)
        self.backlog = False
        self.claiming: asyncio.Task[None] | None = None
        self._again = False

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
        return worker.limits.turns + worker.limits.turns // _AHEAD - busy

    def fire(self, active: Active) -> bool:
        """Complete what has fallen due for one agent; whether there was anything."""
        now = self.worker.clock.now_ms()
        fired = [turn.fire(now) for turn in list(active.running)]
        found = any(fired)
        for parked in active.parked.values():
            if any(0 < w.due <= now for w in parked.waits):
                found = parked.wanted = True
        return found
