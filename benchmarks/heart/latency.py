"""An empty turn through the Python client: a real server process, a real socket."""

from __future__ import annotations

import asyncio
import time

import holdfast
from benchmarks.heart import agents
from benchmarks.heart.serving import server
from benchmarks.probe import percentile


async def embedded(url: str, calls: int) -> dict[str, float]:
    """Empty turns of fresh agents, one after another, in this process."""
    async with holdfast.Runtime(agents.ALL, url) as runtime:
        took = await _calls(runtime, calls, "e")
    return {"embedded_turn_p50_ms": percentile(took, 0.5) * 1000, "embedded_turn_p99_ms": percentile(took, 0.99) * 1000}


async def over_socket(url: str, calls: int) -> dict[str, float]:
    """The same through ``holdfast.connect`` to a server in a process of its own."""
    async with server(url) as address, holdfast.connect(address) as client:
        took = await _calls(client, calls, "s")
    return {"empty_turn_p50_ms": percentile(took, 0.5) * 1000, "empty_turn_p99_ms": percentile(took, 0.99) * 1000}


async def _calls(client: holdfast.Client, calls: int, prefix: str) -> list[float]:
    await asyncio.gather(*[client.call(agents.empty[f"{prefix}w{i}"]) for i in range(50)])
    took: list[float] = []
    for i in range(calls):
        began = time.perf_counter()
        await client.call(agents.empty[f"{prefix}{i}"])
        took.append(time.perf_counter() - began)
    return took
