"""``Tail``: what was committed to the store, entry by entry, a moment after it happened. Metrics and telemetry read here.

Nothing of it is on the way of a turn: it reads the journal of all agents by id, page by page, and stops where entries are so
young that one with a lower id may still appear (see ``HistoryRow``).
"""

from __future__ import annotations

import msgspec

from ..domain.entry import StoredEntry
from ..journal.codec import Seal, decode_entry
from ..ports.clock import Clock
from ..ports.store import Store

_SETTLED_MS = 1_500
_PAGE = 1_000


class Seen(msgspec.Struct, gc=False):
    """An entry among those of all agents."""

    id: int
    address: str
    seq: int
    turn: int
    entry: StoredEntry


class Tail:
    """See the module. ``after``: the id to go on from."""

    def __init__(self, store: Store, clock: Clock, seal: Seal | None, after: int = 0) -> None:
        self._store = store
        self._clock = clock
        self._seal = seal
        self.after = after

    async def to_the_end(self) -> None:
        """Begin with what will be written from now on."""
        self.after = (await self._store.stats())["entries"]

    async def page(self, limit: int = _PAGE) -> list[Seen]:
        """What comes next, as far as it has settled; nothing if there is nothing yet."""
        before = self._clock.now_ms() - _SETTLED_MS
        found: list[Seen] = []
        for row in await self._store.history(self.after, limit):
            entry = decode_entry(self._seal.open(row.body) if self._seal is not None else row.body)
            if entry.at > before:
                break
            found.append(Seen(row.id, row.address, row.seq, row.turn, entry))
        if found:
            self.after = found[-1].id
        return found


__all__ = ["Seen", "Tail"]
