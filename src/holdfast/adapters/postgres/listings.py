"""The half of the store that people read: listings, definitions, retention. On connections of their own, with the planner
at its usual settings, so that counting a million agents never holds up a turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ...domain.errors import Rejected
from ...domain.message import Status
from ...ports.store import INSTALLATION, AgentRow, Definition, StateRead, Stored, Wait
from .link import Pool
from .place import Place, database_of
from .reads import state_row, stored_row
from .text import plain, safe

_MESSAGE = """
    SELECT m.id, m.status, m.turn, m.version, m.body, a.address, m.ended, m.kind, m.name, m.due
    FROM message m JOIN agent a ON a.id = m.agent
"""
_AGENT = """
    SELECT a.id, a.address, a.mode, a.reason, a.created, (head_of(a.id)).seq, coalesce(s.token, ''),
        (SELECT count(*) FROM message m WHERE m.agent = a.id AND m.status <= 3 AND m.status = 0 AND m.kind = 0)
    FROM agent a LEFT JOIN session s ON s.id = a.owner
"""
_DOING = """
    SELECT q.agent, q.id, q.status, q.turn, q.version, q.body, q.ended, q.kind, q.name, q.due
    FROM unnest($1::bigint[]) AS u(id) CROSS JOIN LATERAL (
        SELECT * FROM message m WHERE m.agent = u.id AND m.status <= 3 AND m.status IN (1, 2) AND m.kind = 0
        ORDER BY m.status, m.id LIMIT 20
    ) q
"""
_WAITING = """
    SELECT w.agent, w.turn, w.path, w.verb, w.name, w.due, w.detail, w.since
    FROM unnest($1::bigint[]) AS u(id) CROSS JOIN LATERAL (SELECT * FROM wait x WHERE x.agent = u.id LIMIT 100) w
    ORDER BY w.agent, w.turn, w.path
"""
_WAITS = """
    SELECT w.turn, w.path, w.verb, w.name, w.due, w.detail, w.since, a.address
    FROM wait w JOIN agent a ON a.id = w.agent
    WHERE ($1 = '' OR w.verb = $1) AND ($2::text IS NULL OR (a.address, w.turn, w.path) > ($2, $3, $4))
        AND ($6 = '' OR (a.address >= $6 AND a.address < $6 || U&'\\+10FFFF'))
    ORDER BY a.address, w.turn, w.path LIMIT $5
"""
_IN_USE = """
    SELECT a.name, m.version, count(*) FROM message m JOIN agent a ON a.id = m.agent
    WHERE m.status <= 3 AND m.status IN (1, 2) AND m.kind = 0 AND m.version <> '' GROUP BY 1, 2 ORDER BY 1, 2
"""
_LONGEST = """
    WITH RECURSIVE named(name) AS (
        (SELECT w.name FROM wait w WHERE ITS ORDER BY w.name LIMIT 1)
        UNION ALL
        SELECT (SELECT w.name FROM wait w WHERE ITS AND w.name > n.name ORDER BY w.name LIMIT 1)
        FROM named n WHERE n.name IS NOT NULL
    )
    SELECT q.turn, q.path, q.verb, q.name, q.due, q.detail, q.since, a.address
    FROM named n CROSS JOIN LATERAL (
        SELECT w.* FROM wait w WHERE ITS AND w.name = n.name ORDER BY w.since, w.agent, w.turn LIMIT $1
    ) q JOIN agent a ON a.id = q.agent
    ORDER BY q.since, q.agent, q.turn
"""
_KEEP = """
    INSERT INTO artifact AS t (tenant, key, body, at)
    SELECT $4, u.key, u.body, $3 FROM unnest($1::text[], $2::bytea[]) AS u(key, body)
    ORDER BY u.key ON CONFLICT (tenant, key) DO UPDATE SET
        at = CASE WHEN excluded.at = 0 THEN 0 ELSE greatest(t.at, excluded.at) END WHERE t.at > 0
"""
_STATES_OF_ALL = """
    SELECT a.address, s.key, s.value, s.labels, s.turn, s.prior, s.prior_labels
    FROM agent a JOIN state s ON s.agent = a.id
    WHERE a.address >= $1 AND (a.address, s.key) > ($1, $2) ORDER BY a.address, s.key LIMIT $3
"""
_STATS = """
    SELECT (SELECT count(*) FROM agent),
        (SELECT count(*) FROM message WHERE status <= 3 AND status = 0),
        (SELECT count(*) FROM message WHERE status <= 3 AND status = 1),
        (SELECT count(*) FROM message WHERE status <= 3 AND status = 2),
        (SELECT count(*) FROM message WHERE status = 8),
        (SELECT CASE WHEN c.reltuples < 1000000 THEN (SELECT count(*) FROM journal) ELSE c.reltuples::bigint END
         FROM pg_class c WHERE c.oid = 'journal'::regclass),
        (SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r')
"""

_STATS_WITHIN = """
    WITH own AS (SELECT id FROM agent WHERE address >= $1 AND address < $1 || U&'\\+10FFFF'),
        counted AS (SELECT m.status, count(*) AS n FROM message m JOIN own ON own.id = m.agent GROUP BY 1)
    SELECT (SELECT count(*) FROM own),
        coalesce((SELECT n FROM counted WHERE status = 0), 0), coalesce((SELECT n FROM counted WHERE status = 1), 0),
        coalesce((SELECT n FROM counted WHERE status = 2), 0), coalesce((SELECT n FROM counted WHERE status = 8), 0),
        (SELECT count(*) FROM journal j JOIN own ON own.id = j.agent), 0
"""


class Listings:
    """Mixed into ``PostgresStore``."""

    _people: Pool
    _place: Place

    async def state(self, address: str) -> dict[str, StateRead]:
        sql = """
            SELECT s.key, s.value, s.labels, s.turn, s.prior, s.prior_labels
            FROM state s JOIN agent a ON a.id = s.agent WHERE a.address = $1 AND s.value IS NOT NULL ORDER BY s.key
        """
        return {plain(key): state_row(*row) for key, *row in await self._people.rows(sql, address)}

    async def find_message(self, address: str, key: str) -> Stored | None:
        sql = _MESSAGE + "WHERE a.address = $1 AND m.key = $2 AND m.key <> ''"
        row = await self._people.row(sql, address, safe(key))
        return stored_row(row) if row is not None else None

    async def agents(self, *, like: str = "", mode: str = "", after: str = "", limit: int = 100) -> list[AgentRow]:
        sql = (
            _AGENT
            + """
            WHERE a.address > $1 AND a.address >= $2 AND ($2 = '' OR a.address < $2 || U&'\\+10FFFF')
              AND ($3 = '' OR a.mode = $3)
            ORDER BY a.address LIMIT $4
        """
        )
        return await self._with_doings(await self._people.rows(sql, after, like, mode, limit))

    async def agent(self, address: str) -> AgentRow | None:
        found = await self._with_doings(await self._people.rows(_AGENT + "WHERE a.address = $1", address))
        return found[0] if found else None

    async def _with_doings(self, rows: list[Any]) -> list[AgentRow]:
        found: dict[int, AgentRow] = {}
        for ref, address, mode, reason, created, seq, owner, queued in rows:
            found[ref] = AgentRow(address, mode, plain(reason), seq, created, queued, [], [], owner)
        if found:
            for ref, id, status, turn, version, body, *rest in await self._people.rows(_DOING, list(found)):
                ended, kind, name, due = rest
                stored = Stored(id, status, turn, version, body, found[ref].address, ended, kind, plain(name), due)
                found[ref].open.append(stored)
            for ref, turn, path, verb, name, due, detail, since in await self._people.rows(_WAITING, list(found)):
                found[ref].waits.append(Wait(turn, path, verb, plain(name), due, detail, since, found[ref].address))
        return list(found.values())

    async def messages(
        self, *, statuses: Sequence[int], address: str = "", after: int = 0, limit: int = 100, like: str = ""
    ) -> list[Stored]:
        wanted = [int(s) for s in statuses]
        known = "m.status <= 3 AND" if wanted and max(wanted) <= Status.BUFFERED else ""
        known = "m.status = 8 AND" if wanted == [Status.DEAD] else known
        sql = (
            _MESSAGE
            + f"""
            WHERE {known} m.status = ANY ($1::int[]) AND m.id > $2 AND ($3 = '' OR a.address = $3)
              AND ($4 = '' OR (a.address >= $4 AND a.address < $4 || U&'\\+10FFFF'))
            ORDER BY m.id LIMIT $5
        """
        )
        return [stored_row(row) for row in await self._people.rows(sql, wanted, after, address, like, limit)]

    async def waits(
        self, *, verb: str = "", after: tuple[str, int, str] | None = None, limit: int = 100, like: str = ""
    ) -> list[Wait]:
        place = after or (None, None, None)
        rows = await self._people.rows(_WAITS, verb, *place, limit, like)
        return [Wait(turn, path, v, plain(name), *rest) for turn, path, v, name, *rest in rows]

    async def longest(self, verb: str, limit: int) -> list[Wait]:
        its = f"w.verb = '{verb}'" if verb.isidentifier() else "false"
        rows = await self._people.rows(_LONGEST.replace("ITS", its), limit)
        return [Wait(turn, path, v, plain(name), *rest) for turn, path, v, name, *rest in rows]

    async def publish(self, definitions: Sequence[Definition], archives: dict[str, bytes]) -> None:
        sql = """
            WITH kept AS (
                INSERT INTO artifact (tenant, key, body)
                SELECT $8, u.* FROM unnest($6::text[], $7::bytea[]) AS u ON CONFLICT DO NOTHING
            )
            INSERT INTO definition AS d (name, version, handlers, published, source)
            SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::text[])
            ON CONFLICT (name, version) DO UPDATE SET handlers = excluded.handlers, published = excluded.published,
                source = CASE WHEN excluded.source = '' THEN d.source ELSE excluded.source END
        """
        rows = {(d.name, d.version): d for d in definitions}.values()
        columns = [
            [d.name for d in rows],
            [d.version for d in rows],
            [msgspec.msgpack.encode(d.handlers) for d in rows],
            [d.published for d in rows],
            [d.source for d in rows],
        ]
        await self._people.rows(sql, *columns, list(archives), list(archives.values()), INSTALLATION)

    async def definitions(self) -> list[Definition]:
        sql = "SELECT name, version, handlers, published, source FROM definition ORDER BY published DESC, name, version"
        return [
            Definition(name, version, msgspec.msgpack.decode(handlers), published, source)
            for name, version, handlers, published, source in await self._people.rows(sql)
        ]

    async def keep(self, tenant: str, artifacts: dict[str, bytes], at: int = 0) -> None:
        await self._people.rows(_KEEP, list(artifacts), list(artifacts.values()), at, tenant)

    async def artifacts(
        self, before: int, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[tuple[str, str, int]]:
        sql = """
            SELECT tenant, key, octet_length(body) FROM artifact WHERE at > 0 AND at < $1 AND (tenant, key) > ($2, $3)
            ORDER BY tenant, key LIMIT $4
        """
        return [(tenant, key, size) for tenant, key, size in await self._people.rows(sql, before, *after, limit)]

    async def drop(self, tenant: str, keys: Sequence[str], before: int) -> int:
        sql = """
            WITH gone AS (
                DELETE FROM artifact WHERE tenant = $1 AND key = ANY($2::text[]) AND at > 0 AND at < $3 RETURNING 1
            )
            SELECT count(*) FROM gone
        """
        return await self._people.value(sql, tenant, list(keys), before)

    async def states(self, after: tuple[str, str] = ("", ""), limit: int = 100) -> list[tuple[str, str, StateRead]]:
        rows = await self._people.rows(_STATES_OF_ALL, after[0], safe(after[1]), limit)
        return [(address, plain(key), state_row(*row)) for address, key, *row in rows]

    async def artifact(self, tenant: str, key: str) -> bytes | None:
        return await self._people.value("SELECT body FROM artifact WHERE tenant = $1 AND key = $2", tenant, key)

    async def versions_in_use(self) -> list[tuple[str, str, int]]:
        return [(name, version, n) for name, version, n in await self._people.rows(_IN_USE)]

    async def subscriptions(self, address: str = "") -> list[tuple[str, str, str]]:
        sql = """
            SELECT a.address, s.pattern, s.handler FROM subscription s JOIN agent a ON a.id = s.agent
            WHERE $1 = '' OR a.address = $1 ORDER BY 1, 2, 3
        """
        return [(a, pattern, handler) for a, pattern, handler in await self._people.rows(sql, address)]

    async def stats(self, like: str = "") -> dict[str, int]:
        """See the port. Beyond a million journal entries their number is the server's estimate."""
        names = ("agents", "queued", "running", "waiting", "dead", "entries", "bytes")
        row = await (self._people.row(_STATS_WITHIN, like) if like else self._people.row(_STATS))
        return dict(zip(names, row, strict=True))

    async def compact(self, before: int, limit: int, held: Sequence[str] = ()) -> int:
        return await self._people.value("SELECT compact($1, $2, $3)", before, limit, list(held))

    async def backup(self, target: str) -> None:
        schema, database = self._place.schema, database_of(self._place)
        command = f"pg_dump --format=custom --schema={schema} --file={target} {self._place.shown.partition('?')[0]}"
        raise Rejected(
            "store.no_backup",
            f"PostgreSQL has a better backup than Holdfast could write. While everything runs: {command} "
            f"(all of Holdfast is in the schema {schema} of the database {database}; restore it with pg_restore).",
            command=command,
        )
