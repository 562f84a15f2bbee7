"""What the contract's tests are written with: a store under test, sessions that remember what they heard, and pens that
write an agent's journal. No test sleeps for luck: it waits for a condition, with a deadline."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ...domain.errors import HoldfastError
from ...domain.limits import Limits
from ...domain.message import Kind, Message, Status
from ...ports.store import (
    Arrival,
    Commit,
    EntryRow,
    Lease,
    Mark,
    Receipt,
    Send,
    Signal,
    StateRow,
    Store,
    Wait,
    Worker,
)

NOW = 1_800_000_000_000
"""The time of the tests: stores are told the time, they do not look at a clock for it."""

DEADLINE_SECONDS = 20.0
TEST_SECONDS = 120.0


class Contract:
    """Subclass it with a ``make`` and pytest runs the contract's tests on what ``make`` returns.

    Attributes:
        volatile: whether closing the store loses everything, by design and by name.
    """

    volatile = False

    async def make(self, limits: Limits) -> Store:
        """A new, empty, opened store."""
        raise NotImplementedError

    async def reopen(self, store: Store) -> Store:
        """The same data after a restart of this process."""
        await store.close()
        await store.open()
        return store

    async def another(self, store: Store) -> Store:
        """A second process on the same data, if the store is made for that; by default the same object."""
        return store


Self = TypeVar("Self", bound=Contract)
Body = Callable[[Self, "Case"], Awaitable[None]]


def scenario(body: Body[Self] | None = None, *, limits: Limits | None = None) -> Any:
    """Make a test of a coroutine: it gets a ``Case`` over a new store, on an event loop of its own."""

    def wrap(body: Body[Self]) -> Callable[[Self], None]:
        def test(self: Self) -> None:
            asyncio.run(_play(self, body, limits or Limits()))

        functools.update_wrapper(test, body)
        del test.__wrapped__  # type: ignore[attr-defined]  # pytest would look there for fixtures
        return test

    return wrap(body) if body is not None else wrap


async def _play(contract: Self, body: Body[Self], limits: Limits) -> None:
    case = Case(contract, await contract.make(limits), limits)
    try:
        async with asyncio.timeout(TEST_SECONDS):
            await body(contract, case)
    finally:
        await case.close()


class Member:
    """An enlisted session that keeps the signals it gets."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.token = ""
        self.signals: list[Signal] = []

    def heard(self, kind: str, what: object = None) -> bool:
        """Whether a signal came, about an address or a message id if one is given."""
        return any(s.kind == kind and (what is None or what in s.addresses or what in s.ids) for s in self.signals)

    async def hears(self, kind: str, what: object = None) -> None:
        """Wait until it came."""
        await eventually(lambda: self.heard(kind, what), f"no signal {kind!r} about {what!r}; heard {self.signals}")

    async def apply(self, *commits: Commit) -> list[Receipt]:
        """Commit; none may be refused."""
        receipts = await self.store.commit(self.token, commits)
        for receipt in receipts:
            if receipt.error is not None:
                raise AssertionError(f"refused: {receipt.error}")
        return receipts

    async def one(self, commit: Commit) -> Receipt:
        """Commit one; it may not be refused."""
        return (await self.apply(commit))[0]

    async def refused(self, commit: Commit) -> HoldfastError:
        """Commit one; it must be refused."""
        [receipt] = await self.store.commit(self.token, [commit])
        assert receipt.error is not None, "this commit should have been refused"
        return receipt.error

    async def take(self, address: str) -> Pen:
        """Lease an agent that must be free."""
        [lease] = await self.store.lease(self.token, [address])
        assert lease is not None, f"{address} could not be leased"
        return Pen(self, lease)

    async def claimed(self, now: int = NOW, limit: int = 100) -> list[str]:
        """Addresses that a claim leases, sorted."""
        claimed = await self.store.claim(self.token, limit, now)
        return sorted(lease.address for lease in claimed.leases)


class Pen:
    """Writes the journal of one leased agent, as a turn would. A turn's number is the seq of its first entry."""

    def __init__(self, member: Member, lease: Lease) -> None:
        self.member = member
        self.lease = lease
        self.address = lease.address
        self.seq = lease.seq
        self.head = lease.head

    def entry(self, turn: int = 0, body: bytes = b"") -> EntryRow:
        """The next journal row; ``turn`` 0 begins a turn."""
        self.seq += 1
        body = body or f"{self.address}#{self.seq}".encode()
        self.head = hashlib.sha256(self.head + body).digest()
        return EntryRow(self.seq, turn or self.seq, body, self.head)

    def commit(self, entries: int = 1, turn: int = 0, **parts: Any) -> Commit:
        """A commit under the lease, with new entries of a turn (0: the first begins one)."""
        rows: list[EntryRow] = []
        for _ in range(entries):
            rows.append(self.entry(turn or (rows[0].turn if rows else 0)))
        return Commit(lease=self.lease, entries=rows, **parts)

    async def write(self, entries: int = 1, turn: int = 0, **parts: Any) -> Receipt:
        """Commit that; it may not be refused."""
        return await self.member.one(self.commit(entries, turn, **parts))

    async def begin(self, message: int, status: int = Status.RUNNING, version: str = "v1", **parts: Any) -> int:
        """Begin the turn of a message; returns its number."""
        turn = self.seq + 1
        await self.write(marks=[Mark(message, status, turn, version, dequeue=True)], **parts)
        return turn

    async def end(self, message: int, turn: int, at: int = NOW, **parts: Any) -> None:
        """End a turn."""
        await self.write(1, turn, marks=[Mark(message, Status.DONE, turn, "v1", at)], **parts)

    async def set(self, key: str, value: bytes | None, turn: int, *labels: str) -> None:
        """Write one state value in a turn."""
        await self.write(1, turn, state=[StateRow(key, value, turn, labels)])

    async def release(self, needs: str = "") -> None:
        """Give the agent back."""
        await self.member.store.release(self.member.token, [self.lease], needs)


class Case:
    """A store under test."""

    def __init__(self, contract: Contract, store: Store, limits: Limits) -> None:
        self.contract = contract
        self.store = store
        self.limits = limits
        self._others: list[Store] = []

    async def member(
        self, name: str = "one", *, lease_seconds: float = 60.0, store: Store | None = None, **serves: str
    ) -> Member:
        """Enlist a session that serves ``counter`` in version v1, or what is given (``counter="v2 v1"``, newest first)."""
        member = Member(store or self.store)
        versions = {name: tuple(text.split()) for name, text in (serves or {"counter": "v1"}).items()}
        worker = Worker(name, versions, "host", 1, lease_seconds)
        member.token = await member.store.enlist(worker, member.signals.append)
        return member

    async def client(self) -> Member:
        """A session that serves nothing: somebody who sends."""
        member = Member(self.store)
        member.token = await self.store.enlist(Worker("client", {}, lease_seconds=60.0), member.signals.append)
        return member

    async def second(self) -> Store:
        """Another process on the same data, or the same store again."""
        other = await self.contract.another(self.store)
        if other is not self.store:
            self._others.append(other)
        return other

    async def restart(self) -> None:
        """Close the store and open it again."""
        self.store = await self.contract.reopen(self.store)

    async def close(self) -> None:
        """Let go of everything."""
        for store in [*self._others, self.store]:
            await store.close()


def agent(key: str = "a", name: str = "counter", tenant: str = "default") -> str:
    """An address."""
    return f"{tenant}/{name}/{key}"


def send(
    to: str, name: str = "add", *, body: bytes = b"body", status: int = 0, turn: int = 0, ended: int = 0, **parts: Any
) -> Send:
    """A message to insert; a request unless ``kind`` says otherwise."""
    parts = {"kind": Kind.REQUEST, "payload": b"", "created": NOW} | parts
    return Send(Message(to=to, name=name, **parts), body, status, turn, "v1" if turn else "", ended)


def wait(turn: int, path: str = "1", due: int = 0, verb: str = "wait", name: str = "it") -> Wait:
    """A durable wait."""
    return Wait(turn, path, verb, name, due, b"detail\0", NOW)


def message_of(arrivals: list[Arrival]) -> list[tuple[str, str]]:
    """(address, handler) of arrivals, sorted."""
    return sorted((a.address, a.send.message.name) for a in arrivals)


async def eventually(condition: Callable[[], bool], otherwise: str) -> None:
    """Wait for a condition, up to a deadline."""
    loop = asyncio.get_running_loop()
    until = loop.time() + DEADLINE_SECONDS
    while not condition():
        assert loop.time() < until, otherwise
        await asyncio.sleep(0.01)


async def until(condition: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    """``eventually``, for what has to be asked."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE_SECONDS
    while not await condition():
        assert loop.time() < deadline, otherwise
        await asyncio.sleep(0.01)


async def until_dead(witness: Member, victim: Member) -> None:
    """Let ``witness`` beat until it has declared the silent ``victim`` dead. ``victim`` must hear of it."""
    loop = asyncio.get_running_loop()
    until = loop.time() + DEADLINE_SECONDS
    while not victim.heard("lost"):
        assert loop.time() < until, "a session that fell silent was never declared dead"
        assert await witness.store.beat(witness.token), "a session that beats was declared dead"
        await asyncio.sleep(0.02)
