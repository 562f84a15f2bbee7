"""The feed over PostgreSQL: standings by lateral scans over the indexes of what is open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ports.feed import Standing, weigh
from ...ports.segments import HistoryRow
from .link import Pool
from .text import plain

_ROW = "SELECT j.id, a.address, j.seq, j.turn, j.body, j.hash FROM journal j JOIN agent a ON a.id = j.agent "
_STANDING = """
    SELECT a.id, a.address, a.mode, a.reason, a.created, (head_of(a.id)).seq,
        m.queued, m.running, m.parked, coalesce(m.handler, ''), coalesce(m.version, ''),
        (SELECT count(*) FROM message d WHERE d.agent = a.id AND d.status = 8), e.ended
    FROM agent a
    LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE status = 0) AS queued, count(*) FILTER (WHERE status = 1) AS running,
            count(*) FILTER (WHERE status = 2) AS parked, max(name) FILTER (WHERE status > 0) AS handler,
            max(version) FILTER (WHERE status > 0) AS version
        FROM message m WHERE m.agent = a.id AND m.status <= 3 AND m.kind = 0
    ) m ON true
    LEFT JOIN LATERAL (
        SELECT max(ended) AS ended FROM message m WHERE m.agent = a.id AND m.turn > 0 AND m.kind = 0
    ) e ON true
    WHERE a.id = ANY ($1::bigint[]) ORDER BY a.id
"""
_WAITS = "SELECT agent, turn, verb, name, due, since, detail FROM wait WHERE agent = ANY ($1::bigint[])"


class FeedReads:
    """Mixed into ``PostgresStore``."""

    _people: Pool

    async def rows(self, ids: Sequence[int]) -> list[HistoryRow]:
        sql = _ROW + "WHERE j.id BETWEEN $2 AND $3 AND j.id = ANY ($1::bigint[]) ORDER BY j.id"
        if not ids:
            return []
        return [HistoryRow(*row) for row in await self._people.rows(sql, list(ids), min(ids), max(ids))]

    async def newest(self) -> int:
        sql = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('journal', 'id')::regclass), 0)"
        return await self._people.value(sql)

    async def census(self, after: int, limit: int) -> list[Standing]:
        refs = await self._people.rows("SELECT id FROM agent WHERE id > $1 ORDER BY id LIMIT $2", after, limit)
        return await self._standings([ref for (ref,) in refs])

    async def standings(self, addresses: Sequence[str]) -> list[Standing]:
        refs = await self._people.rows("SELECT id FROM agent WHERE address = ANY ($1::text[])", list(addresses))
        return await self._standings([ref for (ref,) in refs])

    async def _standings(self, refs: list[int]) -> list[Standing]:
        if not refs:
            return []
        found: dict[int, Standing] = {}
        for row in await self._people.rows(_STANDING, refs):
            found[row[0]] = _standing(row)
        for ref, turn, verb, name, *rest in await self._people.rows(_WAITS, refs):
            if ref in found:
                weigh(found[ref], turn, verb, plain(name), *rest)
        return list(found.values())


def _standing(row: Any) -> Standing:
    ref, address, mode, reason, created, entries, queued, running, parked, handler, version, dead, ended = row
    return Standing(
        ref=ref,
        address=address,
        mode=mode,
        reason=plain(reason),
        created=created,
        entries=entries,
        queued=queued,
        running=running,
        parked=parked,
        dead=dead,
        handler=plain(handler),
        version=version,
        ended=ended or 0,
    )
