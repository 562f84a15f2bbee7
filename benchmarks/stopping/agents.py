"""Agents that never rest: each turn makes one effect after the other and notes when it began."""

from __future__ import annotations

import asyncio
import os
import struct
import time

from holdfast import Agent, Context

restless = Agent("restless")
_NOTES = os.environ.get("STOPPING_NOTES", "")
_FILE = os.open(f"{_NOTES}.{os.getpid()}", os.O_CREAT | os.O_APPEND | os.O_WRONLY) if _NOTES else -1
NOTE = struct.Struct("<dIi")
"""When an effect began (seconds since 1970), of which agent, and the how-manieth of it."""


async def beat(agent: int, place: int, seconds: float) -> None:
    """An effect on the world outside that takes a while."""
    os.write(_FILE, NOTE.pack(time.time(), agent, place))
    await asyncio.sleep(seconds)


@restless.handler
async def go(ctx: Context, beats: int, seconds: float) -> int:
    """Effects in a row."""
    for place in range(beats):
        await ctx.run(beat, int(ctx.key), place, seconds, name="beat")
    return beats
