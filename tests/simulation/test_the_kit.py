"""The test kit itself: virtual time, a clock that jumps, and faults that really happen."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.adapters.sqlite import SqliteStore
from holdfast.domain.errors import Unavailable
from holdfast.domain.message import Kind, Message
from holdfast.ports.store import Commit, Send, Worker
from holdfast.testing.clock import START_MS, SeededRandom, SimulatedClock
from holdfast.testing.faults import Faults, FaultyStore
from holdfast.testing.loop import SimulatedLoop, Stuck


def test_days_pass_in_no_time() -> None:
    async def main() -> float:
        await asyncio.gather(asyncio.sleep(86_400), asyncio.sleep(3 * 86_400))
        return asyncio.get_running_loop().time()

    with SimulatedLoop() as loop:
        assert loop.run(main()) == 3 * 86_400


def test_waiting_for_nothing_is_an_error_instead_of_a_hang() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with SimulatedLoop() as loop, pytest.raises(Stuck):
        loop.run(main())


def test_the_wall_clock_jumps_and_the_monotonic_one_does_not() -> None:
    with SimulatedLoop() as loop:
        clock = SimulatedClock(loop)
        assert clock.now_ms() == START_MS
        clock.jump(-5)
        assert (clock.now_ms(), clock.monotonic()) == (START_MS - 5_000, 0.0)
        clock.set_right()
        assert clock.now_ms() == START_MS


def test_the_same_seed_gives_the_same_numbers() -> None:
    one, two, other = SeededRandom(1), SeededRandom(1), SeededRandom(2)
    first = [one.uniform(), one.token()]
    assert first == [two.uniform(), two.token()]
    assert first != [other.uniform(), other.token()]


def _message(key: str) -> Commit:
    message = Message("default/a/1", Kind.REQUEST, "go", b"\x92\x90\x80", key=key)
    return Commit(sends=[Send(message, b"body")])


def test_a_lost_reply_is_a_commit_that_happened() -> None:
    async def main() -> int:
        store = SqliteStore("memory://")
        await store.open()
        session = await store.enlist(Worker("w", {"a": ("1",)}), lambda _: None)
        link = FaultyStore(store, Faults(lose_reply=1.0), "seed")
        with pytest.raises(Unavailable):
            await link.commit(session, [_message("k")])
        return len(await store.messages(statuses=[0]))

    with SimulatedLoop() as loop:
        assert loop.run(main()) == 1


def test_nothing_of_a_dead_worker_gets_through() -> None:
    async def main() -> int:
        store = SqliteStore("memory://")
        await store.open()
        session = await store.enlist(Worker("w", {"a": ("1",)}), lambda _: None)
        link = FaultyStore(store, Faults(), "seed")
        link.cut()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(link.commit(session, [_message("k")]), 60)
        return len(await store.messages(statuses=[0]))

    with SimulatedLoop() as loop:
        assert loop.run(main()) == 0
