"""Agents of the benchmark: some sleep, some ask, most are done; and a few that write entries as fast as they are told."""

from __future__ import annotations

import asyncio

from holdfast import Agent, Context

member = Agent("member")
busy = Agent("busy")


@member.handler
async def work(ctx: Context, n: int) -> int:
    """One of a large fleet."""
    if n % 50 == 0:
        await ctx.ask(f"Go on with {n}?", choices=["yes", "no"])
    elif n % 10 == 0:
        await ctx.sleep(86_400)
    return n


@busy.handler
async def hurry(ctx: Context, steps: int, every: float) -> int:
    """Write so many entries, paced."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for n in range(steps):
        await ctx.run(nothing, n)
        late = began + n * every - loop.time()
        if late > 0:
            await ctx.run(rest, late)
    return steps


async def nothing(n: int) -> int:
    """A step."""
    return n


async def rest(seconds: float) -> None:
    """Keep the pace."""
    await asyncio.sleep(seconds)
