"""Forks: what a new agent is given of another one, as the message carries it that brings it to life."""

from __future__ import annotations

import msgspec


class Origin(msgspec.Struct, frozen=True):
    """Where a fork comes from; its journal begins with this.

    Attributes:
        agent, turn, path: whose state it is, at the end of which turn, or before which step of it; 0 and ``""`` for the
            state as it stood.
        seq, hash: the last entry of the other's journal that counted, and its chain hash in hex: what to compare with.
        by, why: who forked it, and what for.
    """

    agent: str
    turn: int = 0
    path: str = ""
    seq: int = 0
    hash: str = ""
    by: str = ""
    why: str = ""


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A value of the other's state, encoded, with its provenance."""

    key: str
    value: bytes
    labels: tuple[str, ...]


class Past(msgspec.Struct, frozen=True, array_like=True):
    """The first part of a turn that is run again: its encoded entries, and the version of the code that it ran on (``""``
    for the newest)."""

    origin: Origin
    entries: list[bytes]
    version: str = ""


class Seed(msgspec.Struct, frozen=True, array_like=True):
    """All that a fork begins with: the state, and the encoded message of the turn that it runs again (empty for none)."""

    origin: Origin
    state: list[Kept]
    message: bytes = b""


__all__ = ["Kept", "Origin", "Past", "Seed"]
