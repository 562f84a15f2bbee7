"""A program that forks an agent and steers the forks while somebody kills it: ``python forks.py URL FOLDER COUNT``."""

from __future__ import annotations

import asyncio
import os
import sys

import holdfast
from fault.bank import lines, note
from holdfast import Agent, Context

VALUES = 40

plan = Agent("plan")


async def effect(key: str, what: str) -> str:
    note("effects", f"{key} {what}")
    return what


@plan.handler
async def make(ctx: Context) -> list[str]:
    """Many values, effects on both sides of a wait, and what people say in between."""
    for n in range(VALUES):
        await ctx.state.set(f"v{n}", n)
    await ctx.run(effect, ctx.key, "before")
    await ctx.wait("go")
    words = [word.text for word in await ctx.steered()]
    await ctx.run(effect, ctx.key, "after")
    await ctx.state.set("words", words)
    return words


async def main(url: str, count: int) -> None:
    """Everything under keys, so that a run that goes on where a dead one stopped does nothing twice."""
    async with holdfast.Runtime([plan], url, lease_seconds=2.0) as runtime:
        await runtime.options(key="first").send(plan["source"].make)
        turn = await _turn(runtime)
        for n in range(count):
            if f"f{n}" not in lines("forked"):
                await runtime.fork("plan/source", f"plan/f{n}", turn=turn, before=f"{VALUES + 2}", key=f"fork-{n}")
                note("forked", f"f{n}")
            await _waits(runtime, f"plan/f{n}")
            if f"f{n}" not in lines("told"):
                await runtime.steer(f"plan/f{n}", f"word {n}", key="word")
                note("told", f"f{n}")
            await runtime.options(key="go").signal(f"plan/f{n}", "go")
        while any(a.doing != "idle" for a in await runtime.agents(like="plan/f", limit=1000)):
            await asyncio.sleep(0.01)


async def _turn(runtime: holdfast.Runtime) -> int:
    while True:
        entries = await runtime.journal("plan/source")
        if any(e.verb == "wait" for e in entries):
            return entries[0].turn
        await asyncio.sleep(0.01)


async def _waits(runtime: holdfast.Runtime, address: str) -> None:
    while not any(e.verb == "wait" for e in await runtime.journal(address)):
        await asyncio.sleep(0.005)


if __name__ == "__main__":
    os.environ["BANK"] = sys.argv[2]
    asyncio.run(main(sys.argv[1], int(sys.argv[3])))
