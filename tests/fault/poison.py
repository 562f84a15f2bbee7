"""A handler that kills its process, among others that do not. Run as ``python poison.py URL FOLDER``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import holdfast
from holdfast import Agent, Context

worker = Agent("worker")


@worker.handler
async def work(ctx: Context, folder: str, deadly: bool) -> str:
    for _ in range(3):
        await ctx.sleep(0.02)
    if deadly and not (Path(folder) / "mended").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


async def main(url: str, folder: str) -> None:
    """Give the work once, then live until everything has come to rest."""
    async with holdfast.Runtime([worker], url, lease_seconds=2.0) as runtime:
        for n in range(30):
            deadly = n == 17
            await runtime.options(key=str(n)).send(worker[f"w{n}"].work, folder, deadly)
        while not await at_rest(runtime):
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)


async def at_rest(runtime: holdfast.Runtime) -> bool:
    """Whether every turn has ended, or was set aside for a person."""
    stats = await runtime.stats()
    aside = (await runtime.describe("worker/w17")).doing == "stuck"
    return not (stats["queued"] or stats["running"] or stats["in_memory"]) and stats["waiting"] == int(aside)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
