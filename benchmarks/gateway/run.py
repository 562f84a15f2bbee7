"""The same trivial upstream, asked directly and through gateways, one after the other in one run.

Identity (a token), the journal, the ledger and a budget that every request is reserved from are on, over SQLite at
synchronous=FULL. Gateways of others run as they ship, without a ledger.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

import holdfast
from benchmarks.probe import fdatasync_ms, load

KEYS = ("added_p50_ms", "added_p99_ms", "requests_per_s", "requests_per_cpu_s")


class Running:
    """A gateway under test: where it is asked, with which key, and its processes."""

    def __init__(self, url: str, token: str, processes: list[subprocess.Popen[Any]]) -> None:
        self.url = url
        self.token = token
        self.processes = processes

    def cpu_s(self) -> float:
        """What its processes have used."""
        total = 0.0
        for process in self.processes:
            one = psutil.Process(process.pid)
            for part in (one, *one.children(recursive=True)):
                times = part.cpu_times()
                total += times.user + times.system
        return total

    def end(self) -> None:
        """Stop it."""
        for process in self.processes:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.terminate()
            process.terminate()
            process.wait()


def measure(running: Running, connections: int, seconds: float) -> dict[str, float]:
    """Load from a process of its own."""
    before = running.cpu_s()
    arguments = [running.url, running.token, str(connections), str(seconds)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gateway.load", *arguments], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    found["cpu_s"] = running.cpu_s() - before
    return found


def upstream() -> tuple[subprocess.Popen[str], str]:
    """The trivial model server."""
    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast.testing.models", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def bare(url: str) -> Running:
    """A pass-through with Holdfast's own HTTP front and client, and nothing in between."""
    command = [sys.executable, "-m", "benchmarks.gateway.bare", url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return Running(f"{process.stdout.readline().strip()}/chat/completions", "none", [process])


def ours(url: str, folder: Path) -> Running:
    """Holdfast, with everything on."""
    price = {"input": 1.0, "output": 2.0}
    target = {"name": "stub", "vendor": "openai", "url": url, "model": "stub", "price": price}
    (folder / "models.json").write_text(json.dumps({"targets": [target]}))
    command = [sys.executable, "-m", "holdfast", "up", "--models", str(folder / "models.json")]
    command += ["--store", f"sqlite:///{folder / 'gateway.db'}", "--unix", str(folder / "wire"), "--http", "0"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    token = asyncio.run(_prepare(f"holdfast+unix://{folder / 'wire'}"))
    return Running(f"{_address(folder / 'server.log')}/chat/completions", token, [server])


def _address(log: Path) -> str:
    """Where the endpoints are; the server says so a moment after it answers on the wire."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for word in log.read_text().split():
            if word.startswith("http://"):
                return word
        time.sleep(0.05)
    raise TimeoutError(f"the server did not say where it listens: {log.read_text()}")


async def _prepare(url: str) -> str:
    until = time.monotonic() + 30
    while True:
        try:
            async with holdfast.connect(url) as client:
                await client.set_budget("all", "system", "month", usd=1_000_000.0)
                return (await client.create_token("bench", labels={"team": "bench"})).secret
        except holdfast.Unavailable:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)


def run(quick: bool, peers: bool) -> dict[str, Any]:
    """See the module."""
    seconds = 3.0 if quick else 8.0
    process, url = upstream()
    found: dict[str, Any] = {"load": load()}
    try:
        with tempfile.TemporaryDirectory(prefix="holdfast-gateway-") as name:
            folder = Path(name)
            found["fdatasync_ms"] = fdatasync_ms(folder)
            direct = measure(Running(f"{url}/chat/completions", "none", [process]), 1, seconds)
            found["direct_p50_ms"], found["direct_p99_ms"] = direct["p50_ms"], direct["p99_ms"]
            found |= _figures(lambda: ours(url, folder), direct, seconds)
            found["bare"] = _figures(lambda: bare(url), direct, seconds)
        if peers:
            from benchmarks.gateway import peers as others

            found["peers"] = [
                {"peer": name, **_tried(lambda start=start: start(url), direct, seconds)}
                for name, start in others.ALL.items()
            ]
    finally:
        process.terminate()
        process.wait()
    return found


def _tried(start: Callable[[], Running], direct: dict[str, float], seconds: float) -> dict[str, Any]:
    try:
        return _figures(start, direct, seconds)
    except (OSError, subprocess.CalledProcessError, TimeoutError) as error:
        return {"skipped": str(error)}


def _figures(start: Callable[[], Running], direct: dict[str, float], seconds: float) -> dict[str, float]:
    running = start()
    try:
        measure(running, 8, 1.0)
        one = measure(running, 1, seconds)
        many = measure(running, 32, seconds)
    finally:
        running.end()
    return {
        "added_p50_ms": one["p50_ms"] - direct["p50_ms"],
        "added_p99_ms": one["p99_ms"] - direct["p99_ms"],
        "requests_per_s": many["requests_per_s"],
        "requests_per_cpu_s": many["requests"] / max(many["cpu_s"], 1e-9),
        "p99_ms_at_32": many["p99_ms"],
        "failed": one["failed"] + many["failed"],
    }


__all__ = ["KEYS", "run"]
