"""History and segments over one schema.

Ids of journal rows are given before their transactions commit, so that a lower id may appear after a higher one. Whoever
looks for what is new therefore remembers two marks: up to ``safe`` nothing can appear any more; up to ``seen`` everything
visible was read. When every transaction that had begun at the time of ``seen`` is over (all below ``xmax``: every committer
has its transaction id before it takes an id for a row), whatever of it was missing has been read again, and ``seen`` becomes
safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ports.segments import Covered, Cut, HistoryRow, Loose, Segment, Uncovered
from .link import Pool

_ROW = "j.id, a.address, j.seq, j.turn, j.body, j.hash"
_HISTORY = f"""
    WITH j AS MATERIALIZED (
        SELECT * FROM journal WHERE id > $1 AND id <= $2 ORDER BY id LIMIT CASE WHEN $4 = '' THEN $3::bigint END
    )
    SELECT {_ROW} FROM j JOIN agent a ON a.id = j.agent
    WHERE $4 = '' OR starts_with(a.address, $4) ORDER BY j.id LIMIT $3::bigint
"""
_LOOSE = f"""
    WITH j AS MATERIALIZED (
        SELECT j.*, coalesce(c.seq, 0) AS upto, coalesce(c.hash, '') AS head
        FROM (SELECT * FROM journal WHERE id > $1 AND id <= $2 OFFSET 0) j LEFT JOIN covered c ON c.agent = j.agent
        WHERE j.seq > coalesce(c.seq, 0) ORDER BY j.id LIMIT $3
    )
    SELECT {_ROW}, j.upto, j.head FROM j JOIN agent a ON a.id = j.agent ORDER BY j.id
"""
_CUTS = """
    SELECT a.address, k.seq, k.hash, coalesce(c.seq, 0), coalesce(c.hash, '')
    FROM cut k JOIN agent a ON a.id = k.agent LEFT JOIN covered c ON c.agent = k.agent LIMIT $1
"""
_MARKS = "SELECT key, value FROM meta WHERE key IN ('covered_safe', 'covered_seen', 'covered_xmax')"
_REMEMBER = """
    INSERT INTO meta VALUES ('covered_safe', $1), ('covered_seen', $2), ('covered_xmax', $3)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""
RUNNING = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_current_xact_id()::text::bigint"
"""The oldest transaction that runs, and an id above all that have begun. A snapshot's ``xmax`` is none: it is above all that
have *ended*, and the newest of those that run may be that very one."""
_SEGMENT = "SELECT number, statement, signature, public, leaves FROM segment"
_LAST = """
    SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence(
        quote_ident(current_schema()) || '.journal', 'id')::regclass), 0)
"""
_WINDOW = 1000
"""So many ids are looked at at once at least; the planner is not asked how, since what it guesses of a range of ids may be a
look at the whole table."""
_WIDER, _WIDEST = 4, 64_000
"""So many times as many where none was there, up to a bound: retention leaves gaps."""


class Segments:
    """Mixed into ``PostgresStore``."""

    _people: Pool

    async def history(self, after: int = 0, limit: int = 1000, like: str = "") -> list[HistoryRow]:
        return [HistoryRow(*row) for row in await self._within(_HISTORY, after, await self._last(), limit, like)]

    async def _within(self, sql: str, after: int, last: int, limit: int, *more: Any) -> list[Any]:
        """The first rows by id up to ``last``, looked for range by range."""
        found: list[Any] = []
        span = max(limit, _WINDOW)
        while after < last and len(found) < limit:
            rows = await self._people.rows(sql, after, min(after + span, last), limit - len(found), *more)
            found += rows
            after += span
            span = span if rows else min(span * _WIDER, max(span, _WIDEST))
        return found

    async def _last(self) -> int:
        """The newest id; the sequence knows it without looking at the table."""
        return await self._people.value(_LAST)

    async def uncovered(self, limit: int) -> Uncovered:
        marks = dict(map(tuple, await self._people.rows(_MARKS)))
        safe, seen, until = (marks.get(f"covered_{name}", 0) for name in ("safe", "seen", "xmax"))
        last = await self._last()  # before the transactions are looked at: whoever took one of these ids has begun
        running, begun = await self._people.row(RUNNING)
        found: dict[str, Loose] = {}
        rows = await self._within(_LOOSE, safe, last, limit)
        for *row, after, before in rows:
            entry = HistoryRow(*row)
            known = found.get(entry.address)
            if known is None:
                known = found[entry.address] = Loose(entry.address, after, before)
            known.rows.append(entry)
        cuts = [Cut(*row) for row in await self._people.rows(_CUTS, limit)]
        more = len(rows) == limit or len(cuts) == limit
        mark = f"{seen}:{last}:{begun}" if not more and running >= until else ""
        if mark and not rows and last > safe:  # so that quiet stores are not read over and over
            await self._people.rows(_REMEMBER, seen, last, begun)
        return Uncovered(list(found.values()), cuts, mark, more)

    async def add_segment(self, segment: Segment, covered: Sequence[Covered], mark: str = "") -> bool:
        safe, seen, until = (int(part) for part in mark.split(":")) if mark else (None, None, None)
        columns = [list(column) for column in zip(*((c.address, c.seq, c.hash, c.cut) for c in covered), strict=True)]
        return await self._people.value(
            "SELECT add_segment($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            segment.number,
            segment.statement,
            segment.signature,
            segment.public,
            segment.leaves,
            *(columns or [[], [], [], []]),
            safe,
            seen,
            until,
        )

    async def segments(self, after: int = 0, limit: int = 100) -> list[Segment]:
        if after < 0:
            return [Segment(*row) for row in await self._people.rows(f"{_SEGMENT} ORDER BY number DESC LIMIT 1")]
        sql = f"{_SEGMENT} WHERE number > $1 ORDER BY number LIMIT $2"
        return [Segment(*row) for row in await self._people.rows(sql, after, limit)]
