"""Group commit: what many agents want written in one turn of the event loop goes to the store in one call.

An agent has at most one commit in flight; what it wants meanwhile collects in its next draft. A store that does not
answer (disk full, database restarting) stops nothing but time: the same commits are offered again until it does, and
new work from outside is refused with ``Unavailable`` while it lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from ..domain.errors import HoldfastError, LimitExceeded, Unavailable
from ..ports.clock import Clock
from ..ports.store import Commit, Receipt, Store

if TYPE_CHECKING:
    from .active import Active

_LAZY_SECONDS = 0.05
_BATCH = 2_000
"""Commits of one transaction: enough that the fsync is nothing, few enough that the loop moves in between."""
_FULL_WAIT_SECONDS = 0.05
_ROUNDS = 4
"""How many rounds of the loop a batch waits for turns under way that may soon have something to write, too."""


class Draft:
    """A commit being written. Everybody who waits has a future of their own: one that is cancelled takes nobody along."""

    __slots__ = ("active", "after", "commit", "failed", "submitted", "waiting", "wanted")

    def __init__(self, active: Active | None, commit: Commit) -> None:
        self.active = active
        self.commit = commit
        self.waiting: list[asyncio.Future[Receipt]] = []
        self.wanted = False
        self.after: list[Callable[[Receipt], None]] = []
        self.failed: list[Callable[[HoldfastError], None]] = []
        self.submitted = False


class Committer:
    """Collects drafts and hands them to the store."""

    def __init__(self, store: Store, clock: Clock, on_arrivals: Callable[[Receipt, int], None]) -> None:
        self.store = store
        self.session = ""
        self.stalled: Unavailable | None = None
        self._clock = clock
        self._on_arrivals = on_arrivals
        self.readings = 0
        """How many readings of agents have come back: what a commit delivered may be in those after it was sent."""
        self._batch: list[Draft] = []
        self._lazy: dict[Draft, None] = {}
        self._lazy_timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._scheduled = False
        self._rounds = 0
        self.under_way: Callable[[], int] = lambda: 0
        """How many turns are in memory and may write."""
        self._loop = asyncio.get_running_loop()
        self._commit_now = getattr(store, "commit_now", None)
        self.lost: Callable[[Active, HoldfastError], None] = lambda active, error: None
        self.unsure: Callable[[Commit], None] = lambda commit: None
        """Called with a commit that was given up without knowing whether it happened."""
        self.asking: AbstractContextManager[None] = nullcontext()
        """Around what the store may answer with leases."""

    @property
    def replies_can_get_lost(self) -> bool:
        """Whether a commit may have happened although the store did not say so."""
        return self._commit_now is None

    # -- what turns call ----------------------------------------------------------------------------------------

    def submit(self, draft: Draft) -> asyncio.Future[Receipt]:
        """Write the draft soon; the future has its receipt, or the error that refused it."""
        done = self._loop.create_future()
        draft.waiting.append(done)
        draft.wanted = True
        if not draft.submitted:
            active = draft.active
            if active is None or active.inflight is None:
                draft.submitted = True
                if active is not None:
                    active.inflight = draft
                self._batch.append(draft)
                if not self._scheduled and self._task is None:
                    self._scheduled = True
                    self._loop.call_soon(self._flush)
        return done

    def submit_commit(self, commit: Commit) -> asyncio.Future[Receipt]:
        """Write a commit that belongs to no agent in memory."""
        return self.submit(Draft(None, commit))

    def later(self, draft: Draft) -> None:
        """Write the draft with the next batch that anybody causes, or within a moment."""
        if not draft.submitted:
            self._lazy[draft] = None
            if self._lazy_timer is None:
                self._lazy_timer = self._loop.call_later(_LAZY_SECONDS, self._lazy_due)

    async def drain(self) -> None:
        """Wait until nothing is left to write."""
        self._lazy_due()
        while self._batch or self._task is not None or self._lazy or self._scheduled:
            self._lazy_due()
            await self._clock.sleep(0.001)

    # -- how they are written -----------------------------------------------------------------------------------

    def _lazy_due(self) -> None:
        if self._lazy_timer is not None:
            self._lazy_timer.cancel()
            self._lazy_timer = None
        lazy, self._lazy = self._lazy, {}
        for draft in lazy:
            if draft.submitted or (draft.active is not None and draft.active.draft is not draft):
                continue
            if draft.active is not None and draft.active.inflight is not None:
                self.later(draft)
            else:
                self.submit(draft).add_done_callback(_seen)

    def _flush(self) -> None:
        batch = self._batch
        if self._rounds < _ROUNDS and self.under_way() > len(batch):
            self._rounds += 1
            self._loop.call_soon(self._flush)
            return
        self._rounds = 0
        self._scheduled = False
        if self._lazy:
            self._lazy_due()
            batch = self._batch
        if not batch:
            return
        self._batch = batch[_BATCH:]
        batch = batch[:_BATCH]
        for draft in batch:
            if draft.active is not None and draft.active.draft is draft:
                draft.active.draft = None
        if self._commit_now is not None and self.stalled is None:
            try:
                receipts = self._commit_now(self.session, [d.commit for d in batch])
            except Unavailable as error:
                self._task = asyncio.Task(self._insist(batch, error), loop=self._loop)
                return
            except HoldfastError as fatal:
                receipts = [Receipt(error=fatal) for _ in batch]
            self._finish(batch, receipts, self.readings)
            if self._batch and not self._scheduled:
                self._scheduled = True
                self._loop.call_soon(self._flush)
            return
        self._task = asyncio.Task(self._insist(batch, None), loop=self._loop)

    async def _insist(self, batch: list[Draft], error: Unavailable | None) -> None:
        """Write through a store that is reached by awaiting, or again after it did not answer."""
        commits = [d.commit for d in batch]
        wait, sent = 0.05, self.readings
        while True:
            if error is not None:
                self.stalled = error
                batch = self._refuse_outsiders(batch, error)
                commits = [d.commit for d in batch]
                if not batch:
                    break
                await self._clock.sleep(wait)
                wait = min(wait * 2, 2.0)
            with self.asking:
                try:
                    receipts = await self.store.commit(self.session, commits)
                except Unavailable as again:
                    error = again
                    continue
                except HoldfastError as fatal:
                    receipts = [Receipt(error=fatal) for _ in batch]
                self._finish(batch, receipts, sent)
            break
        self.stalled = None
        self._task = None
        if self._batch and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _refuse_outsiders(self, batch: list[Draft], error: Unavailable) -> list[Draft]:
        """Accepted work waits; what comes from outside is told at once, because nothing of it is promised yet."""
        for draft in batch:
            if draft.active is None:
                _refuse(draft, error)
                self.unsure(draft.commit)
        return [d for d in batch if d.active is not None]

    def _finish(self, batch: list[Draft], receipts: list[Receipt], sent: int) -> None:
        for draft, receipt in zip(batch, receipts, strict=True):
            if receipt.error is not None:
                self._refused(draft, receipt.error)
                continue
            active = draft.active
            if active is not None:
                active.inflight = None
            for call in draft.after:
                call(receipt)
            for done in draft.waiting:
                if not done.done():
                    done.set_result(receipt)
            if receipt.arrivals:
                self._on_arrivals(receipt, sent)
            if active is not None and (waiting := active.draft) is not None and waiting.wanted:
                self.submit(waiting)

    def _refused(self, draft: Draft, error: HoldfastError) -> None:
        active = draft.active
        if active is not None and isinstance(error, LimitExceeded) and error.code == "mailbox.full":
            # backpressure between agents: the sender waits for room, its commit is offered again
            self._loop.call_later(_FULL_WAIT_SECONDS, self._again, draft)
            return
        if active is not None:
            active.inflight = None
            self.lost(active, error)
        for call in draft.failed:
            call(error)
        _refuse(draft, error)

    def _again(self, draft: Draft) -> None:
        self._batch.append(draft)
        if not self._scheduled and self._task is None:
            self._scheduled = True
            self._loop.call_soon(self._flush)


def _refuse(draft: Draft, error: HoldfastError) -> None:
    for done in draft.waiting:
        if not done.done():
            done.set_exception(error)
            done.exception()


def _seen(done: asyncio.Future[Receipt]) -> None:
    if not done.cancelled():
        done.exception()
