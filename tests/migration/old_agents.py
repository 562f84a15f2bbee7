"""The agents of the recorded stores. Never edit: their turns go on in every schema to come."""

from __future__ import annotations

from holdfast import Agent, Context
from holdfast.domain.conversation import Media

counter = Agent("counter")
album = Agent("album")


@counter.handler
async def add(ctx: Context, amount: int) -> int:
    total = await ctx.state.get("total", 0) + amount
    await ctx.state.set("total", total)
    return total


@counter.handler
async def listen(ctx: Context) -> str:
    before = await ctx.run(lambda: "heard nothing, then ", name="begin")
    return before + await ctx.wait("news")


@album.handler
async def put(ctx: Context, picture: Media) -> str:
    await ctx.state.set("picture", picture)
    return picture.artifact
