"""Sampling: who was active when, in a window with more entries than are read.

A few entries are read at each of many places, evenly apart, by id. They stand for those up to the next place: in time they
are spread up to there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from ..domain.address import is_builtin, short
from ..ports.segments import HistoryRow
from ..ports.store import Store
from .moments import Moments

SLOTS = 120
_PLACES = 96
_AT_ONCE = 48
_MOST_LANES = 500


class Lane(msgspec.Struct, gc=False):
    """An agent's activity: about how many entries it wrote in each of the parts, equally long, of a window."""

    agent: str
    slots: list[int]


class Sampling:
    """See the module."""

    def __init__(self, store: Store, moments: Moments) -> None:
        self._store = store
        self._moments = moments

    async def look(self, low: int, high: int, since: int, until: int, place: str = "") -> tuple[int, list[Lane]]:
        """The entries after ``low`` up to ``high`` between two moments: one of how many was looked at, and the agents (whose
        addresses begin with ``place``), the most active first."""
        stride = max(1, (high - low) // _PLACES)
        starts = range(low, high, stride)
        pages = await asyncio.gather(*(self._store.history(start, _AT_ONCE) for start in starts))
        parts = [[row for row in page if row.id <= start + stride] for start, page in zip(starts, pages, strict=True)]
        times = [self._moments.time_of(part[0]) if part else 0 for part in parts]
        counts: dict[str, list[float]] = {}
        looked = estimated = 0.0
        for n, part in enumerate(parts):
            if not part:
                continue
            weight = stride / (part[-1].id - starts[n]) if len(part) == _AT_ONCE else 1.0
            end = next((t for t in times[n + 1 :] if t), until)
            first, last = (min(SLOTS - 1, max(0, (t - since) * SLOTS // max(1, until - since))) for t in (times[n], end))
            looked, estimated = looked + len(part), estimated + weight * len(part)
            _spread(counts, part, weight, first, max(first, last), place)
        lanes = [Lane(short(address), [round(n) for n in slots]) for address, slots in counts.items()]
        lanes.sort(key=lambda lane: -sum(lane.slots))
        return max(1, round(estimated / max(1.0, looked))), lanes[:_MOST_LANES]


def _spread(
    counts: dict[str, list[float]], part: Sequence[HistoryRow], weight: float, first: int, last: int, place: str
) -> None:
    share = weight / (last - first + 1)
    for row in part:
        if is_builtin(row.address) or not row.address.startswith(place):
            continue
        slots = counts.setdefault(row.address, [0.0] * SLOTS)
        for slot in range(first, last + 1):
            slots[slot] += share


__all__ = ["SLOTS", "Lane", "Sampling"]
