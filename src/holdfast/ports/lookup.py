"""The part of the store that finds words: an index over journal entries, behind the journal and beside it.

The journal is the truth and pays nothing for being searched. Whoever fills the index (``insight.indexing``) reads what was
written, says what of it is to be found, and hands it over; how far the index has come is one number, which the store moves
together with the lines. An index can be thrown away and filled again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from .segments import HistoryRow


class Line(msgspec.Struct, gc=False):
    """What the index has of one entry.

    Attributes:
        id: of the journal's row; ``address`` and ``seq`` name the same entry.
        words: in their order, joined by single spaces; each is folded and has letters and digits only.
        marks: what it can be filtered by, whole: ``verb:tool``, ``tenant:default``, ``failed``.
    """

    id: int
    address: str
    seq: int
    words: str
    marks: list[str]


class Phrase(msgspec.Struct, frozen=True):
    """Words one behind the other. ``begins``: the last may go on; ``without``: it must not be there."""

    words: tuple[str, ...]
    begins: bool = False
    without: bool = False


class Terms(msgspec.Struct, frozen=True):
    """What is looked up: all of it. ``begins``: an entry has a mark that begins so."""

    phrases: tuple[Phrase, ...] = ()
    marks: tuple[str, ...] = ()
    begins: str = ""


class Lookup(Protocol):
    """Part of ``Store``."""

    async def indexed(self) -> tuple[int, int]:
        """Up to which id entries are in the index, and up to which they may be put there: no entry with an id up to that
        will appear any more."""
        ...

    async def index(self, after: int, upto: int, lines: Sequence[Line]) -> bool:
        """Put in lines of entries with ids from ``after`` (exclusive) to ``upto``, atomically with how far the index has
        come. False, and nothing is written, if it has not come just to ``after``: somebody else was faster."""
        ...

    async def look_up(self, terms: Terms, before: int, limit: int) -> list[HistoryRow]:
        """Entries in the index that have all of ``terms`` and an id below ``before``, newest first. What ``compact`` has
        forgotten is not among them, nor are its words kept."""
        ...
