"""Making segments: read what no segment covers yet, check its chains, sign, keep, and tell the witnesses.

The order matters: the store has a segment before any witness has its root, so that a crash in between leaves witnesses
behind, never ahead. A witness that is ahead of the store, or has another root, has seen a store that this one was rolled
back from: then nothing is signed.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from ...domain.errors import Conflict
from ...journal import merkle
from ...journal.codec import chain
from ...ports.clock import Clock
from ...ports.segments import Covered, Cut, HistoryRow, Segment, Uncovered
from ...ports.signer import Signer
from ...ports.store import Store
from ...ports.witness import Witness
from .statement import Added, Leaf, Removed, Root, Statement, broken, decode, digest, encode, row, to_sign

ENTRIES = 5_000
"""Of one segment, about: no range of entries is longer."""
_TRIES = 3


class Sealed(msgspec.Struct):
    """What was signed: segments and entries, and the newest root there is now."""

    segments: int
    entries: int
    number: int
    root: str


class Sealing:
    """See the module."""

    def __init__(self, store: Store, signer: Signer, clock: Clock, witnesses: Sequence[Witness] = ()) -> None:
        self.store = store
        self.signer = signer
        self.clock = clock
        self.witnesses = witnesses
        self._one = asyncio.Lock()

    async def seal(self) -> Sealed:
        """Cover everything that is there, and tell the witnesses. Raises ``Conflict(audit.broken_chain)``,
        ``Conflict(audit.rolled_back)``, ``Conflict(audit.witness_disagrees)``, ``Unavailable(audit.witness_away)``."""
        async with self._one:
            last = await self.last()
            await self._compare(last)
            segments = entries = tries = 0
            while True:
                found = await self.store.uncovered(ENTRIES)
                if not found.loose and not found.cuts:
                    break
                try:
                    made, covered = await self._make(found, last)
                except Conflict:
                    tries += 1
                    if tries > _TRIES:
                        raise
                    continue  # compaction may have run between two readings; a journal that is broken stays broken
                if not await self.store.add_segment(made, covered, found.mark):
                    last = await self.last()  # another process was first; what it left is still there to be found
                    continue
                last = root_of(made)
                segments, entries = segments + 1, entries + last.statement.entries
                if not found.more:
                    break
            await self.tell()
            number, root = (last.statement.number, last.statement.root) if last else (0, "")
            return Sealed(segments, entries, number, root)

    async def last(self) -> Root | None:
        """The newest root that the store has."""
        rows = await self.store.segments(-1)
        return root_of(rows[0]) if rows else None

    # -- witnesses ----------------------------------------------------------------------------------------------

    async def _compare(self, last: Root | None) -> None:
        number = last.statement.number if last else 0
        for witness in self.witnesses:
            theirs = await witness.last()
            if not theirs:
                continue
            kept = await witness.kept(min(theirs, number)) if number else None
            ours = [root_of(s) for s in await self.store.segments(theirs - 1, 1)] if theirs <= number else []
            if theirs > number or not ours or kept != encode(ours[0]):
                raise Conflict(
                    "audit.rolled_back",
                    f"{witness.where} has root {theirs} of this store; the store itself "
                    f"{'has another root there' if theirs <= number else f'ends with root {number}'}. It was put back to an "
                    "earlier state, cut short or written anew. Nothing was signed.",
                    witness=witness.where,
                    kept=theirs,
                    have=number,
                )

    async def tell(self) -> None:
        """Give every witness the roots that it does not have."""
        for witness in self.witnesses:
            after = await witness.last()
            while rows := await self.store.segments(after, 100):
                for segment in rows:
                    await witness.keep(segment.number, encode(root_of(segment)))
                after = rows[-1].number

    # -- one segment --------------------------------------------------------------------------------------------

    async def _make(self, found: Uncovered, last: Root | None) -> tuple[Segment, list[Covered]]:
        rests = {cut.address: await self._rest(cut) for cut in found.cuts}
        # hashing is plain work: in a thread it holds up no turn for longer than the interpreter's lock does
        leaves, covered = await asyncio.to_thread(leaves_of, found, rests)
        lines = [encode(leaf) for leaf in leaves]
        added = sum(leaf.last - leaf.first + 1 for leaf in leaves if isinstance(leaf, Added))
        before = last.statement if last else None
        statement = Statement(
            number=before.number + 1 if before else 1,
            at=self.clock.now_ms(),
            previous=digest(before) if before else "",
            root=merkle.root(lines).hex(),
            leaves=len(lines),
            entries=added,
            total=(before.total if before else 0) + added,
            key=self.signer.key_id,
        )
        signature = self.signer.sign(to_sign(statement))
        public = self.signer.public_keys()[statement.key]
        packed = zlib.compress(b"".join(line + b"\n" for line in lines))
        return Segment(statement.number, encode(statement), signature, public, packed), covered

    async def _rest(self, cut: Cut) -> list[HistoryRow]:
        """What is left of the segment that a cut goes through; no range is longer than ``ENTRIES``."""
        upto = min(cut.covered, cut.seq + ENTRIES)
        if upto <= cut.seq:
            return []
        rows = await self.store.entries(cut.address, cut.seq, upto - cut.seq)
        return [HistoryRow(0, cut.address, r.seq, r.turn, r.body, r.hash) for r in rows]


def root_of(segment: Segment) -> Root:
    """A kept segment's root."""
    return Root(decode(Statement, segment.statement), segment.signature)


def leaves_of(found: Uncovered, rests: dict[str, list[HistoryRow]]) -> tuple[list[Leaf], list[Covered]]:
    """The leaves of a segment by address, removals first, and how far they cover each journal."""
    leaves: list[Leaf] = []
    covered: dict[str, Covered] = {}
    cuts = {cut.address: cut for cut in found.cuts}
    for cut in found.cuts:
        rows = rests[cut.address]
        _check(cut.address, cut.seq, cut.hash, rows)
        tree = merkle.root(row(r.seq, r.turn, r.hash) for r in rows).hex() if rows else ""
        until = rows[-1].seq if rows else cut.seq
        leaves.append(Removed(cut.address, cut.seq, cut.hash.hex(), until, tree, max(cut.seq - cut.covered, 0)))
        moved = (cut.seq, cut.hash) if cut.seq >= cut.covered else (cut.covered, cut.at)
        covered[cut.address] = Covered(cut.address, *moved, cut.seq)
    for loose in found.loose:
        rows, cut = loose.rows, cuts.get(loose.address)
        after, before = loose.after, loose.before
        if cut is not None and cut.seq >= after:
            after, before = cut.seq, cut.hash
            rows = [r for r in rows if r.seq > after]
        if rows:
            leaves.append(_added(loose.address, rows, after, before))
            covered[loose.address] = Covered(loose.address, rows[-1].seq, rows[-1].hash, cut.seq if cut else 0)
    return sorted(leaves, key=lambda leaf: (leaf.agent, isinstance(leaf, Added))), list(covered.values())


def _added(agent: str, rows: list[HistoryRow], after: int, before: bytes) -> Added:
    _check(agent, after, before, rows)
    tree = merkle.root(row(r.seq, r.turn, r.hash) for r in rows).hex()
    return Added(agent, rows[0].seq, rows[-1].seq, before.hex(), rows[-1].hash.hex(), tree)


def _check(agent: str, after: int, before: bytes, rows: list[HistoryRow]) -> None:
    """That entries follow what is signed already, and one another. Raises ``Conflict(audit.broken_chain)``."""
    if rows and rows[0].seq != after + 1:
        raise broken(agent, after + 1, "is missing")
    for one, two in pairwise(rows):
        if two.seq != one.seq + 1:
            raise broken(agent, one.seq + 1, "is missing")
    head = before
    for r in rows:
        head = chain(head, r.body)
        if head != r.hash:
            raise broken(agent, r.seq, "does not follow from the one before it")
