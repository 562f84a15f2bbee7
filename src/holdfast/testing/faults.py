"""``FaultyStore``: one worker's way to a shared store, with everything that can go wrong on it.

Each worker of a simulation gets its own: what is lost, late or refused is decided per call by a seed. ``cut`` makes it
dead, which is what a crash of the worker looks like from the store: no code of it can have a durable effect any more.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ..domain.errors import Unavailable
from ..ports.store import Commit, Notify, Receipt, Signal, Store, Worker


class Faults(msgspec.Struct, kw_only=True):
    """How likely each fault is per call of the store (0 to 1), and how long delays are at most.

    Attributes:
        refuse: the call does not get through.
        lose_reply: the call happens, its answer does not come back.
        crash: the worker dies at the call, half of the time after it has happened.
        delay_seconds: the longest way there, and back.
        stall: the worker stops for longer than its lease at the call, and comes back.
        quiet: no news (signals) are lost, but each comes up to this many seconds late.
    """

    refuse: float = 0.0
    lose_reply: float = 0.0
    crash: float = 0.0
    delay_seconds: float = 0.0
    stall: float = 0.0
    stall_seconds: float = 30.0
    quiet: float = 0.0


NONE = Faults()


class FaultyStore:
    """The store port over another store. ``on_crash`` is called when the dice say that this worker dies now."""

    def __init__(self, inner: Store, faults: Faults, seed: str, on_crash: Callable[[], None] = lambda: None) -> None:
        self.url = inner.url
        self.faults = faults
        self.dead = False
        self.calls = 0
        self.stalls = 0
        self._inner = inner
        self._dice = random.Random(seed)
        self._on_crash = on_crash
        self._stalled: asyncio.Event | None = None

    def cut(self) -> None:
        """The worker is dead: nothing goes through any more, in either direction."""
        self.dead = True

    async def point(self, *, may_crash: bool = True) -> None:
        """A place where a worker can die or stall; effects in tests call it as well."""
        await self._alive()
        dice, faults = self._dice, self.faults
        if may_crash and faults.crash and dice.random() < faults.crash:
            self._on_crash()
        elif faults.stall and dice.random() < faults.stall and self._stalled is None:
            await self._stall()
        await self._alive()

    async def _stall(self) -> None:
        self.stalls += 1
        over = self._stalled = asyncio.Event()

        def wake() -> None:  # the process stalls, whatever becomes of the task that met it
            self._stalled = None
            over.set()

        asyncio.get_running_loop().call_later(self.faults.stall_seconds, wake)
        await over.wait()

    async def _alive(self) -> None:
        if self._stalled is not None:
            await self._stalled.wait()
        if self.dead:
            await asyncio.get_running_loop().create_future()

    async def _way(self) -> None:
        if self.faults.delay_seconds and self._dice.random() < 0.5:
            await asyncio.sleep(self._dice.random() * self.faults.delay_seconds)

    async def _call(self, work: Callable[[], Any], *, may_lose: bool = True) -> Any:
        self.calls += 1
        await self.point()
        await self._way()
        await self._alive()
        dice, faults = self._dice, self.faults
        if faults.refuse and dice.random() < faults.refuse:
            raise _unreachable("the request was lost")
        result = await work()
        await self.point()
        await self._way()
        await self._alive()
        if may_lose and faults.lose_reply and dice.random() < faults.lose_reply:
            raise _unreachable("the reply was lost")
        return result

    def __getattr__(self, name: str) -> Any:
        """Every other method of the port, with the same faults."""
        if name.startswith("_") or name == "commit_now":
            raise AttributeError(name)
        method = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def faulty(*args: Any, **kwargs: Any) -> Any:
            # a claim whose answer is lost leaves leases that the worker does not know of, until its session ends
            return await self._call(lambda: method(*args, **kwargs), may_lose=name != "claim")

        return faulty

    async def open(self) -> None:
        """The inner store is opened by whoever made it."""

    async def close(self) -> None:
        """And closed by them."""

    async def enlist(self, worker: Worker, notify: Notify) -> str:
        """See the port."""
        mine = contextvars.copy_context()
        return await self._call(lambda: self._inner.enlist(worker, lambda signal: self._news(notify, signal, mine)))

    async def commit(self, session: str, commits: Sequence[Commit]) -> list[Receipt]:
        """See the port. What the worker goes on changing after the call is not part of it."""
        return await self._call(lambda: self._inner.commit(session, commits))

    def _news(self, notify: Notify, signal: Signal, mine: contextvars.Context) -> None:
        loop = asyncio.get_running_loop()
        late = self._dice.random() * self.faults.quiet

        def tell() -> None:
            if self._stalled is not None:
                loop.call_later(0.5, tell, context=mine)
            elif not self.dead:
                notify(signal)

        loop.call_later(late, tell, context=mine)


class InlineStore(FaultyStore):
    """The same over a store that commits without a loop, as SQLite does: a commit is refused or it happens."""

    def commit_now(self, session: str, commits: Sequence[Commit]) -> list[Receipt]:
        """``commit`` at once."""
        dice, faults = self._dice, self.faults
        self.calls += 1
        if faults.crash and dice.random() < faults.crash:
            self._on_crash()
        if self.dead or self._stalled is not None or (faults.refuse and dice.random() < faults.refuse):
            raise _unreachable("the disk is full")
        inner: Any = self._inner
        receipts: list[Receipt] = inner.commit_now(session, commits)
        if faults.crash and dice.random() < faults.crash:
            self._on_crash()
            raise _unreachable("the worker died")
        return receipts


def _unreachable(why: str) -> Unavailable:
    return Unavailable("store.unreachable", f"The simulated store did not answer: {why}.")


__all__ = ["NONE", "Faults", "FaultyStore", "InlineStore"]
