"""What every peer script shares: timing, percentiles, one JSON line per figure. Standard library only: it runs in theirs."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import time
from collections.abc import Awaitable, Callable


def cpu_s() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def rss_bytes() -> int:
    """Resident memory of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def percentile(values: list[float], share: float) -> float:
    """The value below which ``share`` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def report(peer: str, **figures: float) -> None:
    """One JSON line."""
    print(json.dumps({"peer": peer, **{k: round(v, 4) for k, v in figures.items()}}), flush=True)


async def many(
    peer: str, run: Callable[[str, int], Awaitable[object]], turns: int, cpu: Callable[[], float] = cpu_s
) -> None:
    """``turns`` concurrent runs of 10 steps."""
    began, used = time.perf_counter(), cpu()
    await asyncio.gather(*[run(f"m{i}-{os.getpid()}", 10) for i in range(turns)])
    took = time.perf_counter() - began
    report(peer, steps_per_s=turns * 10 / took, cpu_s_per_10k_steps=(cpu() - used) / (turns * 10) * 10_000)


async def alone(peer: str, run: Callable[[str, int], Awaitable[object]], steps: int) -> None:
    """One run of ``steps`` steps."""
    began = time.perf_counter()
    await run(f"a-{os.getpid()}", steps)
    report(peer, seq_step_ms=(time.perf_counter() - began) / steps * 1000)


async def empty(peer: str, run: Callable[[str, int], Awaitable[object]], calls: int) -> None:
    """Runs without a step, one after another."""
    took: list[float] = []
    for i in range(calls):
        began = time.perf_counter()
        await run(f"e{i}-{os.getpid()}", 0)
        took.append(time.perf_counter() - began)
    report(peer, empty_turn_p50_ms=percentile(took, 0.5) * 1000, empty_turn_p99_ms=percentile(took, 0.99) * 1000)
