"""Resources and tallies over one schema. Their rules are in ``sql/resources.sql``."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec

from ...ports.resources import Change, Resource, Tally, changed, check_changes, check_tallies
from .combine import Combine
from .link import Pool, through_collisions
from .listings import Listings
from .text import plain, safe

_APPLY = "SELECT revision, place, version, author FROM apply_resources($1, $2, $3, $4, $5, $6, $7, $8, $9)"
_COLUMNS = "r.kind, r.name, r.tenant, r.version, r.revision, r.body, r.author, r.reason, r.at, r.deleted, r.labels"
_WHICH = "r.newest AND r.revision > $3 AND ($1 = '' OR r.kind = $1) AND ($2::text IS NULL OR r.tenant = $2) AND {}"
_RESOURCES = f"""
    SELECT {_COLUMNS} FROM resource r WHERE {_WHICH} AND r.revision <= coalesce(
        (SELECT r.revision FROM resource r WHERE {_WHICH} ORDER BY 1 OFFSET greatest($4::bigint - 1, 0) LIMIT 1),
        1::bigint << 62)
    ORDER BY r.revision, r.kind, r.tenant, r.name
"""
_VERSIONS = f"""
    SELECT {_COLUMNS} FROM resource r WHERE r.kind = $1 AND r.name = $2 AND r.tenant = $3 ORDER BY r.version DESC
"""
_COUNT = "SELECT count_tallies($1, $2, $3, $4, $5)"
_AT_ONCE = 200


class Resources(Listings):
    """Mixed into ``PostgresStore``."""

    _tallies: Tallies

    async def apply_resources(self, changes: Sequence[Change], author: str, reason: str, at: int) -> int:
        check_changes(changes)
        columns = [
            [safe(c.kind) for c in changes],
            [safe(c.name) for c in changes],
            [safe(c.tenant) for c in changes],
            [c.body for c in changes],
            [_labels(c.labels) for c in changes],
            [c.expected for c in changes],
        ]
        row = await through_collisions(lambda: self._people.row(_APPLY, *columns, safe(author), safe(reason), at))
        revision, place, version, last = row
        if place is not None:
            raise changed(changes[int(place) - 1], version, plain(last or ""))
        return revision

    async def resources(
        self, kind: str = "", tenant: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[Resource]:
        of = None if tenant is None else safe(tenant)
        sql = _RESOURCES.format("true", "true") if after else _RESOURCES.format("NOT r.deleted", "NOT r.deleted")
        return [_resource(row) for row in await self._people.rows(sql, safe(kind), of, after, limit)]

    async def resource_versions(self, kind: str, name: str, tenant: str = "") -> list[Resource]:
        rows = await self._people.rows(_VERSIONS, safe(kind), safe(name), safe(tenant))
        return [_resource(row) for row in rows]

    async def tally(self, counts: Sequence[Tally], now: int) -> list[float]:
        check_tallies(counts)
        return await self._tallies.count.one((counts, now)) if counts else []

    async def untally(self, key: str, id: str) -> None:
        await self._people.rows("DELETE FROM tally WHERE key = $1 AND id = $2", safe(key), safe(id))


class Tallies:
    """What many turns count at the same moment is one transaction."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.count: Combine[tuple[Sequence[Tally], int], list[float]] = Combine(self._count, width=1, most=_AT_ONCE)

    async def _count(self, asked: list[tuple[Sequence[Tally], int]]) -> list[list[float]]:
        every = [(count, now) for counts, now in asked for count in counts]
        columns: list[list[Any]] = [
            [safe(count.key) for count, _ in every],
            [safe(count.id) for count, _ in every],
            [float(count.amount) for count, _ in every],
            [count.window_ms for count, _ in every],
            [now for _, now in every],
        ]
        sums = iter(await through_collisions(lambda: self._pool.value(_COUNT, *columns)))
        return [list(itertools.islice(sums, len(counts))) for counts, _ in asked]


def _labels(labels: dict[str, str]) -> str:
    return msgspec.json.encode({safe(key): safe(value) for key, value in labels.items()}).decode()


def _resource(row: Any) -> Resource:
    kind, name, tenant, version, revision, body, author, reason, at, deleted, labels = row
    marked = msgspec.json.decode(labels, type=dict[str, str])
    unmarked = {plain(key): plain(value) for key, value in marked.items()} if marked else {}
    named = plain(kind), plain(name), plain(tenant)
    return Resource(*named, version, revision, body, plain(author), plain(reason), at, deleted, unmarked)
