"""An export: files that prove themselves, readable with a text editor and verifiable without us.

roots.jsonl    a signed root per segment
leaves.jsonl   the leaves under them, in order
entries.jsonl  the entries under those that were added and are still there, in order
keys.json      the public keys that signed, as a JWK set
export.json    a signed count of all this, so that an end that is missing is missed
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from ...domain.errors import NotFound
from ...ports.segments import Segment
from .sealing import Sealing, root_of
from .signatures import key_id_of, text_of
from .statement import Added, EntryLine, Leaf, Manifest, Removed, Root, SignedManifest, decode, digest, encode, to_sign

ROOTS, LEAVES, ENTRIES, KEYS, EXPORT = "roots.jsonl", "leaves.jsonl", "entries.jsonl", "keys.json", "export.json"
_PAGE = 50
_ROWS = 1_000


class Piece(msgspec.Struct):
    """More of one of the files."""

    file: str
    body: bytes


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public key as JWK."""

    kid: str
    x: str
    kty: str = "OKP"
    crv: str = "Ed25519"


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``keys.json``."""

    keys: list[Key]


def leaves_in(segment: Segment) -> list[bytes]:
    """The leaves of a kept segment, as they were hashed."""
    return zlib.decompress(segment.leaves).splitlines()


async def export(sealing: Sealing, after: int = 0) -> AsyncIterator[Piece]:
    """Everything after a segment, file by file in pieces. Raises ``NotFound(audit.nothing)``."""
    store, signer = sealing.store, sealing.signer
    gone = await _removed(sealing)
    keys: dict[str, bytes] = {}
    first: Root | None = None
    last: Root | None = None
    leaves = entries = 0
    number = after
    while page := await store.segments(number, _PAGE):
        number = page[-1].number
        for segment in page:
            last = root_of(segment)
            first = first or last
            keys[last.statement.key] = segment.public
            yield Piece(ROOTS, encode(last) + b"\n")
            lines = leaves_in(segment)
            leaves += len(lines)
            yield Piece(LEAVES, b"".join(line + b"\n" for line in lines))
            for line in lines:
                leaf: Leaf = decode(Leaf, line)
                if isinstance(leaf, Added):
                    async for count, body in _entries(sealing, leaf, gone.get(leaf.agent, 0)):
                        entries += count
                        yield Piece(ENTRIES, body)
    if first is None or last is None:
        raise NotFound("audit.nothing", f"There is no signed segment after {after}. `holdfast audit seal` makes one.")
    signing = signer.key_id
    keys[signing] = signer.public_keys()[signing]
    manifest = Manifest(
        first.statement.number,
        last.statement.number,
        sealing.clock.now_ms(),
        leaves,
        entries,
        first.statement.previous,
        digest(last.statement),
        signing,
    )
    yield Piece(ENTRIES, b"")
    yield Piece(KEYS, encode(Keys([Key(key_id_of(public), text_of(public)) for public in keys.values()])) + b"\n")
    yield Piece(EXPORT, encode(SignedManifest(manifest, signer.sign(to_sign(manifest)))) + b"\n")


async def _removed(sealing: Sealing) -> dict[str, int]:
    """Up to where entries were removed, by agent, as segments say. What goes while the export is written is no loss: it is
    refused (``audit.moved``) and the export is made again."""
    gone: dict[str, int] = {}
    number = 0
    while page := await sealing.store.segments(number, _PAGE):
        number = page[-1].number
        for segment in page:
            for line in leaves_in(segment):
                if line.startswith(b'{"kind":"removed"'):
                    leaf = decode(Removed, line)
                    gone[leaf.agent] = max(leaf.last, gone.get(leaf.agent, 0))
    return gone


async def _entries(sealing: Sealing, leaf: Added, gone: int) -> AsyncIterator[tuple[int, bytes]]:
    after = max(leaf.first - 1, gone)
    while after < leaf.last:
        rows = await sealing.store.entries(leaf.agent, after, min(_ROWS, leaf.last - after))
        if not rows or rows[0].seq != after + 1:
            raise NotFound(
                "audit.moved",
                f"Entry {after + 1} of {leaf.agent} is not there any more: it was removed since the last segment. Seal and "
                "export again; if it is still so, somebody has changed the store behind Holdfast's back.",
                agent=leaf.agent,
                seq=after + 1,
            )
        after = rows[-1].seq
        lines = (encode(EntryLine(leaf.agent, r.seq, r.turn, r.hash.hex(), r.body)) for r in rows)
        yield len(rows), b"".join(line + b"\n" for line in lines)


def files() -> tuple[str, ...]:
    """The names of an export's files."""
    return ROOTS, LEAVES, ENTRIES, KEYS, EXPORT


__all__: list[Any] = ["ENTRIES", "EXPORT", "KEYS", "LEAVES", "ROOTS", "Key", "Keys", "Piece", "export", "files", "leaves_in"]
