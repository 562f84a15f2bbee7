"""What a step's own function does inside itself is nobody else's business."""

from __future__ import annotations

import asyncio
from pathlib import Path

from holdfast import Agent, Context, Runtime


async def test_the_tasks_of_an_effect_are_no_branches_of_its_turn(tmp_path: Path) -> None:
    made: list[str] = []

    async def busy(name: str) -> str:
        made.append(name)
        await asyncio.gather(asyncio.sleep(0), asyncio.wait_for(asyncio.sleep(0), 1))
        return name

    agent = Agent("several")

    @agent.handler
    async def both(ctx: Context) -> list[str]:
        one = await ctx.run(busy, "one")
        two = await ctx.run(busy, "two")
        await ctx.wait("go")
        return [one, two, await ctx.run(busy, "three")]

    store = f"sqlite:///{tmp_path}/store.db"
    async with Runtime([agent], store) as runtime:
        await runtime.send(both["1"])
        async with asyncio.timeout(10):
            while not await runtime.waits():
                await asyncio.sleep(0.01)
        assert [e.path for e in await runtime.journal("several/1") if e.verb == "run"] == ["1", "2"]
    async with Runtime([agent], store) as runtime:
        await runtime.signal("several/1", "go")
        async with asyncio.timeout(10):
            while (await runtime.describe("several/1")).doing != "idle":
                await asyncio.sleep(0.01)
        assert made == ["one", "two", "three"]
