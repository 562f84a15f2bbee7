"""Reads that turns and waiting callers need at once, combined across them."""

from __future__ import annotations

from typing import Any

from ...domain.message import Kind, Status
from ...ports.store import EntryRow, Lease, Loaded, StateRead, Stored, Wait
from .combine import Combine
from .link import Pool
from .text import plain, safe, split

_LOADS, _STATES, _MESSAGES, _ENTRIES = 64, 500, 500, 100
_STATE = """
    SELECT s.value, s.labels, s.turn, s.prior, s.prior_labels
    FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS u(agent, key, place)
    LEFT JOIN state s ON s.agent = u.agent AND s.key = u.key ORDER BY u.place
"""
_MESSAGE = """
    SELECT m.id, m.status, m.turn, m.version, m.body, a.address, m.ended, m.kind, m.name, m.due
    FROM unnest($1::bigint[]) AS u(id) JOIN message m ON m.id = u.id JOIN agent a ON a.id = m.agent
"""
# A turn's number is the seq of its first entry, so that the search for it begins there.
_JOURNAL = """
    SELECT u.place, j.seq, j.turn, j.body, j.hash
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS u(address, after, most, turn, place)
    JOIN agent a ON a.address = u.address
    LEFT JOIN LATERAL (
        SELECT * FROM journal e
        WHERE e.agent = a.id AND e.seq > greatest(u.after, u.turn - 1) AND (u.turn = 0 OR e.turn = u.turn)
        ORDER BY e.seq LIMIT u.most
    ) j ON true
    ORDER BY u.place, j.seq
"""

Pages = tuple[str, int, int, int]
"""Address, after, limit, turn."""


class Reads:
    """``load``, ``read_state``, ``message`` and ``entries``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.load: Combine[tuple[Lease, int], Loaded] = Combine(self._load, width=2, most=_LOADS)
        self.state: Combine[tuple[int, str], StateRead | None] = Combine(self._state, width=2, most=_STATES)
        self.message: Combine[int, Stored | None] = Combine(self._messages, width=2, most=_MESSAGES)
        self.entries: Combine[Pages, list[EntryRow] | None] = Combine(self._entries, width=2, most=_ENTRIES)

    async def _messages(self, ids: list[int]) -> list[Stored | None]:
        found = {row[0]: stored_row(row) for row in await self._pool.rows(_MESSAGE, list(set(ids)))}
        return [found.get(id) for id in ids]

    async def _entries(self, asked: list[Pages]) -> list[list[EntryRow] | None]:
        """None for an agent that there is not."""
        found: dict[int, list[EntryRow]] = {}
        answer: list[Any] = await self._pool.rows(_JOURNAL, *map(list, zip(*asked, strict=True)))
        for place, seq, *rest in answer:
            rows = found.setdefault(place, [])
            if seq is not None:
                rows.append(EntryRow(seq, *rest))
        return [found.get(n + 1) for n in range(len(asked))]

    async def _load(self, asked: list[tuple[Lease, int]]) -> list[Loaded]:
        refs = {lease.ref: (lease, limit) for lease, limit in asked}
        limits = [limit + 1 for _, limit in refs.values()]
        rows = await self._pool.rows("SELECT * FROM load_agents($1, $2)", list(refs), limits)
        found = {ref: _Part(lease.address, limit) for ref, (lease, limit) in refs.items()}
        for row in rows:
            found[row[1]].take(row)
        return [found[lease.ref].loaded() for lease, _ in asked]

    async def _state(self, asked: list[tuple[int, str]]) -> list[StateRead | None]:
        rows = await self._pool.rows(_STATE, [ref for ref, _ in asked], [safe(key) for _, key in asked])
        return [None if row[2] is None else state_row(*row) for row in rows]


def state_row(value: bytes | None, labels: str, turn: int, prior: bytes | None, prior_labels: str) -> StateRead:
    """A row of the state table."""
    return StateRead(value, split(labels), turn, prior, split(prior_labels))


def stored_row(row: Any) -> Stored:
    """A row of the message table, with its agent's address."""
    id, status, turn, version, body, address, ended, kind, name, due = row
    return Stored(id, status, turn, version, body, address, ended, kind, plain(name), due)


class _Part:
    """One agent's rows of a load."""

    def __init__(self, address: str, limit: int) -> None:
        self._address, self._limit = address, limit
        self._requests: list[tuple[int, Stored]] = []
        self._others: list[tuple[int, Stored]] = []
        self._waits: list[Wait] = []
        self._entries: dict[int, list[bytes]] = {}
        self._upset = False

    def take(self, row: Any) -> None:
        part, _, n1, n2, n3, n4, n5, n6, t1, t2, t3, body = row
        if part == b"m":
            stored = Stored(n1, n2, n3, t1, body, self._address, 0, n4, plain(t2), n5)
            queued = n2 == Status.QUEUED and n4 == Kind.REQUEST
            (self._requests if queued else self._others).append((-n6, stored))
            if n4 == Kind.REQUEST and n2 in (Status.RUNNING, Status.WAITING) and n3:
                self._entries.setdefault(n3, [])
        elif part == b"u":
            self._upset = True
        elif part == b"w":
            self._waits.append(Wait(n1, t1, t2, plain(t3), n2, body, n3))
        else:
            self._entries.setdefault(n1, []).append(body)

    def loaded(self) -> Loaded:
        more = len(self._requests) > self._limit
        rows = sorted(self._others, key=_order) + sorted(self._requests, key=_order)[: self._limit]
        return Loaded([stored for _, stored in rows], self._waits, self._entries, more, self._upset)


def _order(row: tuple[int, Stored]) -> tuple[int, int]:
    return row[0], row[1].id
