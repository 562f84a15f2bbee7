"""The part of the store port that carries notes between sessions: said once, kept nowhere.

Notes are for what is worth hearing now and worth nothing later, such as the words of an answer as they come. Whoever needs
to know for certain reads what is durable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from ..domain.errors import LimitExceeded

NOTE_BYTES = 5_800
"""So long a note may be: it fits PostgreSQL's notifications, which end before 8000 bytes of text."""


class Note(msgspec.Struct, gc=False):
    """Bytes for the sessions ``to``; for all but the sender if there are none."""

    body: bytes
    to: tuple[str, ...] = ()


class Notes(Protocol):
    """See the module."""

    async def tell(self, session: str, notes: Sequence[Note]) -> None:
        """Let other live sessions hear notes now, each as a ``Signal`` of kind ``told`` with its ``sender`` and ``body``.

        Best effort: nothing is written, a note may be lost without a word, a session that is over hears nothing, and nobody
        is waited for. What arrives from one session at another arrives in the order in which it was told, and before what
        the sender commits after this has returned. Raises ``LimitExceeded(payload.too_large)`` for a note of more than
        ``NOTE_BYTES``, ``Conflict(session.lost)`` for a sender that is over."""
        ...


def check_notes(notes: Sequence[Note]) -> None:
    """Raises ``LimitExceeded(payload.too_large)`` for a note that is too long."""
    for note in notes:
        if len(note.body) > NOTE_BYTES:
            raise LimitExceeded(
                "payload.too_large",
                f"A note takes {len(note.body):,} bytes; the limit is {NOTE_BYTES:,}. Tell it in pieces, or keep it.",
                what="note",
                bytes=len(note.body),
                limit=NOTE_BYTES,
            )


__all__ = ["NOTE_BYTES", "Note", "Notes", "check_notes"]
