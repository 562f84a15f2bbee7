"""From a moment to a place in the journal of all agents: a search by halves over its ids, which ascend in time.

The journal has no index by time, and pays for none: some twenty rows are looked at instead, and remembered. How well a place
fits its moment is how well the clocks of those agree that write; who must not miss an entry allows for ``SLACK_MS``.
"""

from __future__ import annotations

from collections import OrderedDict

from ..journal.codec import Seal, decode_entry
from ..ports.segments import HistoryRow
from ..ports.store import Store

SLACK_MS = 2_000
_KEPT = 20_000


class Moments:
    """See the module. What it looked at it keeps: entries never change."""

    def __init__(self, store: Store, seal: Seal | None) -> None:
        self._store = store
        self._seal = seal
        self._seen: OrderedDict[int, tuple[int, int]] = OrderedDict()

    async def before(self, at: int) -> int:
        """The last id before a moment, in milliseconds: whoever reads ``history`` after it misses nothing since then."""
        low, high = 0, await self._store.newest() + 1
        while high - low > 1:
            middle = _between(low, high)
            found = await self._at(middle)
            if found is None or found[1] >= at or found[0] >= high:
                high = middle
            else:
                low = found[0]
        return low

    async def _at(self, id: int) -> tuple[int, int] | None:
        """The first entry from an id on: its id and its time. None if there is none."""
        known = self._seen.get(id)
        if known is None:
            rows = await self._store.history(id - 1, 1)
            if not rows:
                return None
            known = self._seen[id] = (rows[0].id, self.time_of(rows[0]))
            if len(self._seen) > _KEPT:
                self._seen.popitem(last=False)
        return known

    def time_of(self, row: HistoryRow) -> int:
        """When an entry was written, in milliseconds."""
        return decode_entry(self._seal.open(row.body) if self._seal else row.body).at


def _between(low: int, high: int) -> int:
    """The roundest number between two others, so that searches for other moments look at the same entries."""
    bits = (low ^ (high - 1)).bit_length() - 1
    return (high - 1) >> bits << bits


__all__ = ["SLACK_MS", "Moments"]
