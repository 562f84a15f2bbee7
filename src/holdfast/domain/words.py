"""``Word``: what a person says to a turn while it is under way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from .entry import StoredEntry


class Word(msgspec.Struct, frozen=True):
    """One of them.

    Attributes:
        id: of the message that brought it; tells words apart.
        text: as it was said.
        by: who said it.
        at: when, in milliseconds.
        labels: its provenance.
    """

    id: int
    text: str
    by: str
    at: int
    labels: tuple[str, ...] = ()


def word_of(entry: StoredEntry) -> Word:
    """The word that a journal entry notes."""
    return msgspec.msgpack.decode(entry.detail, type=Word)


def without(words: Sequence[Word], heard: Iterable[Word]) -> list[Word]:
    """Those that were not among the heard."""
    ids = {word.id for word in heard}
    return [word for word in words if word.id not in ids]


__all__ = ["Word", "without", "word_of"]
