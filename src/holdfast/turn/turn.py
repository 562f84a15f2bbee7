"""``Turn``: one handling of one message while it is in memory.

It opens steps (``stepping``), journals what they did (``writing``), keeps their durable waits (``waiting``), and
leaves memory or is cancelled (here). The verbs are in files of their own; the way in and out is in ``holdfast.flow``.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from ..domain.entry import EntryKind
from ..domain.message import Status
from ..mailbox.active import Parked
from ..mailbox.outcomes import refuse_waiter
from ..ports.store import Wait
from .admitting import Admitting
from .writing import Pending, Suspended


class Turn(Admitting):
    """See the module."""

    __slots__ = ()

    @property
    def idle(self) -> bool:
        """Whether every branch waits for something durable, so that the turn can leave memory."""
        return self.busy == 0 and bool(self.pending)

    def suspend(self) -> None:
        """Leave memory now. What is pending is written as rows; the handler's task is dropped."""
        if self.dead:
            return
        if self.begun:
            for pending in self.pending.values():
                if not pending.row:
                    self._write_wait(pending)
            self.mark(Status.WAITING if self.pending and not self.busy else Status.RUNNING)
        self.leave([Wait(self.number, p.path, p.verb, p.name, p.due) for p in self.pending.values()])

    def leave(self, waits: list[Wait]) -> None:
        """Drop the task and tell the mailbox what the turn waits for."""
        self.stop()
        self.worker.scheduler.gone(self.active, self)
        if not self.begun:
            if self.item.id:
                self.active.enqueue(self.item, self.spec.shared)  # nothing of it happened: it waits for its turn again
            else:
                refuse_waiter(self.item, self.worker.interrupted(self.active.address))
            return
        waits += [w for w in self._waits_before if w.path in self.rows and w.path not in self.pending]
        waits += self._wait_for_deadline()
        self.item.status = self.marked
        self.item.turn = self.number
        self.item.version = self.definition.version
        parked = Parked(self.item, [], waits, 0, stub=True)
        parked.early, parked.wanted = self._early, bool(self._early or self.wants_cancel)
        parked.cancelled, parked.orders = self.wants_cancel, self._orders
        self.worker.holdings.parked_now(self.active, self, parked)

    def _wait_for_deadline(self) -> list[Wait]:
        """Out of memory, the turn's deadline is a row; once it has passed it is none any more."""
        if not self.deadline or self.cancel_reason:
            if "deadline" in self.rows:
                self.active.write().unwaits.append((self.number, "deadline"))
            return []
        wait = Wait(self.number, "deadline", "deadline", "", self.deadline)
        if "deadline" not in self.rows:
            self.write_wait(wait)
        self.worker.claims.timers.add(self.deadline)
        return [wait]

    @property
    def unmet(self) -> bool:
        """Whether something came for a wait that was called off: it belongs to somebody else, or to nobody."""
        return bool(self._early)

    def stop(self) -> None:
        """Drop the handler's task without a trace."""
        if not self.dead:
            self.dead = True
            if self._skip is not None:
                self._skip.cancel()
            if self.started:
                self.task.cancel()

    def forget(self) -> None:
        """Out of memory means out of memory: leave no cycle for the collector."""
        self.root.forget()
        self.undo.clear()
        self.deferred.clear()
        self.pending.clear()
        self._held.clear()
        self._parked.clear()

    def arm_deadline(self) -> asyncio.TimerHandle:
        """Cancel the turn when its handler's timeout is over; counted from the message's acceptance into a turn."""
        assert self.replay is None or self.replay.begin is not None
        begun = self.replay.begin.at if self.replay is not None and self.replay.begin else self.clock.now_ms()
        self.deadline = begun + int(self.spec.timeout_seconds * 1000)
        left = (self.deadline - self.clock.now_ms()) / 1000

        def over() -> None:
            self.timed_out = True
            self.cancel(f"The turn did not finish within {self.spec.timeout_seconds:g} s.")

        return self.worker.call_later(max(left, 0), over)

    def clock_ms(self) -> int:
        """The wall clock, as a step."""
        return self.clock.now_ms()

    def draw(self) -> float:
        """A random number, as a step."""
        return self.worker.random.uniform()

    def hold(self) -> None:
        """Stop before the next step; what runs now is finished and journaled."""
        self.held = True
        if self.idle:
            self.suspend()

    def cancel(self, why: str, order: int = 0) -> None:
        """Deliver cancellation, durably: the handler's ``finally`` blocks and compensations run as steps. ``order`` is the
        message that asked for it; it is consumed with the cancellation's entry, so that neither is lost alone."""
        if self.dead or self.cancel_reason or self.halting:  # it is cancelled already, or is about to be
            if order and not self.dead:
                self.active.consume(order)
            return
        why = why or "cancelled"
        if order:
            self._orders.append(order)
        too_early = not self.live or not self.entered
        if too_early or (self._accepted is not None and self.item.id == 0):
            self.wants_cancel = why  # later: its place in the journal must be where the handler sees it
            return
        self.wants_cancel, self.cancel_reason = "", why
        paths = " ".join([*self.pending, *self.effects, *self._landing])
        if self.item.id:
            self._journal_cancel(paths, why)
        else:
            self.deferred.append(partial(self._journal_cancel, paths, why))
        self.worker.scheduler.woken(self)
        self.task.cancel()

    def _journal_cancel(self, paths: str, why: str) -> None:
        detail = {"why": why, "timeout": self.timed_out}
        self.journal(EntryKind.CANCEL, "", "cancel", paths, detail=detail)
        self.settle_order()

    def settle_order(self) -> None:
        """The order to cancel was followed, or came too late."""
        orders, self._orders = self._orders, []
        for order in orders:
            self.active.consume(order)

    def _deliver_cancel(self, detail: dict[str, Any]) -> None:
        """Cancellation that an earlier run of this turn has seen already."""
        self.halting = False
        if not self.dead and not self.cancel_reason:
            self.cancel_reason = str(detail.get("why") or "cancelled")
            self.timed_out = bool(detail.get("timeout", False))
            self.settle_order()
            self.task.cancel()
        self._settle()


__all__ = ["Pending", "Suspended", "Turn"]
