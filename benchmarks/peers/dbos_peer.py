"""DBOS Transact: async workflows of async steps. Usage: dbos_peer.py {sqlite|postgres} FOLDER POSTGRES_URL TURNS"""

from __future__ import annotations

import asyncio
import os
import sys
import time

from dbos import DBOS, SetWorkflowID
from measure import alone, cpu_s, empty, many, percentile, report, rss_bytes

kind, folder, postgres, turns = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
url = f"sqlite:///{folder}/dbos.sqlite" if kind == "sqlite" else postgres
PEER = f"dbos-{kind}"
DBOS(
    config={
        "name": "bench",
        "system_database_url": url,
        "log_level": "ERROR",
        "application_version": "1",
        "executor_id": "one",
    }
)
woken: dict[str, float] = {}


@DBOS.step()
async def step(i: int) -> int:
    return i


@DBOS.workflow()
async def steps(n: int) -> int:
    for i in range(n):
        await step(i)
    return n


@DBOS.workflow()
async def waiter(key: str) -> str:
    message = await DBOS.recv_async("go", timeout_seconds=10**6)
    woken[key] = time.perf_counter()
    return message


@DBOS.workflow()
async def ping(n: int, peer: str) -> int:
    me = DBOS.workflow_id
    for _ in range(n):
        await DBOS.send_async(peer, me, "t")
        await DBOS.recv_async("r", timeout_seconds=60)
    return n


@DBOS.workflow()
async def pong(n: int) -> int:
    for i in range(n):
        sender = await DBOS.recv_async("t", timeout_seconds=60)
        await DBOS.send_async(sender, i, "r")
    return n


async def run(key: str, n: int) -> object:
    with SetWorkflowID(f"{PEER}-{key}"):
        handle = await DBOS.start_workflow_async(steps, n)
    return await handle.get_result(polling_interval_sec=0.05)


async def direct(key: str, n: int) -> object:
    with SetWorkflowID(f"{PEER}-{key}"):
        return await steps(n)


async def waiters(count: int) -> None:
    before = rss_bytes()
    for start in range(0, count, 50):
        await asyncio.gather(*[_wait(i) for i in range(start, min(count, start + 50))])
    await asyncio.sleep(2)
    used, began = cpu_s(), time.perf_counter()
    await asyncio.sleep(5)
    idle = (cpu_s() - used) / (time.perf_counter() - began)
    report(PEER, waiters=count, rss_bytes_per_waiting_agent=(rss_bytes() - before) / count, idle_cpu_cores=idle)
    took: list[float] = []
    for i in range(20):
        began = time.perf_counter()
        await DBOS.send_async(f"{PEER}-w{i}", "on", "go")
        while f"w{i}" not in woken and time.perf_counter() - began < 5:
            await asyncio.sleep(0.0005)
        took.append(woken.get(f"w{i}", began + 5) - began)
    report(PEER, wake_p50_ms=percentile(took, 0.5) * 1000, wake_p99_ms=percentile(took, 0.99) * 1000)


async def _wait(i: int) -> None:
    with SetWorkflowID(f"{PEER}-w{i}"):
        await DBOS.start_workflow_async(waiter, f"w{i}")


async def round_trips(n: int) -> None:
    with SetWorkflowID(f"{PEER}-pong"):
        await DBOS.start_workflow_async(pong, n)
    began = time.perf_counter()
    with SetWorkflowID(f"{PEER}-ping"):
        await ping(n, f"{PEER}-pong")
    report(PEER, round_trips_per_s=n / (time.perf_counter() - began))


async def main() -> None:
    await direct("warm", 3)
    await alone(PEER, direct, 200)
    await empty(PEER, direct, 100)
    await many(PEER, run, turns)
    await round_trips(10 if kind == "sqlite" else 50)
    await waiters(300)
    os._exit(0)


DBOS.launch()
asyncio.run(main())
