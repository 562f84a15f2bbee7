"""See the package. The effects note the wall clock themselves, outside of Holdfast; all processes are on one machine."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import holdfast
from benchmarks.stopping.agents import NOTE, go

POSTGRES = os.environ.get("HOLDFAST_TEST_POSTGRES", "") or "postgresql://postgres@127.0.0.1:5432/test"
_BEAT_SECONDS = 4.0
"""An effect takes half of this to one and a half: they begin spread over time, not all at once."""
_QUIET_SECONDS = 7.0
_DEADLINE_SECONDS = 240.0


def run(quick: bool, turns: int = 0, workers: int = 4) -> dict[str, Any]:
    """``last_effect_after_ms``: after the order; ``effects_after_1s``; ``went_on``: turns that did after the release."""
    turns = turns or (1_000 if quick else 10_000)
    with tempfile.TemporaryDirectory(prefix="holdfast-stopping-") as folder:
        return asyncio.run(_run(Path(folder), turns, workers))


async def _run(folder: Path, turns: int, workers: int) -> dict[str, Any]:
    url = f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}schema=stopping_{os.getpid()}"
    environment = os.environ | {"STOPPING_NOTES": str(folder / "notes")}
    async with holdfast.Runtime([], url, name="who stops") as runtime:
        command = [sys.executable, "-m", "benchmarks.stopping.worker", url, str(turns)]
        children = [subprocess.Popen(command, env=environment) for _ in range(workers)]
        try:
            while len(await runtime.workers()) < workers:
                await asyncio.sleep(0.1)
            await _send(runtime, turns)
            await _until(lambda: len(_running(folder)) >= turns)
            await asyncio.sleep(_BEAT_SECONDS)
            ordered = time.time()
            await runtime.stop_all(reason="benchmark")
            answered = time.time()
            await asyncio.sleep(_QUIET_SECONDS)
            late = [at - ordered for at, _, _ in _notes(folder) if at > ordered]
            seen = len(_notes(folder))
            released = time.time()
            (breaker,) = [b.name for b in await runtime.breakers()]
            await runtime.reset_breaker(name=breaker)
            await _until(lambda: len({agent for at, agent, _ in _notes(folder) if at > released}) >= turns)
            return {
                "turns": turns,
                "workers": workers,
                "effects_before": seen - len(late),
                "order_took_ms": round((answered - ordered) * 1000, 1),
                "effects_after": len(late),
                "last_effect_after_ms": round(max(late, default=0.0) * 1000, 1),
                "effects_after_1s": sum(after > 1.0 for after in late),
                "went_on": len({agent for at, agent, _ in _notes(folder) if at > released}),
                "went_on_within_s": round(time.time() - released, 2),
            }
        finally:
            for child in children:
                child.terminate()
            for child in children:
                child.wait()


async def _send(runtime: holdfast.Runtime, turns: int) -> None:
    for first in range(0, turns, 500):
        these = range(first, min(first + 500, turns))
        await asyncio.gather(*(runtime.send(go[str(n)], 1_000, _BEAT_SECONDS * (0.5 + n / turns)) for n in these))


async def _until(there: Any) -> None:
    until = time.monotonic() + _DEADLINE_SECONDS
    while not there():
        if time.monotonic() > until:
            raise SystemExit("The turns did not come as far within four minutes; fewer (--turns) may fit this machine.")
        await asyncio.sleep(0.5)


def _notes(folder: Path) -> list[tuple[float, int, int]]:
    found: list[tuple[float, int, int]] = []
    for file in folder.glob("notes.*"):
        body = file.read_bytes()
        found += NOTE.iter_unpack(body[: len(body) - len(body) % NOTE.size])
    return found


def _running(folder: Path) -> set[int]:
    return {agent for _, agent, _ in _notes(folder)}
