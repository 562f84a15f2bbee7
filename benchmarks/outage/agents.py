"""The agent that the outage benchmark talks to: it looks something up before each answer."""

from __future__ import annotations

from holdfast import Agent, Context


def look(about: str) -> str:
    """Look something up."""
    return f"what is known of {about}"


def instructions(ctx: Context) -> str:
    """The conversation's name, so that requests can be told apart."""
    return f"conversation {ctx.key}"


talker = Agent("talker", model="any", instructions=instructions, tools=[look])
caller = Agent("caller")


@caller.handler
async def talk(ctx: Context, times: int) -> int:
    """Say so many things, each after the answer to the last; how many were answered rightly."""
    right = 0
    for n in range(times):
        answer = await ctx.call(talker[ctx.key].chat, f"question {n}")
        right += answer == f"answer to question {n}"
    return right
