"""The agents whose journals are recorded. They must never change: a change belongs in a new recording."""

from __future__ import annotations

from typing import Any

from holdfast import Agent, Context

office = Agent("office")
helper = Agent("helper")
called: list[str] = []


async def note(what: str) -> str:
    called.append(what)
    return what


@helper.handler
async def double(ctx: Context, n: int) -> int:
    return n * 2


@office.handler
async def day(ctx: Context, n: int) -> dict[str, Any]:
    first = await ctx.run(note, "open")
    await ctx.state.set("opened", n)
    twice = await ctx.call(double["x"], n)
    await ctx.send(double["y"], n)
    both = await ctx.gather(ctx.run(note, "left"), ctx.run(note, "right"))
    winner, value = await ctx.race(ctx.wait("never"), ctx.run(note, "race"))
    await ctx.sleep(0.01)
    answer = await ctx.ask("Close?", choices=["yes", "no"])
    word = await ctx.wait("last word")
    last = await ctx.run(note, "close")
    opened = await ctx.state.get("opened")
    return {"steps": [first, twice, both, winner, value, answer, word, last], "opened": opened}


office.definition.version = "recorded"
helper.definition.version = "recorded"
