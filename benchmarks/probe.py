"""Physical probes that stand beside every figure, because disks and processors are shared and differ."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path

from holdfast.ports.store import Store


def fdatasync_ms(folder: Path, rounds: int = 400) -> float:
    """Median milliseconds of a 4 KiB append plus fdatasync in ``folder``."""
    path = folder / "fdatasync.probe"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    took: list[float] = []
    try:
        for _ in range(rounds):
            began = time.perf_counter()
            os.write(fd, b"x" * 4096)
            os.fdatasync(fd)
            took.append(time.perf_counter() - began)
    finally:
        os.close(fd)
        path.unlink()
    return percentile(took, 0.5) * 1000


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the sorted values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def rss_bytes() -> int:
    """Resident memory of this process."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def store_bytes(store: Store) -> int:
    """Bytes that the store takes on disk."""
    return (await store.stats())["bytes"]


def load() -> float:
    """The machine's load average of the last minute."""
    return os.getloadavg()[0]
