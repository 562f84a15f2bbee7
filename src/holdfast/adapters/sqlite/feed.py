"""The feed over SQLite: journal rows by rowid, and standings by five range scans over the partial indexes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ...domain.message import Status
from ...ports.feed import Standing, weigh
from ...ports.segments import HistoryRow
from .files import Database

T = TypeVar("T")
_ROW = "SELECT j.id, a.address, j.seq, j.turn, j.body, j.hash FROM journal j JOIN agent a ON a.id = j.agent"
_LATELY = 100_000
"""How many of the newest messages are looked at for turns that ended."""


class FeedReads:
    """Mixed into ``SqliteStore``."""

    db: Database
    read: Callable[..., Any]

    async def rows(self, ids: Sequence[int]) -> list[HistoryRow]:
        sql = f"{_ROW} WHERE j.id IN (SELECT value FROM json_each(?)) ORDER BY j.id"
        return [HistoryRow(*row) for row in self.db.execute(sql, (json.dumps(list(ids)),))]

    async def newest(self) -> int:
        return next(self.db.execute("SELECT max(id) FROM journal"))[0] or 0

    async def census(self, after: int, limit: int) -> list[Standing]:
        def work(db: Database) -> list[Standing]:
            sql = "SELECT max(id) FROM (SELECT id FROM agent WHERE id > ? ORDER BY id LIMIT ?)"
            last = next(db.execute(sql, (after, limit)))[0]
            return _standings(db, "{} BETWEEN ? AND ?", (after + 1, last)) if last else []

        return await self.read(work)

    async def standings(self, addresses: Sequence[str]) -> list[Standing]:
        def work(db: Database) -> list[Standing]:
            sql = "SELECT id FROM agent WHERE address IN (SELECT value FROM json_each(?))"
            refs = json.dumps([ref for (ref,) in db.execute(sql, (json.dumps(list(addresses)),))])
            return _standings(db, "{} IN (SELECT value FROM json_each(?))", (refs,))

        return await self.read(work)


def _standings(db: Database, which: str, args: tuple[Any, ...]) -> list[Standing]:
    """The standings of the agents that ``which`` picks."""
    sql = (
        "SELECT a.id, a.address, a.mode, a.reason, a.created, "
        "coalesce((SELECT max(seq) FROM journal WHERE agent = a.id), a.base_seq) "
        f"FROM agent a WHERE {which.format('a.id')} ORDER BY a.id"
    )
    found = {row[0]: Standing(*row) for row in db.execute(sql, args)}
    agent = which.format("agent")
    for open in ("status <= 1", "status IN (2, 3)"):
        sql = f"SELECT agent, status, name, version FROM message WHERE {open} AND kind = 0 AND {agent}"
        for ref, status, name, version in db.execute(sql, args):
            _count(found[ref], status, name, version)
    sql = f"SELECT agent, turn, verb, name, due, since, detail FROM wait WHERE {agent}"
    for ref, *wait in db.execute(sql, args):
        weigh(found[ref], *wait)
    for ref, n in db.execute(f"SELECT agent, count(*) FROM message WHERE status = 8 AND {agent} GROUP BY agent", args):
        found[ref].dead = n
    newest = next(db.execute("SELECT max(id) FROM message"))[0] or 0
    sql = (
        f"SELECT agent, max(ended) FROM message WHERE id > ? AND status BETWEEN 4 AND 8 AND kind = 0 AND {agent} GROUP BY 1"
    )
    for ref, ended in db.execute(sql, (newest - _LATELY, *args)):
        found[ref].ended = ended
    return list(found.values())


def _count(into: Standing, status: int, name: str, version: str) -> None:
    if status == Status.QUEUED:
        into.queued += 1
        return
    if status == Status.RUNNING:
        into.running += 1
    elif status == Status.WAITING:
        into.parked += 1
    into.handler, into.version = name, version
