"""Schedules as agents, on the real runtime with a simulated clock: days pass in milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from holdfast import Agent, Context, Limits, Runtime
from holdfast.adapters.sqlite import SqliteStore
from holdfast.bootstrap.engine import Engine
from holdfast.control.operations import Operations
from holdfast.control.schedules import schedule
from holdfast.domain.errors import NotFound, Rejected
from holdfast.journal.codec import encode
from holdfast.testing.clock import SeededRandom, SimulatedClock
from holdfast.testing.loop import SimulatedLoop
from holdfast.turn.definition import Registry

HOUR, DAY = 3_600, 86_400

desk = Agent("desk")


@desk.handler
async def note(ctx: Context, what: str) -> None:
    times = await ctx.state.get("times", [])
    now = await ctx.now()
    await ctx.state.set("times", [*times, now.isoformat(timespec="minutes")])


class World:
    """A store that outlives its engines, and one clock."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self.clock = SimulatedClock(loop)
        self.store = SqliteStore("memory://")
        self.lives = 0

    async def begin(self) -> Operations:
        registry = Registry()
        for agent in (desk, schedule):
            agent.seal_version()
            registry.add(agent.definition)
        self.lives += 1
        self.engine = Engine(
            self.store,
            registry,
            clock=self.clock,
            random=SeededRandom(self.lives),
            lease_seconds=7200,
            limits=Limits(block_warning_ms=0),
        )
        await self.engine.start()
        return Operations(self.store, self.engine.worker, self.engine.flow, registry)

    async def end(self) -> None:
        await self.engine.stop()

    async def times(self) -> list[str]:
        rows = await self.store.state("default/desk/1")
        return msgspec.msgpack.decode(rows["times"].value or b"\x90") if "times" in rows else []


def simulated(body: Callable[[World], Awaitable[None]]) -> Callable[[], None]:
    def test() -> None:
        with SimulatedLoop() as loop:

            async def main() -> None:
                world = World(loop)
                await world.store.open()
                try:
                    await body(world)
                finally:
                    await world.store.close()

            loop.run(main())

    test.__name__ = body.__name__
    return test


def add(ops: Operations, **given: Any) -> Awaitable[Any]:
    return ops.schedule("s", "desk/1", "note", encode((["x"], {}), "arguments"), **given)


@simulated
async def test_an_interval_goes_on_for_days(world: World) -> None:
    ops = await world.begin()
    await add(ops, every_seconds=6 * HOUR)
    await asyncio.sleep(3 * DAY + 60)
    assert len(await world.times()) == 12
    [shown] = await ops.schedules()
    assert (shown.name, shown.ran, shown.missed_runs) == ("s", 12, 0)
    await world.end()


@simulated
async def test_cron_follows_its_zone_through_summer_time(world: World) -> None:
    world.clock.jump(1_805_500_000 - 1_800_000_000)  # the middle of March 2027
    ops = await world.begin()
    await add(ops, cron="0 9 * * mon-fri", zone="Europe/Berlin")
    await asyncio.sleep(21 * DAY)
    hours = {t[11:16] for t in await world.times()}
    assert hours == {"08:00", "07:00"}, "nine in Berlin is eight in UTC in winter and seven in summer"
    assert len(await world.times()) == 15
    await world.end()


@pytest.mark.parametrize(("missed", "runs"), [("skip", 0), ("once", 1), ("all", 5)])
def test_what_was_missed_while_nothing_ran(missed: str, runs: int) -> None:
    @simulated
    async def body(world: World) -> None:
        ops = await world.begin()
        await add(ops, every_seconds=HOUR, missed=missed)
        await asyncio.sleep(2 * HOUR + 60)
        before = len(await world.times())
        assert before == 2
        await world.end()
        await asyncio.sleep(5 * HOUR + 20 * 60)
        ops = await world.begin()
        await asyncio.sleep(60)
        assert len(await world.times()) - before == runs
        await asyncio.sleep(HOUR)
        assert len(await world.times()) - before == runs + 1, "and then it goes on in its old rhythm"
        await world.end()

    body()


@simulated
async def test_the_same_name_again_changes_it_and_old_ticks_do_nothing(world: World) -> None:
    ops = await world.begin()
    await add(ops, every_seconds=HOUR)
    await asyncio.sleep(HOUR / 2)
    await add(ops, every_seconds=DAY)
    await asyncio.sleep(DAY + 60)
    assert len(await world.times()) == 1
    assert [s.when for s in await ops.schedules()] == ["every 86400 s"]
    await world.end()


@simulated
async def test_a_removed_schedule_runs_no_more(world: World) -> None:
    ops = await world.begin()
    await add(ops, every_seconds=HOUR)
    await asyncio.sleep(HOUR + 60)
    await ops.unschedule("s")
    await asyncio.sleep(DAY)
    assert len(await world.times()) == 1 and await ops.schedules() == []
    with pytest.raises(NotFound) as caught:
        await ops.unschedule("s")
    assert caught.value.code == "schedule.unknown"
    await add(ops, every_seconds=HOUR)
    await asyncio.sleep(HOUR + 60)
    assert len(await world.times()) == 2
    await world.end()


@simulated
async def test_a_wall_clock_that_jumps_back_runs_nothing_twice(world: World) -> None:
    ops = await world.begin()
    await add(ops, every_seconds=HOUR)
    await asyncio.sleep(HOUR + 60)
    world.clock.jump(-HOUR / 2)
    await asyncio.sleep(HOUR)
    assert len(await world.times()) == 1
    await asyncio.sleep(HOUR)
    assert len(await world.times()) == 2
    await world.end()


@simulated
async def test_a_schedule_that_cannot_work_changes_nothing(world: World) -> None:
    ops = await world.begin()
    for given, code in (
        ({"cron": "often"}, "schedule.malformed"),
        ({"every_seconds": HOUR, "missed": "maybe"}, "schedule.malformed"),
    ):
        with pytest.raises(Rejected) as caught:
            await add(ops, **given)
        assert caught.value.code == code
    assert await ops.schedules() == []
    await world.end()


async def test_from_python() -> None:
    async with Runtime([desk], "memory://") as runtime:
        done = await runtime.schedule("daily", desk["7"].note, ["x"], cron="0 9 * * *", zone="Europe/Berlin")
        assert done.when == "0 9 * * * (Europe/Berlin)" and done.next > 0
        assert [s.name for s in await runtime.schedules()] == ["daily"]
        await runtime.unschedule("daily")
        assert await runtime.schedules() == []
