"""The agents that the heart's benchmark runs."""

from __future__ import annotations

import asyncio
import os

from holdfast import Agent, Context

worker = Agent("worker")
echo = Agent("echo")
waiter = Agent("waiter")


async def nothing(i: int) -> int:
    return i


@worker.handler
async def steps(ctx: Context, n: int) -> int:
    for i in range(n):
        await ctx.run(nothing, i)
    return n


async def outside(i: int) -> int:
    """A step that mostly waits for somebody else, as a model call does."""
    await asyncio.sleep(0.02)
    return i


@worker.handler
async def waiting_steps(ctx: Context, n: int) -> int:
    for i in range(n):
        await ctx.run(outside, i)
    return n


@worker.handler
async def empty(ctx: Context) -> None:
    return None


@echo.handler
async def back(ctx: Context, i: int) -> int:
    return i


@worker.handler
async def drive(ctx: Context, n: int) -> int:
    for i in range(n):
        await ctx.call(back[ctx.key], i)
    return n


@waiter.handler
async def park(ctx: Context, i: int) -> str:
    return await ctx.wait("go")


async def effect(path: str, line: str) -> str:
    """A side effect that can be counted: one appended line."""
    fd = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    try:
        os.write(fd, f"{line}\n".encode())
    finally:
        os.close(fd)
    return line


@worker.handler
async def effects(ctx: Context, path: str, n: int) -> int:
    for place in range(n):
        line = f"{ctx.key} {place}"
        await ctx.run(effect, path, line)
    return n


ALL = [worker, echo, waiter]
