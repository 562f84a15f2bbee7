"""Steps per second: many turns at once, and one turn alone."""

from __future__ import annotations

import asyncio
import time

import holdfast
from benchmarks.heart import agents


async def many(url: str, turns: int, steps: int, repeats: int) -> dict[str, float]:
    """``turns`` concurrent turns of ``steps`` steps each; the median of the repeats."""
    rates: list[float] = []
    cpus: list[float] = []
    async with holdfast.Runtime(agents.ALL, url) as runtime:
        await runtime.call(agents.steps["warm"], 3)
        for r in range(repeats):
            began, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*[runtime.call(agents.steps[f"{r}-{i}"], steps) for i in range(turns)])
            rates.append(turns * steps / (time.perf_counter() - began))
            cpus.append((time.process_time() - cpu) / (turns * steps) * 10_000)
    middle = sorted(range(repeats), key=lambda i: rates[i])[repeats // 2]
    return {"steps_per_s": rates[middle], "cpu_s_per_10k_steps": cpus[middle]}


async def alone(url: str, steps: int, repeats: int) -> dict[str, float]:
    """One turn of ``steps`` sequential steps; milliseconds per step, the median of the repeats."""
    found: list[float] = []
    async with holdfast.Runtime(agents.ALL, url) as runtime:
        await runtime.call(agents.steps["warm"], 3)
        for r in range(repeats):
            began = time.perf_counter()
            await runtime.call(agents.steps[f"alone-{r}"], steps)
            found.append((time.perf_counter() - began) / steps * 1000)
    return {"seq_step_ms": sorted(found)[repeats // 2]}
