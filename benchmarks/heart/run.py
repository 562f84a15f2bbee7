"""All figures of the heart in one run."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from benchmarks import probe
from benchmarks.heart import crash, latency, parked, roundtrips, steps, workers
from benchmarks.places import Places

KEYS = (
    "steps_per_s",
    "cpu_s_per_10k_steps",
    "seq_step_ms",
    "fdatasync_ms",
    "empty_turn_p50_ms",
    "empty_turn_p99_ms",
    "wake_p50_ms",
    "wake_p99_ms",
    "bytes_per_waiting_agent",
    "rss_bytes_per_waiting_agent",
    "idle_cpu_cores",
    "round_trips_per_s",
    "recovery_s",
    "effects_doubled",
    "turns_lost",
)


class Size:
    """How much work: whole, or quick enough for CI."""

    def __init__(self, quick: bool) -> None:
        self.repeats = 3
        self.turns = 1_000
        self.alone = 300 if quick else 1_000
        self.calls = 300 if quick else 2_000
        self.trips = 20 if quick else 100
        self.park = 10_000 if quick else 100_000
        self.rest_s = 3.0 if quick else 600.0
        self.wakes = 100 if quick else 500
        self.storm = 1_000 if quick else 10_000
        self.crash_turns = 300 if quick else 1_000


async def heart(store: str, quick: bool, rest_s: float | None) -> dict[str, Any]:
    """Run everything on one kind of store and return the figures by key."""
    size = Size(quick)
    if rest_s is not None:
        size.rest_s = rest_s
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=Path.cwd()))
    found: dict[str, Any] = {"store": store, "quick": quick, "load": probe.load()}
    try:
        async with Places(store, folder) as places:
            found["fdatasync_ms"] = probe.fdatasync_ms(folder)
            for title, work in _figures(places, folder, size, store):
                began = time.perf_counter()
                print(f"  {title} ...", file=sys.stderr, end="", flush=True)
                found.update(await work())
                print(f" {time.perf_counter() - began:.1f} s", file=sys.stderr)
                sync = probe.fdatasync_ms(folder, 200)
                found.setdefault("fdatasync_ms_beside", {})[title] = round(sync, 4)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def _figures(
    places: Places, folder: Path, size: Size, store: str
) -> list[tuple[str, Callable[[], Coroutine[Any, Any, dict[str, float]]]]]:
    figures: list[tuple[str, Callable[[], Coroutine[Any, Any, dict[str, float]]]]] = [
        ("concurrent steps", lambda: steps.many(places.fresh(), size.turns, 10, size.repeats)),
        ("a lone step", lambda: steps.alone(places.fresh(), size.alone, size.repeats)),
        ("empty turns, embedded", lambda: latency.embedded(places.fresh(), size.calls)),
        ("empty turns, over the socket", lambda: latency.over_socket(places.fresh(), size.calls)),
        ("round trips", lambda: roundtrips.pairs(places.fresh(), 64, size.trips, size.repeats)),
        ("kill -9", lambda: crash.crash(places.fresh(), folder, size.crash_turns, 10)),
        ("idle, empty store", lambda: _idle(places.fresh(), min(size.rest_s, 20.0))),
        ("waiting agents", lambda: parked.parked(places.fresh(), size.park, size.rest_s, size.wakes, size.storm)),
    ]
    if store == "postgres":
        figures.append(("two workers", lambda: workers.scaling(places.fresh(), size.turns, 10)))
    return figures


async def _idle(url: str, rest_s: float) -> dict[str, float]:
    return {"idle_cpu_cores_empty": await parked.idle_of_empty(url, rest_s)}


def run(store: str, quick: bool, rest_s: float | None) -> dict[str, Any]:
    """``heart`` on the fastest event loop there is."""
    try:
        import uvloop

        return uvloop.run(heart(store, quick, rest_s))
    except ImportError:
        return asyncio.run(heart(store, quick, rest_s))
