"""Scheduling: who runs now, who waits for room, who lingers in memory in case the answer comes at once."""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from .active import Active, Parked, Running
from .loader import QUEUED_AT_ONCE

if TYPE_CHECKING:
    from .worker import Worker


class Scheduler:
    """Bounds how many turns and how many journal bytes are in memory; the rest waits by priority and age."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.running = 0
        self.rehydrating = 0
        self.freed_at = float("-inf")
        """When a turn last left its place, by the monotonic clock."""
        self.on_busy: Callable[[], None] = lambda: None
        self.ready: list[tuple[int, int, Active]] = []
        self._ready_count = 0
        self._sizes: dict[Running, int] = {}
        self._lingering: OrderedDict[Running, float] = OrderedDict()
        self._linger_timer: asyncio.TimerHandle | None = None

    def pump(self, active: Active) -> None:
        """Start or go on with what this agent may do now, as far as there is room."""
        if active.gone or not active.loaded or active.mode != "active" or self.worker.draining:
            return
        if self.worker.gate.stopping and self.worker.gate.held(active.address):
            return
        for number, parked in list(active.parked.items()):
            if parked.wanted:
                if parked.stub:
                    self.worker.loader.reload_soon(active)
                    return
                if not self._room(parked.size):
                    self._wait_for_room(active)
                    return
                self._rehydrate(active, number, parked)
        while active.startable:
            if not self._room(0):
                self._wait_for_room(active)
                return
            item = active.next_item()
            if item is None:
                break
            self.worker.runner.start(active, item)
        if active.more and not active.loading and len(active.queue) < QUEUED_AT_ONCE // 4:
            self.worker.loader.reload_soon(active)

    def _rehydrate(self, active: Active, number: int, parked: Parked) -> None:
        if not self.worker.runner.serves(active.address, parked.item.version):
            self.worker.spawn(self.worker.holdings.let_go(active, needs=parked.item.version))
            return
        del active.parked[number]
        turn = self.worker.runner.rehydrate(active, number, parked)
        if turn is not None and turn in active.running:
            self.rehydrating += parked.size
            self._sizes[turn] = parked.size

    def _room(self, size: int) -> bool:
        if self.running >= self.worker.limits.turns:
            self._evict(len(self._lingering))
            return self.running < self.worker.limits.turns
        return not size or self.rehydrating == 0 or self.rehydrating + size <= self.worker.limits.rehydrate_bytes

    def _wait_for_room(self, active: Active) -> None:
        priority = max((i.message.priority for q in (active.queue, active.shared_queue) for i in q[:1]), default=0)
        self._ready_count += 1
        heapq.heappush(self.ready, (-priority, self._ready_count, active))
        self.worker.claims.watch_ready()

    def room_freed(self) -> None:
        """A turn left memory or began to wait: the next agent in line may start."""
        while self.ready and self.running < self.worker.limits.turns:
            _, _, active = heapq.heappop(self.ready)
            before = self.running
            self.pump(active)
            if self.running > before:
                break
        if self.worker.claims.backlog and not self.ready and self.worker.claims.claiming is None:
            self.worker.claims.backlog = False
            self.worker.claims.claim_soon()

    def waiting(self, turn: Running) -> None:
        """A turn has nothing to do but wait; it stays a moment in case the answer comes at once."""
        if turn not in self._lingering:
            self.running -= 1
            self.freed_at = self.worker.clock.monotonic()
            self._lingering[turn] = self.worker.clock.monotonic() + self.worker.limits.linger_ms / 1000
            if len(self._lingering) > self.worker.limits.lingering:
                self._evict(1)
            elif self._linger_timer is None:
                self._linger_timer = self.worker.loop.call_later(self.worker.limits.linger_ms / 1000, self._linger_due)
            if self.ready or self.worker.claims.backlog:
                self.worker.loop.call_soon(self.room_freed)

    def woken(self, turn: Running) -> None:
        """A waiting turn goes on."""
        if self._lingering.pop(turn, None) is not None:
            self.running += 1

    def began(self, active: Active, turn: Running) -> None:
        """A turn is in memory and takes a place."""
        self.running += 1
        active.running.add(turn)
        if self.running == 1:
            self.on_busy()

    def gone(self, active: Active, turn: Running) -> None:
        """A turn is no longer in memory: it ended, was parked or dropped. Saying it twice changes nothing."""
        if turn not in active.running:
            return
        active.running.discard(turn)
        active.note(turn.item.id)
        self.rehydrating -= self._sizes.pop(turn, 0)
        if len(self.worker.holdings.actives) > self.worker.limits.idle_agents:
            self.worker.holdings.shed()
        if self._lingering.pop(turn, None) is None:
            self.running -= 1
            self.freed_at = self.worker.clock.monotonic()
        if self.ready or self.worker.claims.backlog:
            self.room_freed()

    def _linger_due(self) -> None:
        self._linger_timer = None
        now = self.worker.clock.monotonic()
        while self._lingering:
            until = next(iter(self._lingering.values()))
            if until > now + 0.001:
                self._linger_timer = self.worker.loop.call_later(until - now, self._linger_due)
                return
            self._evict(1)

    def _evict(self, count: int) -> None:
        for _ in range(count):
            if not self._lingering:
                return
            turn = next(iter(self._lingering))
            if turn.idle:
                turn.suspend()
                self._lingering.pop(turn, None)
            else:
                self._lingering.move_to_end(turn)
                self._lingering[turn] = self.worker.clock.monotonic() + self.worker.limits.linger_ms / 1000
