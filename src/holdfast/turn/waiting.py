"""Durable waits of a turn in memory: begun, completed, timed out, written as rows."""

from __future__ import annotations

import asyncio
from functools import partial

from ..domain import labels as provenance
from ..domain.entry import EntryKind
from ..domain.message import Failure, Outcome, Status
from ..domain.words import word_of
from ..journal.replay import Replay
from ..mailbox.active import Completion, Parked
from ..ports.store import Wait
from .stepping import Stepping
from .writing import Pending

APPROVAL = "approval"
"""The name of the wait for people who may let a step pass."""


class Waiting(Stepping):
    """A turn that can wait."""

    __slots__ = ()

    async def wait_for(
        self,
        path: str,
        verb: str,
        name: str,
        *,
        due: int = 0,
        row: bool = True,
        detail: bytes = b"",
        silent: bool = False,
        note: str = "",
    ) -> Outcome:
        """Wait for a completion of this step. ``row`` says that the wait is a row in the store at once rather than when the
        turn leaves memory; ``silent`` that its completion is not the step's result and is not journaled; ``note`` that it
        is noted beside the step of this name."""
        done: asyncio.Future[Completion] = self.worker.new_future()
        pending = self.pending[path] = Pending(path, verb, name, due, self._has_row(path, due), silent, done, note)
        if row and not pending.row:
            self._write_wait(pending, detail)
            if not self.branched and not self.busy:
                self.mark(Status.WAITING)
        elif due:
            self.worker.claims.timers.add(due)
        early = self._early.pop(path, None)
        if early is not None:
            self.complete(path, early)
        elif due and due <= self.clock.now_ms():
            self._time_out(pending)
        elif self.active.draft is not None:
            self.worker.committer.submit(self.active.draft)
        if not done.done() and not self.busy:
            self.worker.scheduler.waiting(self.whole)
            if self.wants_cancel and self.live:
                self.worker.call_later(0, partial(self.cancel, self.wants_cancel))
        try:
            completion = await done
        except asyncio.CancelledError:
            self._landing.discard(path)
            if not self.dead and self.pending.pop(path, None) is not None:
                self._unwait(pending)
                self.worker.scheduler.woken(self.whole)
            raise
        self._landing.discard(path)
        outcome = completion.outcome
        self.labels = provenance.join(self.labels, outcome.labels)
        return outcome

    def met_early(self, path: str) -> bool:
        """Whether the outcome of this wait came before the wait."""
        return path in self._early

    def meet_early(self, path: str, completion: Completion) -> None:
        """The outcome of a wait that is about to begin."""
        self._early[path] = completion

    def _has_row(self, path: str, due: int) -> bool:
        return path in self.rows and all(w.due == due for w in self._waits_before if w.path == path)

    def waits_at_end(self) -> list[tuple[int, str]]:
        """Rows of waits that end with the turn."""
        rows = [(self.number, p.path) for p in self.pending.values() if p.row]
        rows += [(self.number, path) for path in self.rows if path not in self.pending]
        if self.deadline and "deadline" not in self.rows:
            rows.append((self.number, "deadline"))
        return rows

    def drop_waits(self) -> None:
        """Wait for nothing any more."""
        rows = [row for row in self.waits_at_end() if row[1] != "deadline"]
        self.active.write().unwaits.extend(rows)
        self.pending.clear()
        self.rows.intersection_update(("deadline",))

    def _write_wait(self, pending: Pending, detail: bytes = b"") -> None:
        now = self.clock.now_ms()
        self.write_wait(
            Wait(self.number, pending.path, pending.verb, pending.name, pending.due, self.worker.sealed(detail), now)
        )
        pending.row = True
        if pending.due:
            draft = self.active.draft
            assert draft is not None
            draft.after.append(lambda _: self.worker.claims.timers.add(pending.due))

    def write_wait(self, wait: Wait) -> None:
        """A row for a wait; it may be one that the same commit was about to remove."""
        commit = self.active.write()
        if commit.unwaits:
            commit.unwaits[:] = [u for u in commit.unwaits if u != (wait.turn, wait.path)]
        commit.waits.append(wait)

    def _unwait(self, pending: Pending) -> None:
        if pending.row:
            self.rows.discard(pending.path)
            self.active.write().unwaits.append((self.number, pending.path))

    def complete(self, path: str, completion: Completion) -> bool:
        """A waiting step got its outcome: journal it, wake the branch. False if nobody waits there (any more)."""
        pending = self.pending.get(path)
        if pending is None:
            if self._may_ask(path):
                self._early[path] = completion
                return True
            return False
        if pending.done.done():
            return False
        del self.pending[path]
        self._landing.add(path)
        self.worker.scheduler.woken(self.whole)
        outcome = completion.outcome
        if pending.note:
            self.journal(EntryKind.NOTE, path, APPROVAL, pending.note, outcome.value, outcome.failure, outcome.labels)
        elif not pending.silent:
            detail = {"by": completion.sender} if completion.sender else None
            self.journal(
                EntryKind.RESULT,
                path,
                pending.verb,
                pending.name,
                outcome.value,
                outcome.failure,
                outcome.labels,
                detail,
            )
        self._unwait(pending)
        if self.marked == Status.WAITING:
            self.mark(Status.RUNNING)
        if completion.consumed:
            self.active.consume(completion.consumed)
        pending.done.set_result(completion)
        return True

    def _may_ask(self, path: str) -> bool:
        """Whether the handler has yet to come to a step that waits, in its replay."""
        if self.replay is None:
            return False
        step = self.replay.steps.get(path)
        return step.result is None if step is not None else path in self.rows

    def offer_event(self, name: str, completion: Completion) -> bool:
        """Give an event to the branch that has waited for it longest."""
        for pending in self.pending.values():
            if pending.verb == "wait" and pending.name == name:
                return self.complete(pending.path, completion)
        return False

    def fire(self, now: int) -> bool:
        """Complete the waits that have fallen due; whether there were any."""
        due = [p for p in self.pending.values() if 0 < p.due <= now]
        for pending in due:
            self._time_out(pending)
        return bool(due)

    def _time_out(self, pending: Pending) -> None:
        if pending.verb in ("sleep", "run"):
            outcome = Outcome()
        else:
            outcome = Outcome(failure=Failure("StepTimeout", "step.timeout", f"{pending.verb} {pending.name!r} timed out."))
        self.complete(pending.path, Completion(outcome))

    @property
    def early(self) -> list[Completion]:
        """What came before the handler asked for it."""
        return list(self._early.values())

    def begin_with(self, replay: Replay) -> None:
        """Be answered from these entries first."""
        self.replay = replay
        self._live = replay.over
        self.words = [word_of(entry) for entry in replay.words]

    def adopt(self, parked: Parked, replay: Replay) -> None:
        """Go on where the rows left off."""
        self.begin_with(replay)
        self.begun = True
        self.marked = self.item.status
        self._early.update(parked.early)
        self._waits_before = parked.waits
        self.rows = {w.path for w in parked.waits}
        self.size = parked.size
        self.wants_cancel, self._orders = parked.cancelled, parked.orders
        if "" in self.rows:  # what it waited for was to run again
            self.rows.discard("")
            self.active.write().unwaits.append((self.number, ""))
            self.mark(Status.RUNNING)
