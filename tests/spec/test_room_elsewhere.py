"""An agent whose turn cannot begin where it is goes to a worker that has room."""

from __future__ import annotations

import asyncio

import pytest

from heart_world import World, effects_reach, until
from holdfast import Agent, Context, Limits

EIGHT = Limits(turns=8)


def slow(world: World, done: asyncio.Event) -> Agent:
    """One whose turns keep their places until ``done``, and say on which worker they are."""
    agent = Agent("slow")

    @agent.handler
    async def work(ctx: Context, n: int) -> str:
        async def hold() -> str:
            await world.effect(n)
            await done.wait()
            return ctx.turn.worker.session

        return await ctx.run(hold, name="hold", timeout=60)

    return agent


@pytest.mark.parametrize("late", [False, True])
async def test_what_waits_for_room_goes_where_there_is_some(postgres_url: str, late: bool) -> None:
    """Whether the other worker was there from the beginning, or comes when everything has been taken."""
    world, done = World(f"{postgres_url}?schema=room_{int(late)}"), asyncio.Event()
    agent = slow(world, done)
    async with world.runtime(agent, limits=EIGHT, name="one") as one:
        early = 12 if late else 0
        calls = [asyncio.ensure_future(one.call(agent[str(n)].work, n)) for n in range(early)]
        await until(lambda: effects_reach(world, min(early, 8)))
        async with world.runtime(agent, limits=EIGHT, name="two"):
            calls += [asyncio.ensure_future(one.call(agent[str(n)].work, n)) for n in range(early, 12)]
            await until(lambda: effects_reach(world, 12), 30)  # all of them at once, though no turn has ended
            done.set()
            where = await asyncio.gather(*calls)
            assert sorted(world.effects) == list(range(12))
            assert 1 <= len(set(where)) <= 2 and where.count(one.engine.worker.session) == 8


async def test_with_nobody_else_it_waits_and_everything_is_done_once(world: World) -> None:
    done = asyncio.Event()
    agent = slow(world, done)
    async with world.runtime(agent, limits=EIGHT) as runtime:
        calls = [asyncio.ensure_future(runtime.call(agent[str(n)].work, n)) for n in range(20)]
        await until(lambda: effects_reach(world, 8))
        scheduler = runtime.engine.worker.scheduler
        held = runtime.engine.worker.clock.monotonic() + 1.2
        while runtime.engine.worker.clock.monotonic() < held:  # two looks at what waits
            assert scheduler.running == 8 and len(world.effects) == 8
            await asyncio.sleep(0.05)
        done.set()
        await asyncio.gather(*calls)
    assert sorted(world.effects) == list(range(20))
