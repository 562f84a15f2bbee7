"""The part of the store that an auditor needs: all agents' entries in one order, and the segments that cover them.

A segment is a signed statement over the entries that no earlier one covers (``insight.audit``). The store keeps it as opaque
bytes, together with how far every agent's journal is covered. There is no one order of commits that all stores share, so
what is covered is a range per agent, never a range of row numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class HistoryRow(msgspec.Struct, gc=False):
    """An entry among those of all agents. ``id`` ascends in the order of commits, except that entries of commits that ran
    at the same moment may appear later than higher ids."""

    id: int
    address: str
    seq: int
    turn: int
    body: bytes
    hash: bytes


class Loose(msgspec.Struct, gc=False):
    """An agent's entries that no segment covers yet, in order, and where the covered ones end (``after``, with the hash
    there; 0 and empty if none is covered)."""

    address: str
    after: int
    before: bytes
    rows: list[HistoryRow] = []


class Cut(msgspec.Struct, gc=False):
    """Compaction removed an agent's entries up to ``seq``, whose hash was ``hash``, and no segment says so yet. ``covered``
    and ``at`` are as ``Loose.after`` and ``Loose.before``."""

    address: str
    seq: int
    hash: bytes
    covered: int = 0
    at: bytes = b""


class Uncovered(msgspec.Struct):
    """What the next segment has to cover. ``more``: there is more than was asked for. ``mark`` goes back to the store with
    the segment."""

    loose: list[Loose]
    cuts: list[Cut]
    mark: str = ""
    more: bool = False


class Segment(msgspec.Struct):
    """A segment as kept: a signed statement, the signature, the public key, and the (compressed) leaves under its root."""

    number: int
    statement: bytes
    signature: bytes
    public: bytes
    leaves: bytes


class Covered(msgspec.Struct, gc=False):
    """How far a segment covers an agent's journal: up to ``seq``, whose hash is ``hash``. ``cut``: up to where it says that
    entries were removed."""

    address: str
    seq: int
    hash: bytes
    cut: int = 0


class Segments(Protocol):
    """Part of ``Store``."""

    async def history(self, after: int = 0, limit: int = 1000, like: str = "") -> list[HistoryRow]:
        """Entries of all agents (whose address begins with ``like``) by ``id``, from ``after`` (exclusive)."""
        ...

    async def uncovered(self, limit: int) -> Uncovered:
        """What no segment covers yet, about ``limit`` entries of it at most. Every committed entry is there sooner or later,
        whatever other commits ran beside its own."""
        ...

    async def add_segment(self, segment: Segment, covered: Sequence[Covered], mark: str = "") -> bool:
        """Keep a segment and note what it covers, atomically. False, and nothing is written, if there is a segment of this
        number already (somebody else was first), or none of the number before."""
        ...

    async def segments(self, after: int = 0, limit: int = 100) -> list[Segment]:
        """Segments by number, from ``after`` (exclusive). A negative ``after`` gives the last one only."""
        ...
