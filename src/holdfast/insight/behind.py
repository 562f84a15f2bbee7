"""Who is behind an entry: the first entry of its turn knows who sent the message, and on whose behalf."""

from __future__ import annotations

from collections import OrderedDict

from ..domain.entry import Begin, StoredEntry
from ..journal.codec import Seal, decode_entry
from ..ports.segments import HistoryRow
from ..ports.store import Store

_TURNS = 10_000


class Behind:
    """Beginnings of turns, the last thousands of them kept."""

    def __init__(self, store: Store, seal: Seal | None) -> None:
        self._store = store
        self._seal = seal
        self._turns: OrderedDict[tuple[str, int], Begin | None] = OrderedDict()

    def entry(self, row: HistoryRow) -> StoredEntry:
        """An entry, opened and decoded."""
        return decode_entry(self._seal.open(row.body) if self._seal else row.body)

    async def of(self, row: HistoryRow, entry: StoredEntry) -> Begin | None:
        """How the turn of an entry began; None if that is not known any more."""
        key = (row.address, row.turn)
        known = self._turns.get(key)
        if key not in self._turns:
            known = entry.begin
            if known is None and row.seq != row.turn:
                first = await self._store.entries(row.address, row.turn - 1, 1, row.turn)
                if first:
                    known = decode_entry(self._seal.open(first[0].body) if self._seal else first[0].body).begin
            self._turns[key] = known
            if len(self._turns) > _TURNS:
                self._turns.popitem(last=False)
        return known


__all__ = ["Behind"]
