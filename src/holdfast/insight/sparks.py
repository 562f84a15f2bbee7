"""Sparklines: how often agents wrote an entry in the last ten minutes."""

from __future__ import annotations

SPARKS, SPARK_MS = 30, 20_000


class Sparks:
    """Counts by agent and time, in parts of twenty seconds."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[int, int]] = {}

    def stirred(self, address: str, at: int) -> None:
        """An agent wrote an entry."""
        counts = self._counts.setdefault(address, {})
        slot = at // SPARK_MS
        counts[slot] = counts.get(slot, 0) + 1
        if len(counts) > 2 * SPARKS:
            for old in sorted(counts)[:-SPARKS]:
                del counts[old]

    def of(self, address: str, now: int) -> list[int]:
        """Entries of the last ten minutes in thirty parts, oldest first; empty if there were none."""
        counts = self._counts.get(address)
        last = now // SPARK_MS
        found = [counts.get(last - n, 0) for n in range(SPARKS - 1, -1, -1)] if counts else []
        return found if any(found) else []


__all__ = ["SPARKS", "SPARK_MS", "Sparks"]
