"""The half of the store that people read: listings, definitions, backup.

Over a file, these run in a thread with a read-only connection, so that counting a million agents never holds up a turn.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import apsw
import msgspec

from ...domain.errors import NotFound, Rejected, Unavailable
from ...ports.store import INSTALLATION, AgentRow, Definition, EntryRow, StateRead, Stored, Wait
from . import files, reads
from .files import Database

T = TypeVar("T")
_STORED = "m.id, m.status, m.turn, m.version, m.body, a.address, m.ended, m.kind, m.name, m.due"
_FROM = "FROM message m JOIN agent a ON a.id = m.agent"

_KEEP = (
    "INSERT INTO artifact(tenant, key, body, at) VALUES(?,?,?,?) ON CONFLICT(tenant, key) DO UPDATE SET "
    "at=CASE WHEN at=0 OR excluded.at=0 THEN 0 ELSE max(at, excluded.at) END WHERE at > 0"
)


class Listings:
    """Mixed into ``SqliteStore``."""

    db: Database
    place: files.Place

    async def read(self, work: Callable[[Database], T]) -> T:
        """Run a query of people's beside the loop."""
        if not self.place.path:
            return work(self.db)

        def job() -> T:
            db = files.connect(self.place, read_only=True)
            try:
                return work(db)
            finally:
                db.close()

        try:
            return await asyncio.to_thread(job)
        except apsw.Error as error:
            raise files.translate(error, self.place) from error

    async def state(self, address: str) -> dict[str, StateRead]:
        return await self.read(lambda db: reads.state_all(db, address))

    async def message(self, id: int) -> Stored | None:
        for row in self.db.execute(f"SELECT {_STORED} {_FROM} WHERE m.id=?", (id,)):
            return Stored(*row)
        return None

    async def find_message(self, address: str, key: str) -> Stored | None:
        for row in self.db.execute(f"SELECT {_STORED} {_FROM} WHERE a.address=? AND m.key=?", (address, key)):
            return Stored(*row)
        return None

    async def entries(self, address: str, after: int, limit: int, turn: int = 0) -> list[EntryRow]:
        ref = next(iter(self.db.execute("SELECT id FROM agent WHERE address=?", (address,))), None)
        if ref is None:
            raise NotFound(
                "agent.unknown", f"No agent has the address {address}. `holdfast ps` lists them.", address=address
            )
        columns = "seq, turn, CAST(body AS BLOB), CAST(hash AS BLOB)"  # also what a tamperer left as text is to be read
        sql = f"SELECT {columns} FROM journal WHERE agent=? AND seq>? {{}} ORDER BY seq LIMIT ?"
        only, args = ("AND turn=?", (ref[0], max(after, turn - 1), turn, limit)) if turn else ("", (ref[0], after, limit))
        return [EntryRow(*row) for row in self.db.execute(sql.format(only), args)]

    async def agents(self, *, like: str = "", mode: str = "", after: str = "", limit: int = 100) -> list[AgentRow]:
        def work(db: Database) -> list[AgentRow]:
            where, args = ["a.address > ?"], [max(after, like) if not after.startswith(like) else after]
            if like and not after:
                where[0] = "a.address >= ?"
            if like:
                where.append("a.address < ?")
                args.append(like + "\U0010ffff")
            if mode:
                where.append("a.mode = ?")
                args.append(mode)
            sql = f"SELECT a.id, a.address, a.mode, a.reason, a.created FROM agent a WHERE {' AND '.join(where)} "
            rows = list(db.execute(sql + "ORDER BY a.address LIMIT ?", (*args, limit)))
            return [_agent(db, row) for row in rows]

        rows = await self.read(work)
        for row in rows:
            row.owner = self._owner_of(row.address)
        return rows

    async def agent(self, address: str) -> AgentRow | None:
        for row in self.db.execute("SELECT id, address, mode, reason, created FROM agent WHERE address=?", (address,)):
            found = _agent(self.db, row)
            found.owner = self._owner_of(address)
            return found
        return None

    def _owner_of(self: Any, address: str) -> str:
        owner = self.sessions.owner.get(self._ids.get(address, 0))
        return owner.session.id if owner else ""

    async def messages(
        self, *, statuses: Sequence[int], address: str = "", after: int = 0, limit: int = 100, like: str = ""
    ) -> list[Stored]:
        def work(db: Database) -> list[Stored]:
            marks = ",".join(str(int(s)) for s in statuses)
            where, args = _beginning(like)
            if address:
                where.append("a.address = ?")
                args.append(address)
            only = " ".join(f"AND {part}" for part in where)
            sql = f"SELECT {_STORED} {_FROM} WHERE m.status IN ({marks}) AND m.id > ? {only} ORDER BY m.id LIMIT ?"
            return [Stored(*row) for row in db.execute(sql, (after, *args, limit))]

        return await self.read(work)

    async def waits(
        self, *, verb: str = "", after: tuple[str, int, str] | None = None, limit: int = 100, like: str = ""
    ) -> list[Wait]:
        def work(db: Database) -> list[Wait]:
            where, args = _beginning(like)
            where.append("1")
            if verb:
                where.append("w.verb = 'ask'" if verb == "ask" else "w.verb = ?")
                args += [] if verb == "ask" else [verb]
            if after:
                where.append("(a.address, w.turn, w.path) > (?,?,?)")
                args += list(after)
            sql = (
                "SELECT w.turn, w.path, w.verb, w.name, w.due, w.detail, w.since, a.address FROM wait w "
                f"JOIN agent a ON a.id = w.agent WHERE {' AND '.join(where)} ORDER BY a.address, w.turn, w.path LIMIT ?"
            )
            return [Wait(*row) for row in db.execute(sql, (*args, limit))]

        return await self.read(work)

    async def longest(self, verb: str, limit: int) -> list[Wait]:
        return await self.read(lambda db: reads.longest(db, verb, limit))

    async def publish(self, definitions: Sequence[Definition], archives: dict[str, bytes]) -> None:
        with self.db:
            self._keep(INSTALLATION, archives)
            for d in definitions:
                self.db.execute(
                    "INSERT INTO definition(name, version, handlers, published, source) VALUES(?,?,?,?,?) "
                    "ON CONFLICT DO UPDATE SET published=excluded.published, "
                    "source=CASE WHEN excluded.source='' THEN source ELSE excluded.source END",
                    (d.name, d.version, msgspec.msgpack.encode(d.handlers), d.published, d.source),
                )

    async def definitions(self) -> list[Definition]:
        sql = "SELECT name, version, handlers, published, source FROM definition ORDER BY published DESC, name"
        return [
            Definition(name, version, msgspec.msgpack.decode(handlers), published, source)
            for name, version, handlers, published, source in self.db.execute(sql)
        ]

    async def keep(self, tenant: str, artifacts: dict[str, bytes], at: int = 0) -> None:
        try:
            with self.db:
                self._keep(tenant, artifacts, at)
        except apsw.Error as error:
            raise files.translate(error, self.place) from error

    def _keep(self, tenant: str, artifacts: dict[str, bytes], at: int = 0) -> None:
        self.db.executemany(_KEEP, [(tenant, key, body, at) for key, body in artifacts.items()])

    async def artifacts(
        self, before: int, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[tuple[str, str, int]]:
        sql = """
            SELECT tenant, key, length(body) FROM artifact WHERE at > 0 AND at < ? AND (tenant, key) > (?, ?)
            ORDER BY tenant, key LIMIT ?
        """
        return await self.read(lambda db: list(db.execute(sql, (before, *after, limit))))

    async def drop(self, tenant: str, keys: Sequence[str], before: int) -> int:
        with self.db:
            had = self.db.total_changes()
            sql = "DELETE FROM artifact WHERE tenant=? AND key=? AND at > 0 AND at < ?"
            self.db.executemany(sql, [(tenant, key, before) for key in keys])
            return self.db.total_changes() - had

    async def states(self, after: tuple[str, str] = ("", ""), limit: int = 100) -> list[tuple[str, str, StateRead]]:
        return await self.read(lambda db: reads.states(db, after, limit))

    async def artifact(self, tenant: str, key: str) -> bytes | None:
        for (body,) in self.db.execute("SELECT body FROM artifact WHERE tenant=? AND key=?", (tenant, key)):
            return body
        return None

    async def versions_in_use(self) -> list[tuple[str, str, int]]:
        def work(db: Database) -> list[tuple[str, str, int]]:
            counts: dict[tuple[str, str], int] = {}
            for status in ("m.status <= 1", "m.status IN (2, 3)"):
                sql = f"SELECT a.address, m.version {_FROM} WHERE {status} AND m.kind=0 AND m.version <> ''"
                for address, version in db.execute(sql):
                    key = (address.split("/", 2)[1], version)
                    counts[key] = counts.get(key, 0) + 1
            return [(name, version, n) for (name, version), n in sorted(counts.items())]

        return await self.read(work)

    async def subscriptions(self, address: str = "") -> list[tuple[str, str, str]]:
        only, args = ("WHERE a.address = ?", (address,)) if address else ("", ())
        sql = f"SELECT a.address, s.pattern, s.handler FROM subscription s JOIN agent a ON a.id=s.agent {only}"
        return [tuple(row) for row in self.db.execute(sql + " ORDER BY 1, 2, 3", args)]

    async def stats(self, like: str = "") -> dict[str, int]:
        def work(db: Database) -> dict[str, int]:
            def n(sql: str) -> int:
                return next(db.execute(sql))[0] or 0

            if like:
                return _stats_within(db, like)

            pages, size = n("PRAGMA page_count"), n("PRAGMA page_size")
            return {
                "agents": n("SELECT count(*) FROM agent"),
                "queued": n("SELECT count(*) FROM message WHERE status <= 1 AND status = 0"),
                "running": n("SELECT count(*) FROM message WHERE status <= 1 AND status = 1"),
                "waiting": n("SELECT count(*) FROM message WHERE status IN (2, 3) AND status = 2"),
                "dead": n("SELECT count(*) FROM message WHERE status = 8"),
                "entries": n("SELECT max(id) FROM journal"),
                "bytes": pages * size,
            }

        return await self.read(work)

    async def backup(self, target: str) -> None:
        if os.path.exists(target):
            raise Rejected("backup.exists", f"{target} exists already; name a new file.", path=target)
        partial = target + ".partial"

        def job() -> None:
            source = files.connect(self.place, read_only=True) if self.place.path else self.db
            out = files.database(partial)
            with out.backup("main", source, "main") as copy:
                while not copy.done:
                    copy.step(2_000)
            out.execute("PRAGMA journal_mode = DELETE")
            out.close()

        try:
            await asyncio.to_thread(job) if self.place.path else job()
            os.replace(partial, target)
        except (apsw.Error, OSError) as error:
            raise Unavailable("backup.failed", f"The backup to {target} failed: {error}.", path=target) from error
        finally:
            if os.path.exists(partial):
                os.unlink(partial)


def _beginning(like: str) -> tuple[list[str], list[Any]]:
    """The condition for addresses that begin like this."""
    return (["a.address >= ?", "a.address < ?"], [like, like + "\U0010ffff"]) if like else ([], [])


def _stats_within(db: Database, like: str) -> dict[str, int]:
    where, bounds = _beginning(like)
    agents = f"SELECT a.id FROM agent a WHERE {' AND '.join(where)}"
    counts: dict[str, int] = dict.fromkeys(("agents", "queued", "running", "waiting", "dead", "entries", "bytes"), 0)
    counts["agents"] = next(db.execute(f"SELECT count(*) FROM ({agents})", bounds))[0]
    names = {0: "queued", 1: "running", 2: "waiting", 8: "dead"}
    for status, n in db.execute(f"SELECT status, count(*) FROM message WHERE agent IN ({agents}) GROUP BY status", bounds):
        if status in names:
            counts[names[status]] = n
    counts["entries"] = next(db.execute(f"SELECT count(*) FROM journal WHERE agent IN ({agents})", bounds))[0]
    return counts


def _agent(db: Database, row: tuple[Any, ...]) -> AgentRow:
    ref, address, mode, reason, created = row
    seq, _ = reads.head(db, ref)
    open: list[Stored] = []
    queued = 0
    for status in ("m.status <= 1", "m.status IN (2, 3)"):
        only = f"m.agent=? AND {status} AND m.kind = 0"
        for stored in db.execute(f"SELECT {_STORED} {_FROM} WHERE {only} ORDER BY m.status DESC, m.id LIMIT 20", (ref,)):
            if stored[1] in (1, 2):
                open.append(Stored(*stored))
            else:
                queued += 1
        if queued >= 20:
            queued = next(db.execute("SELECT count(*) FROM message WHERE agent=? AND status <= 1 AND kind=0", (ref,)))[0]
    waits = [
        Wait(turn, path, verb, name, due, detail, since, address)
        for turn, path, verb, name, due, detail, since in db.execute(
            "SELECT turn, path, verb, name, due, detail, since FROM wait WHERE agent=?", (ref,)
        )
    ]
    return AgentRow(address, mode, reason, seq, created, queued, open, waits)
