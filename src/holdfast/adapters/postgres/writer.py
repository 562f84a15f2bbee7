"""One session's queue of commits and releases.

What is asked for while a call is under way is written by the next call together: group commit without a timer. Order is the
order of the calls. Whoever asks may stop waiting at any time; what was asked for is done nevertheless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ...domain.errors import HoldfastError, Unavailable
from ...domain.limits import Limits
from ...ports.store import Commit, Lease, Receipt
from .link import Pool, through_collisions
from .round import OUTSIDE, Round
from .session import Session

_BATCH_COMMITS = 2_000
_BATCH_BYTES = 8 << 20


class Asked:
    """A call that waits: commits, or a release."""

    __slots__ = ("commits", "done", "leases", "needs")

    def __init__(self, commits: Sequence[Commit], leases: Sequence[Lease], needs: str) -> None:
        self.commits = commits
        self.leases = leases
        self.needs = needs
        self.done: asyncio.Future[list[Receipt]] = asyncio.get_running_loop().create_future()


class Writer:
    """See the module. ``session`` None writes for people outside any session."""

    def __init__(self, pool: Pool, limits: Limits, session: Session | None) -> None:
        self._pool = pool
        self._limits = limits
        self._session = session
        self._id = session.id if session is not None else OUTSIDE
        self._queue: list[Asked] = []
        self._task: asyncio.Task[None] | None = None

    async def commit(self, commits: Sequence[Commit]) -> list[Receipt]:
        """Apply commits, with whatever else waits."""
        return await self._ask(Asked(commits, (), ""))

    async def release(self, leases: Sequence[Lease], needs: str) -> None:
        """Give agents back, after all commits asked for before."""
        if leases:
            asked = Asked((), leases, needs)
            releasing = self._session.releasing if self._session is not None else {}
            releasing.update((lease.address, asked.done) for lease in leases)
            await self._ask(asked)

    async def _ask(self, asked: Asked) -> list[Receipt]:
        self._queue.append(asked)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())
        return await asked.done

    async def idle(self) -> None:
        """Wait until everything asked for is answered."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _drain(self) -> None:
        try:
            while self._queue:
                turn = self._next()
                try:
                    if turn[0].leases:
                        await self._release(turn)
                    else:
                        await self._write(turn)
                except BaseException as error:
                    if self._session is not None:
                        self._session.doubt = 2
                    _fail(turn, error)
                    if not isinstance(error, HoldfastError):
                        raise
        finally:
            self._task = None
            if self._queue:  # cut short by a cancellation
                _fail(self._queue, Unavailable("store.unreachable", "The store was closed."))
                self._queue.clear()

    def _next(self) -> list[Asked]:
        """The calls at the head of the queue that one round can answer."""
        queue = self._queue
        head, size, count = queue[0], 0, 0
        for at, asked in enumerate(queue):
            if bool(asked.leases) != bool(head.leases) or asked.needs != head.needs:
                break
            count += len(asked.commits)
            size += sum(len(e.body) for c in asked.commits for e in c.entries) if at else 0
            if at and (count > _BATCH_COMMITS or size > _BATCH_BYTES):
                break
        else:
            at = len(queue)
        turn = queue[: max(at, 1)]
        del queue[: max(at, 1)]
        return turn

    async def _release(self, turn: list[Asked]) -> None:
        assert self._session is not None
        leases = [lease for asked in turn for lease in asked.leases]
        for lease in leases:
            self._session.held.pop(lease.address, None)
        try:
            await self._call_release(leases, turn[0].needs)
        finally:
            for lease in leases:
                self._session.releasing.pop(lease.address, None)
        for asked in turn:
            _answer(asked, [])

    async def _call_release(self, leases: list[Lease], needs: str) -> None:
        sql = "SELECT release_leases($1, $2, $3, $4)"
        refs, epochs = [x.ref for x in leases], [x.epoch for x in leases]
        await through_collisions(lambda: self._pool.value(sql, self._id, refs, epochs, needs))

    async def _write(self, turn: list[Asked]) -> None:
        commits = [commit for asked in turn for commit in asked.commits]
        receipts = await Round(self._pool, self._limits, self._session, commits).run()
        at = 0
        for asked in turn:
            _answer(asked, receipts[at : at + len(asked.commits)])
            at += len(asked.commits)


def _answer(asked: Asked, receipts: list[Receipt]) -> None:
    if not asked.done.done():
        asked.done.set_result(receipts)


def _fail(turn: list[Asked], error: BaseException) -> None:
    for asked in turn:
        if not asked.done.done():
            if not isinstance(error, Exception):  # cancelled: the store is being closed
                error = Unavailable("store.unreachable", "The store was closed.")
            asked.done.set_exception(error)
