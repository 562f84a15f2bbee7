"""Restate server (npm) with a Python endpoint. Usage: restate_peer.py SERVER_BINARY FOLDER TURNS"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import psutil
from measure import alone, empty, many, percentile, report

binary, folder, turns = sys.argv[1], sys.argv[2], int(sys.argv[3])
HERE = Path(__file__).parent
INGRESS, ADMIN = "http://127.0.0.1:18080", "http://127.0.0.1:19070"
SETTINGS = {
    "RESTATE_BASE_DIR": f"{folder}/restate",
    "RESTATE_NODE_NAME": "one",
    "RESTATE_INGRESS__BIND_ADDRESS": "127.0.0.1:18080",
    "RESTATE_ADMIN__BIND_ADDRESS": "127.0.0.1:19070",
    "RESTATE_BIND_ADDRESS": "127.0.0.1:15122",
    "RESTATE_ADVERTISED_ADDRESS": "http://127.0.0.1:15122",
    "RESTATE_DISABLE_TELEMETRY": "true",
    "RUST_LOG": "error",
}


async def main() -> None:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([binary, "--no-logo"], env={**os.environ, **SETTINGS}, **quiet)
    command = [sys.executable, "-m", "hypercorn", "restate_endpoint:app", "--bind", "127.0.0.1:19080", "-w", "0"]
    endpoint = subprocess.Popen(command, cwd=HERE, **quiet)
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await _register(session)
            await _measure(
                session, lambda: _cpu(server.pid) + _cpu(endpoint.pid) + _cpu(os.getpid()), server.pid, endpoint.pid
            )
    finally:
        for child in (endpoint, server):
            child.kill()
            child.wait()


async def _register(session: aiohttp.ClientSession) -> None:
    for _ in range(150):
        try:
            async with session.post(f"{ADMIN}/deployments", json={"uri": "http://127.0.0.1:19080"}) as answer:
                if answer.status < 300:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.2)
    raise SystemExit("Restate did not accept the endpoint")


async def _measure(session: aiohttp.ClientSession, cpu: object, server: int, endpoint: int) -> None:
    async def call(path: str, body: object) -> str:
        async with session.post(INGRESS + path, json=body) as answer:
            text = await answer.text()
            if answer.status >= 300:
                raise RuntimeError(f"{answer.status} {text[:200]}")
            return text

    async def run(_: str, n: int) -> object:
        return await call("/Bench/steps", n)

    await run("", 3)
    await alone("restate", run, 200)
    await empty("restate", run, 100)
    await many("restate", run, turns, cpu)  # type: ignore[arg-type]
    began = time.perf_counter()
    await asyncio.gather(*[call(f"/Agent/p{i}/drive", 25) for i in range(16)])
    report("restate", pairs=16, round_trips_per_s=16 * 25 / (time.perf_counter() - began))
    await _waiters(call, server, endpoint, 300)


async def _waiters(call: object, server: int, endpoint: int, count: int) -> None:
    before = _rss(server) + _rss(endpoint)
    for start in range(0, count, 50):
        await asyncio.gather(*[call(f"/Waiter/w{i}/run/send", i) for i in range(start, start + 50)])  # type: ignore[operator]
    await asyncio.sleep(2)
    used, began = _cpu(server) + _cpu(endpoint), time.perf_counter()
    await asyncio.sleep(5)
    idle = (_cpu(server) + _cpu(endpoint) - used) / (time.perf_counter() - began)
    grown = (_rss(server) + _rss(endpoint) - before) / count
    report("restate", waiters=count, rss_bytes_per_waiting_agent=grown, idle_cpu_cores=idle)
    took: list[float] = []
    for i in range(50):
        began = time.perf_counter()
        await call(f"/Waiter/w{i}/wake", "on")  # type: ignore[operator]
        took.append(time.perf_counter() - began)
    report("restate", wake_p50_ms=percentile(took, 0.5) * 1000, wake_p99_ms=percentile(took, 0.99) * 1000)


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _rss(pid: int) -> int:
    return psutil.Process(pid).memory_info().rss


asyncio.run(main())
