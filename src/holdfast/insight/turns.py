"""An agent's turns in one line each, read off its journal."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..domain.address import short
from ..domain.entry import EntryKind
from ..journal.codec import decode_entry
from ..mailbox.worker import Worker
from ..ports.store import EntryRow


class Line(msgspec.Struct):
    """A turn. ``state``: open, or how it ended (done, failed, cancelled, killed)."""

    turn: int
    handler: str = ""
    sender: str = ""
    state: str = "open"
    began: int = 0
    ended: int = 0
    entries: int = 0
    failures: int = 0
    error: str = ""


def turns_of(rows: Sequence[EntryRow], worker: Worker) -> list[Line]:
    """Newest first. A turn whose beginning lies before the rows has no handler."""
    found: dict[int, Line] = {}
    for row in rows:
        entry = decode_entry(worker.seal.open(row.body) if worker.seal is not None else row.body)
        line = found.get(row.turn)
        if line is None:
            line = found[row.turn] = Line(row.turn, began=entry.at - entry.took)
        if entry.begin is not None:
            line.handler, line.sender = entry.begin.handler, short(entry.begin.sender)
        line.entries += 1
        if entry.kind == EntryKind.END:
            line.state, line.ended = entry.name or "done", entry.at
            line.error = entry.failure.message if entry.failure is not None else ""
        elif entry.failure is not None:
            line.failures += 1
    return sorted(found.values(), key=lambda line: -line.turn)


__all__ = ["Line", "turns_of"]
