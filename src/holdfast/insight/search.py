"""Search by looking: the newest entries of all agents, read backwards in steps, matched before anything is decoded.

There is no index yet: what it costs grows with the entries looked at, so a search looks at so many at most and says how far
back it came; the next one goes on from there.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.address import name_of, short
from ..domain.entry import EntryKind, StoredEntry
from ..journal.codec import decode_any, decode_entry
from ..mailbox.worker import Worker
from ..ports.segments import HistoryRow
from ..ports.store import Store
from .fleet import BUILT_IN

_STEP = 5_000
_WORDS = 160


class Sought(msgspec.Struct, frozen=True):
    """What is sought: all these ``words`` (lower case) in an entry, of agents whose full addresses begin with ``within``."""

    words: tuple[bytes, ...] = ()
    within: str = ""
    verb: str = ""
    failed: bool = False


class Hit(msgspec.Struct):
    """An entry, and the words around what was sought."""

    id: int
    address: str
    seq: int
    turn: int
    kind: str
    verb: str
    name: str
    at: int
    failed: bool
    words: str


class Page(msgspec.Struct):
    """Newest first. ``looked``: at so many entries; ``before``: go on before this id, 0 at the journal's beginning."""

    found: list[Hit]
    looked: int
    before: int


async def look(store: Store, worker: Worker, sought: Sought, before: int, limit: int, most: int) -> Page:
    """Look at up to ``most`` entries before an id (0: from the newest) until ``limit`` are found."""
    upper = before or await store.newest() + 1
    page = Page([], 0, upper)
    while page.before > 1 and page.looked < most and len(page.found) < limit:
        lower = max(0, page.before - _STEP - 1)
        rows = [r for r in await store.history(lower, _STEP, sought.within) if r.id < page.before]
        page.looked += min(_STEP, page.before - 1)
        page.before = lower + 1
        for row in reversed(rows):
            found = _match(row, worker, sought)
            if found is not None:
                page.found.append(found)
                if len(page.found) == limit:
                    page.before = row.id
                    break
        await worker.clock.sleep(0)
    if page.before <= 1:
        page.before = 0
    return page


def _match(row: HistoryRow, worker: Worker, sought: Sought) -> Hit | None:
    if name_of(row.address).startswith(BUILT_IN):
        return None
    body = worker.seal.open(row.body) if worker.seal is not None else row.body
    low = (row.address.encode() + b" " + body).lower()
    if not all(word in low for word in sought.words):
        return None
    entry = decode_entry(body)
    failed = entry.failure is not None
    if (sought.verb and entry.verb != sought.verb) or (sought.failed and not failed):
        return None
    kind = EntryKind(entry.kind).name.lower()
    where = (row.id, short(row.address), row.seq, row.turn, kind, entry.verb, entry.name, entry.at, failed)
    return Hit(*where, _around(entry, sought))


def _around(entry: StoredEntry, sought: Sought) -> str:
    """The words of an entry, from a little before the first that was sought."""
    parts: list[Any] = [entry.failure.message] if entry.failure is not None else []
    parts += [decode_any(entry.value), decode_any(entry.detail)]
    text = " ".join(p if isinstance(p, str) else msgspec.json.encode(p).decode() for p in parts if p not in (None, [], {}))
    at = min((n for w in sought.words if (n := text.lower().find(w.decode())) >= 0), default=0)
    start = max(0, at - 40)
    return ("…" if start else "") + text[start : start + _WORDS]


__all__ = ["Hit", "Page", "Sought", "look"]
