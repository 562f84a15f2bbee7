"""Entries: what an agent's journal is made of.

The first entry of a turn carries its ``begin``, so a turn that ends in one commit is one row. Entries are arrays on
the wire; ``kind`` names the meaning, and fields that a kind does not use stay at their default.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec

from .message import Failure


class EntryKind(IntEnum):
    """What an entry records."""

    STEP = 0  # a step happened: its intent and its outcome in one
    INTENT = 1  # a step is about to happen (a durable wait, or an effect that is not idempotent)
    RESULT = 2  # the outcome of an earlier INTENT
    END = 3  # the turn ended
    CANCEL = 4  # cancellation was delivered at this place
    RETRY = 5  # the turn starts again; failed steps before this are forgotten
    NOTE = 6  # something a person or the runtime did: paused, resumed, adopted a version


class Begin(msgspec.Struct, frozen=True, array_like=True):
    """The beginning of a turn: its message, the digest of the message's body, and the code it runs on; on whose behalf:
    ``chain`` has the agents and people who delegated the work, outermost first, ``tags`` the labels of the work."""

    message: int
    handler: str
    digest: bytes
    version: str
    sender: str
    attempt: int = 1
    chain: tuple[str, ...] = ()
    tags: dict[str, str] = {}


class Entry(msgspec.Struct, array_like=True):
    """One journal entry, as written. ``value`` is any encodable value; see ``StoredEntry`` for reading.

    Attributes:
        path: place in the turn's task tree, e.g. ``3`` or ``2.1``; ``""`` for the turn itself.
        verb: run, call, send, sleep, wait, ask, spawn, set, ...
        name: what the verb acts on: function, handler, event, state key.
        at: wall-clock milliseconds.
        labels: provenance of ``value``.
        detail: the intent's arguments and what else explains it (by verb).
        took: milliseconds the effect ran; 0 for waits.
        decision: the gate's answer when it was more than a plain allow.
    """

    kind: int
    path: str
    verb: str
    name: str
    at: int
    value: Any = None
    failure: Failure | None = None
    labels: tuple[str, ...] = ()
    detail: Any = None
    took: int = 0
    attempts: int = 1
    begin: Begin | None = None
    decision: Any = None


class StoredEntry(msgspec.Struct, array_like=True):
    """The same entry as read: ``value`` and ``detail`` still encoded, decoded by whoever knows their type."""

    kind: int
    path: str
    verb: str
    name: str
    at: int
    value: msgspec.Raw = msgspec.Raw(b"\xc0")
    failure: Failure | None = None
    labels: tuple[str, ...] = ()
    detail: msgspec.Raw = msgspec.Raw(b"\xc0")
    took: int = 0
    attempts: int = 1
    begin: Begin | None = None
    decision: Any = None
