"""Waiting agents: what they cost while they wait, and how fast they wake, alone and in a storm."""

from __future__ import annotations

import asyncio
import gc
import os
import time

import holdfast
from benchmarks.heart import agents
from benchmarks.probe import percentile, rss_bytes, store_bytes


async def parked(url: str, count: int, rest_s: float, wakes: int, storm: int) -> dict[str, float]:
    """Park ``count`` agents, let them rest, wake ``wakes`` one by one and ``storm`` at once."""
    limits = holdfast.Limits()
    async with holdfast.Runtime(agents.ALL, url, limits=limits) as runtime:
        await runtime.call(agents.steps["warm"], 3)
        await _park(runtime, 0, 2_000)
        await _settle(runtime)
        gc.collect()
        rss, disk = rss_bytes(), await store_bytes(runtime.store)
        began = time.perf_counter()
        ids = await _park(runtime, 2_000, 2_000 + count)
        created_s = time.perf_counter() - began
        await _settle(runtime)
        gc.collect()
        grown, written = rss_bytes() - rss, await store_bytes(runtime.store) - disk
        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.sleep(rest_s)
        idle = (time.process_time() - cpu) / (time.perf_counter() - began)
        stats = await runtime.stats()
        took = [await _wake(runtime, ids, (k * 7919) % count) for k in range(wakes)]
        before = rss_bytes()
        storm_s = await _storm(runtime, ids, [(wakes + k) * 7919 % count for k in range(storm)])
        return {
            "parked": float(stats["waiting"]),
            "created_per_s": count / created_s,
            "bytes_per_waiting_agent": written / count,
            "rss_bytes_per_waiting_agent": max(grown, 0) / count,
            "idle_cpu_cores": idle,
            "wake_p50_ms": percentile(took, 0.5) * 1000,
            "wake_p99_ms": percentile(took, 0.99) * 1000,
            "storm_wakes_per_s": storm / storm_s if storm else 0.0,
            "storm_rss_growth_mb": (rss_bytes() - before) / 2**20,
        }


async def idle_of_empty(url: str, rest_s: float) -> float:
    """CPU cores that a process with an empty store uses: what idle has to be compared with."""
    async with holdfast.Runtime(agents.ALL, url):
        await asyncio.sleep(1)
        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.sleep(rest_s)
        return (time.process_time() - cpu) / (time.perf_counter() - began)


async def _park(runtime: holdfast.Runtime, first: int, last: int) -> list[int]:
    ids: list[int] = []
    for start in range(first, last, 1_000):
        batch = range(start, min(last, start + 1_000))
        ids += await asyncio.gather(*[runtime.send(agents.park[f"w{i - 2_000}"], i) for i in batch])
    return ids


async def _settle(runtime: holdfast.Runtime) -> None:
    while (await runtime.stats())["in_memory"] or (await runtime.stats())["queued"]:
        await asyncio.sleep(0.1)


async def _wake(runtime: holdfast.Runtime, ids: list[int], k: int) -> float:
    """From sending the event to the durable end of the turn."""
    ended = _ended(runtime, ids[k])
    began = time.perf_counter()
    await runtime.signal(f"waiter/w{k}", "go", "on")
    await ended
    return time.perf_counter() - began


async def _storm(runtime: holdfast.Runtime, ids: list[int], keys: list[int]) -> float:
    ends = [_ended(runtime, ids[k]) for k in keys]
    began = time.perf_counter()
    await asyncio.gather(*[runtime.signal(f"waiter/w{k}", "go", "on") for k in keys])
    await asyncio.gather(*ends)
    return time.perf_counter() - began


def _ended(runtime: holdfast.Runtime, id: int) -> asyncio.Future[object]:
    outcome: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    runtime.engine.worker.outcomes.waiters.setdefault(id, []).append(outcome)  # type: ignore[arg-type]
    return outcome


__all__ = ["idle_of_empty", "os", "parked"]
