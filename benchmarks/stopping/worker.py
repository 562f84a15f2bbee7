"""One worker process: `python -m benchmarks.stopping.worker URL TURNS`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys

import holdfast
from benchmarks.stopping.agents import restless


async def _work(url: str, turns: int) -> None:
    async with holdfast.Runtime([restless], url, name="restless", limits=holdfast.Limits(turns=turns)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    task = loop.create_task(_work(sys.argv[1], int(sys.argv[2])))
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
