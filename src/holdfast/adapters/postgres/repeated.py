"""Was this commit applied before? Asked only after a refusal, so the hot path pays nothing for it.

A reply that was lost with a connection leaves its caller in doubt; it asks again with the same commits. What was applied is
recognised by its first entry and acknowledged with the receipt it would have had: the ids of its messages, and as arrivals
those of them that now belong to the session.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ...domain.message import Status
from ...ports.store import Arrival, Commit, Lease, Receipt, Send
from .link import Pool
from .session import Session

_LOOK = """
    SELECT j.hash, j.sent, a.epoch FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS u(agent, seq, place)
    LEFT JOIN journal j ON j.agent = u.agent AND j.seq = u.seq LEFT JOIN agent a ON a.id = u.agent ORDER BY u.place
"""
_MESSAGES = """
    SELECT m.id, a.address, m.name, a.id, a.epoch, h.seq, h.head, a.mode, a.owner
    FROM message m JOIN agent a ON a.id = m.agent CROSS JOIN LATERAL head_of(a.id) h WHERE m.id = ANY ($1::bigint[])
"""


class Repeat:
    """The journal has a row where the commit's first entry would go. ``receipt`` if it is that very entry."""

    __slots__ = ("receipt",)

    def __init__(self, receipt: Receipt | None) -> None:
        self.receipt = receipt


class Repeats:
    """Looks commits up in the journal."""

    def __init__(self, pool: Pool, session: Session | None) -> None:
        self._pool = pool
        self._session = session

    async def look(self, commits: Sequence[Commit]) -> list[Repeat | None]:
        """For each commit: None if the journal has nothing at its place (or it has no entries to know it by)."""
        asked = [c for c in commits if c.entries and c.lease is not None]
        leases = [c.lease for c in asked if c.lease is not None]
        refs, seqs = [x.ref for x in leases], [c.entries[0].seq for c in asked]
        rows = await self._pool.rows(_LOOK, refs, seqs) if asked else []
        found: dict[int, Repeat] = {}
        for commit, lease, (digest, sent, epoch) in zip(asked, leases, rows, strict=True):
            if digest is not None:
                # under a newer epoch somebody else may have written the very same bytes: that is not our commit
                same = digest == commit.entries[0].hash and epoch == lease.epoch
                found[id(commit)] = Repeat(await self._receipt(commit, sent or []) if same else None)
        return [found.get(id(c)) for c in commits]

    async def _receipt(self, commit: Commit, sent: list[int]) -> Receipt:
        """What the first receipt said, as far as it is still news."""
        if not commit.sends:
            return Receipt()
        ids: list[int] = []
        whose: dict[int, Send] = {}
        for n in sent:
            if n >= 0:
                ids.append(n)
            whose[abs(n)] = commit.sends[len(ids) - 1]
        receipt = Receipt(ids=ids, arrivals=[])
        rows: list[Any] = await self._pool.rows(_MESSAGES, [n for n in whose if n])
        for id, address, name, ref, epoch, seq, head, mode, owner in sorted(rows):
            send, me = whose[id], self._session
            if send.status != Status.QUEUED:
                continue
            if send.message.to != address:
                to = msgspec.structs.replace(send.message, to=address, name=name)
                send = msgspec.structs.replace(send, message=to)
            mine = me is not None and owner == me.id and send.message.due <= 0
            lease = None
            if mine and me is not None and address not in me.held:
                lease = Lease(address, ref, epoch, seq, head, False, mode)
                me.took([lease])
            receipt.arrivals.append(Arrival(id, address, send, mine, lease))
        return receipt
