"""kill -9 in the middle: how long until everything goes on, what was lost, what was done twice."""

from __future__ import annotations

import asyncio
import collections
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import holdfast
from benchmarks.heart import agents


async def crash(url: str, folder: Path, turns: int, steps: int) -> dict[str, float]:
    """Run ``turns`` of ``steps`` effects in a child process, kill it half-way, and let a new process finish."""
    log = folder / "effects.txt"
    log.write_text("")
    child = subprocess.Popen([sys.executable, "-m", "benchmarks.heart.crash", url, str(log), str(turns), str(steps)])
    half = turns * steps // 2
    while _lines(log) < half and child.poll() is None:
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    at_kill = _lines(log)
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.heart.crash", url, str(log), "0", "0"], stdout=subprocess.PIPE, text=True
    )
    first = 0.0
    while child.poll() is None:
        if not first and _lines(log) > at_kill:
            first = time.perf_counter() - began
        await asyncio.sleep(0.002)
    found = json.loads((child.stdout.read() if child.stdout else "").strip().splitlines()[-1])
    counts = collections.Counter(log.read_text().split("\n"))
    counts.pop("", None)
    return {
        "recovery_s": first,
        "recovered_all_s": time.perf_counter() - began,
        "effects_doubled": float(sum(n - 1 for n in counts.values())),
        "effects_missing": float(found["accepted"] * steps - len(counts)) if found["accepted"] else 0.0,
        "turns_lost": float(found["accepted"] - found["done"]),
        "turns_accepted": float(found["accepted"]),
    }


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


async def _child(url: str, log: str, turns: int, steps: int) -> None:
    async with holdfast.Runtime(agents.ALL, url, lease_seconds=2.0) as runtime:
        await asyncio.gather(*[runtime.send(agents.effects[f"c{i}"], log, steps) for i in range(turns)])
        while True:
            stats = await runtime.stats()
            if not stats["queued"] and not stats["running"] and not stats["in_memory"]:
                break
            await asyncio.sleep(0.02)
        done = await runtime.store.messages(statuses=(holdfast_done(),), limit=1_000_000)
        print(json.dumps({"accepted": (await runtime.stats())["agents"], "done": len(done)}))


def holdfast_done() -> int:
    """The status of a turn that ended well."""
    from holdfast.domain.message import Status

    return int(Status.DONE)


if __name__ == "__main__":
    asyncio.run(_child(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
