"""The feed: what a whole store has become, for readings of it (the fleet, search, causality, briefs).

It is the part of the store port about all agents at once; the entries themselves are read with ``Segments.history``. Where
several sessions write at once, a row may show up there after one with a higher id. So a follower keeps the last id it saw
and looks a little while for those that it passed over. Nothing here takes a lock that a turn could wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from .segments import HistoryRow


class Standing(msgspec.Struct, gc=False):
    """What an agent is about right now, in columns: enough to tell its state without its journal.

    Attributes:
        ref: ascends with the age of agents; the cursor of ``census``.
        entries: the journal's last sequence number.
        queued, running, parked: open requests in that standing.
        dead: dead letters of its own.
        handler, version: of an open turn; ``""`` without one.
        waits: waits of open turns.
        verb, name, due, since, detail: the wait that says most (a person's before a machine's); ``""`` without one.
        ended: when a turn last ended, in milliseconds, as far as the newest messages tell; 0 for longer ago.
    """

    ref: int
    address: str
    mode: str
    reason: str
    created: int
    entries: int = 0
    queued: int = 0
    running: int = 0
    parked: int = 0
    dead: int = 0
    handler: str = ""
    version: str = ""
    waits: int = 0
    turn: int = 0
    verb: str = ""
    name: str = ""
    due: int = 0
    since: int = 0
    detail: bytes = b""
    ended: int = 0


WEIGHT = {"diverged": 0, "approve": 1, "ask": 2, "provider": 3, "source": 4, "call": 5, "wait": 6, "run": 7, "sleep": 8}
"""Which of several waits says most about an agent: lower first. ``deadline`` says nothing."""


class Feed(Protocol):
    """See the module."""

    async def rows(self, ids: Sequence[int]) -> list[HistoryRow]:
        """Journal rows by their ids, ascending; those that are not there are left out."""
        ...

    async def newest(self) -> int:
        """The highest id of a journal row; 0 for none. It may fall when retention removes the newest row."""
        ...

    async def census(self, after: int, limit: int) -> list[Standing]:
        """The standing of all agents, by ``ref``, from ``after`` (exclusive)."""
        ...

    async def standings(self, addresses: Sequence[str]) -> list[Standing]:
        """The standing of these agents, in no order; those that are not there are left out."""
        ...


def weigh(into: Standing, turn: int, verb: str, name: str, due: int, since: int, detail: bytes) -> None:
    """Count a wait in, and keep it if it says more than what is kept already."""
    if verb == "deadline":
        return
    into.waits += 1
    if not into.verb or WEIGHT.get(verb, 9) < WEIGHT.get(into.verb, 9):
        into.turn, into.verb, into.name, into.due, into.since, into.detail = turn, verb, name, due, since, detail


__all__ = ["WEIGHT", "Feed", "Standing", "weigh"]
