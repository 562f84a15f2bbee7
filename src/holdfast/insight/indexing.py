"""Filling the index of words, behind the journal: read what was written, say what of it is to be found, hand it over.

Several may do so over one store: how far the index has come moves only for whoever was first, and the others read on from
there. A sealed store has no index, for its words would lie in the clear.
"""

from __future__ import annotations

from ..domain.address import is_builtin
from ..ports.lookup import Line
from ..ports.store import Store
from .behind import Behind
from .words import line_of

_AT_ONCE = 250
"""Entries by one transaction: some milliseconds of the loop."""


class Indexing:
    """See the module."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._behind = Behind(store, None)

    async def go_on(self) -> bool:
        """Take the next entries; whether there is more to do at once."""
        after, upto = await self._store.indexed()
        if after >= upto:
            return False
        rows = [row for row in await self._store.history(after, _AT_ONCE) if row.id <= upto]
        lines: list[Line] = []
        for row in rows:
            if is_builtin(row.address):
                continue  # what Holdfast's own agents do is not what anybody looks for
            entry = self._behind.entry(row)
            lines.append(line_of(row, entry, await self._behind.of(row, entry)))
        whole = len(rows) < _AT_ONCE
        await self._store.index(after, upto if whole else rows[-1].id, lines)
        return not whole


__all__ = ["Indexing"]
