"""What is signed, and what stands under it.

A **root** is a signed statement about a segment: the Merkle root over its leaves, how many entries it and all before it
cover, and the hash of the statement before it. A **leaf** says what became of one agent's journal since the segment before:
entries were added (with the chain's hash before and after them, and a tree over them), or entries were removed by retention.

Everything is JSON in exactly one form: the bytes that ``encode`` gives. Whoever reads refuses any other form, so that no
byte of an export can change unnoticed.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from ...domain.errors import Conflict

_SIGNED = b"holdfast audit statement v1\n"
"""Before what is signed, so that a signature made for anything else never fits here."""


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One segment in a few lines.

    Attributes:
        at: when it was made, in milliseconds.
        previous: SHA-256 of the statement before, empty for the first.
        root: over the leaves.
        entries: journal entries that this segment adds; ``total``: those of all segments so far.
        key: whose signature it bears.
    """

    number: int
    at: int
    previous: str
    root: str
    leaves: int
    entries: int
    total: int
    key: str


class Root(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement and its signature: a line of ``roots.jsonl``, and what witnesses keep."""

    statement: Statement
    signature: bytes


class Added(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="added", tag_field="kind"):
    """Entries ``first`` to ``last`` were added. ``before`` and ``head`` are the chain's hashes around them; ``tree`` is the
    Merkle root over ``row``s."""

    agent: str
    first: int
    last: int
    before: str
    head: str
    tree: str


class Removed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="removed", tag_field="kind"):
    """Retention removed entries up to ``last``, whose hash is ``head``. ``rest`` is the tree over those after it up to
    ``until``, for the segment that the cut goes through. ``lost`` of them had never been in a segment."""

    agent: str
    last: int
    head: str
    until: int
    rest: str
    lost: int = 0


Leaf = Added | Removed


class EntryLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A journal entry in an export. ``body`` is what the store has: encrypted in a sealed one."""

    agent: str
    seq: int
    turn: int
    hash: str
    body: bytes


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an export holds: segments ``first`` to ``last``, with so many leaves and entries; ``end`` is the hash of the last
    statement, ``before`` the one that the first of them names."""

    first: int
    last: int
    at: int
    leaves: int
    entries: int
    before: str
    end: str
    key: str


class SignedManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``export.json``."""

    manifest: Manifest
    signature: bytes


_encode = msgspec.json.Encoder().encode


def encode(value: Any) -> bytes:
    """The one form of a value."""
    return _encode(value)


def decode(kind: Any, body: bytes) -> Any:
    """Back from the one form. Raises ``ValueError`` for any other."""
    found = msgspec.json.decode(body, type=kind)
    if _encode(found) != body:
        raise ValueError("it is not written in the one form that exports have")
    return found


def digest(statement: Statement) -> str:
    """What the next statement names this one by."""
    return hashlib.sha256(encode(statement)).hexdigest()


def row(seq: int, turn: int, hash: bytes) -> bytes:
    """An entry as a leaf of its range's tree: its place, its turn, and the chain's hash, which stands for its body."""
    return seq.to_bytes(8) + turn.to_bytes(8) + hash


def to_sign(what: Statement | Manifest) -> bytes:
    """The bytes that a signature is made over."""
    return _SIGNED + type(what).__name__.encode() + b"\n" + encode(what)


def broken(agent: str, seq: int, what: str) -> Conflict:
    """A journal that does not continue as it should: somebody wrote to the store without us."""
    return Conflict(
        "audit.broken_chain",
        f"Entry {seq} of {agent} {what}. Somebody has changed the store behind Holdfast's back; nothing was signed.",
        agent=agent,
        seq=seq,
    )
