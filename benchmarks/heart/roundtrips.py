"""Durable request and reply between agents."""

from __future__ import annotations

import asyncio
import time

import holdfast
from benchmarks.heart import agents


async def pairs(url: str, count: int, trips: int, repeats: int) -> dict[str, float]:
    """``count`` pairs of agents, each making ``trips`` calls one after another; calls per second in all."""
    rates: list[float] = []
    cpus: list[float] = []
    async with holdfast.Runtime(agents.ALL, url) as runtime:
        await asyncio.gather(*[runtime.call(agents.drive[f"p{i}"], 2) for i in range(count)])
        for _ in range(repeats):
            began, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*[runtime.call(agents.drive[f"p{i}"], trips) for i in range(count)])
            rates.append(count * trips / (time.perf_counter() - began))
            cpus.append((time.process_time() - cpu) / (count * trips) * 1e6)
    middle = sorted(range(repeats), key=lambda i: rates[i])[repeats // 2]
    return {"round_trips_per_s": rates[middle], "cpu_us_per_round_trip": cpus[middle]}
