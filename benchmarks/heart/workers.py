"""PostgreSQL: the same work with one worker process and with two."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time

import holdfast
from benchmarks.heart import agents


async def scaling(url: str, turns: int, steps: int) -> dict[str, float]:
    """Steps per second of one and of two worker processes, sent by a third process: steps that only compute (bound by the
    machine's cores), and steps that wait 20 ms for somebody else in workers of 50 turns each (bound by the workers)."""
    found: dict[str, float] = {}
    for kind, target in (("computing", agents.steps), ("waiting", agents.waiting_steps)):
        for count in (1, 2):
            name = f"{kind}_steps_per_s_{count}_worker{'s' if count > 1 else ''}"
            found[name] = await _with(url, count, turns, steps, target, f"{kind}{count}-")
    return found


async def _with(url: str, count: int, turns: int, steps: int, target: holdfast.Handler[[int], int], prefix: str) -> float:
    slots = 2_000 if target is agents.steps else 50
    command = [sys.executable, "-m", "benchmarks.heart.workers", url, str(slots)]
    children = [subprocess.Popen(command) for _ in range(count)]
    try:
        async with holdfast.Runtime([], url, name="sender") as sender:
            await asyncio.sleep(2.0)
            began = time.perf_counter()
            await asyncio.gather(*[sender.call(target[f"{prefix}{i}"], steps) for i in range(turns)])
            return turns * steps / (time.perf_counter() - began)
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait()


async def _work(url: str, slots: int) -> None:
    async with holdfast.Runtime(agents.ALL, url, name="worker", limits=holdfast.Limits(turns=slots)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    import signal

    loop = asyncio.new_event_loop()
    task = loop.create_task(_work(sys.argv[1], int(sys.argv[2])))
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
