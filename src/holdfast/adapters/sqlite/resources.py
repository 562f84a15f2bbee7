"""Resources and tallies over one file. One process owns it, so that everything between two awaits is atomic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from ...ports.resources import Change, Named, Resource, Tally, changed, check_changes, check_tallies
from ...ports.store import Signal
from . import files
from .files import Database
from .retention import Retention
from .sessions import Sessions

_COLUMNS = "kind, name, tenant, version, revision, body, author, reason, at, deleted, labels"
_NEWEST = f"SELECT {_COLUMNS} FROM resource WHERE kind=? AND name=? AND tenant=? AND newest"
_INSERT = f"INSERT INTO resource({_COLUMNS}, newest) VALUES(?,?,?,?,?,?,?,?,?,?,?,1)"
_REPLACED = "UPDATE resource SET newest=0 WHERE kind=? AND name=? AND tenant=? AND newest"
_REVISION = "SELECT value FROM meta WHERE key='revision'"
_SET_REVISION = "INSERT INTO meta(key, value) VALUES('revision', ?) ON CONFLICT DO UPDATE SET value=excluded.value"

_FORGET = "DELETE FROM tally WHERE key=? AND at<=?"
_COUNT = "INSERT INTO tally(key, id, amount, at, until) VALUES(?,?,?,?,?) ON CONFLICT DO NOTHING"
_SUM = "SELECT coalesce(sum(amount), 0.0) FROM tally WHERE key=? AND at>?"


class Resources(Retention):
    """Mixed into ``SqliteStore``."""

    sessions: Sessions

    async def apply_resources(self, changes: Sequence[Change], author: str, reason: str, at: int) -> int:
        check_changes(changes)
        try:
            with self.db:
                before: int = next(self.db.execute(_REVISION), (0,))[0]
                wanted = [(change, have) for change in changes if _differs(change, have := self._newest(change.key))]
                for change, have in wanted:
                    _expect(change, have)
                if not wanted:
                    return before
                revision = before + 1
                for change, have in wanted:
                    self._put(change, have, (revision, author, reason, at))
                self.db.execute(_SET_REVISION, (revision,))
        except apsw.Error as error:
            raise files.translate(error, self.place) from error
        for session in list(self.sessions.alive.values()):
            session.notify(Signal("resources", ids=(revision,)))
        return revision

    def _newest(self, key: Named) -> Resource | None:
        row = next(self.db.execute(_NEWEST, key), None)
        return None if row is None else _resource(row)

    def _put(self, change: Change, have: Resource | None, why: tuple[int, str, str, int]) -> None:
        revision, author, reason, at = why
        version = have.version + 1 if have is not None else 1
        self.db.execute(_REPLACED, change.key)
        labels = msgspec.json.encode(change.labels).decode()
        gone = change.body is None
        self.db.execute(_INSERT, (*change.key, version, revision, change.body or b"", author, reason, at, gone, labels))

    async def resources(
        self, kind: str = "", tenant: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[Resource]:
        where: list[str] = ["newest", "revision > ?"]
        args: list[Any] = [after]
        for column, value in (("kind", kind or None), ("tenant", tenant)):
            if value is not None:
                where.append(f"{column} = ?")
                args.append(value)
        if not after:
            where.append("NOT deleted")
        only = " AND ".join(where)
        last = f"SELECT revision FROM resource WHERE {only} ORDER BY revision LIMIT 1 OFFSET ?"
        rows = f"SELECT {_COLUMNS} FROM resource WHERE {only} AND revision <= ? ORDER BY revision, kind, tenant, name"

        def work(db: Database) -> list[Resource]:
            upto: int = next(db.execute(last, (*args, max(limit, 1) - 1)), (1 << 62,))[0]
            return [_resource(row) for row in db.execute(rows, (*args, upto))]

        return await self.read(work)

    async def resource_versions(self, kind: str, name: str, tenant: str = "") -> list[Resource]:
        sql = f"SELECT {_COLUMNS} FROM resource WHERE kind=? AND name=? AND tenant=? ORDER BY version DESC"
        return await self.read(lambda db: [_resource(row) for row in db.execute(sql, (kind, name, tenant))])

    # -- tallies ------------------------------------------------------------------------------------------------

    async def tally(self, counts: Sequence[Tally], now: int) -> list[float]:
        check_tallies(counts)
        sums: list[float] = []
        try:
            with self.db:
                for count in counts:
                    since = now - count.window_ms
                    self.db.execute(_FORGET, (count.key, since))
                    self.db.execute(_COUNT, (count.key, count.id, float(count.amount), now, now + count.window_ms))
                    sums.append(next(self.db.execute(_SUM, (count.key, since)))[0])
        except apsw.Error as error:
            raise files.translate(error, self.place) from error
        return sums

    async def untally(self, key: str, id: str) -> None:
        try:
            self.db.execute("DELETE FROM tally WHERE key=? AND id=?", (key, id))
        except apsw.Error as error:
            raise files.translate(error, self.place) from error

    async def compact(self, before: int, limit: int, held: Sequence[str] = ()) -> int:
        removed = await super().compact(before, limit, held)
        old = "SELECT key, id FROM tally WHERE until < ? ORDER BY until LIMIT ?"
        self.db.execute(f"DELETE FROM tally WHERE (key, id) IN ({old})", (before, limit))
        return removed + self.db.changes()


def _differs(change: Change, have: Resource | None) -> bool:
    """Whether a change changes anything."""
    if have is None or have.deleted:
        return change.body is not None
    return change.body != have.body or change.labels != have.labels


def _expect(change: Change, have: Resource | None) -> None:
    """Raise ``Conflict(resource.changed)`` if the change was made for something else than there is."""
    there = have is not None and not have.deleted
    version = have.version if have is not None and there else 0
    if change.expected is not None and change.expected != version:
        raise changed(change, version, have.author if have is not None and there else "")


def _resource(row: tuple[Any, ...]) -> Resource:
    labels = msgspec.json.decode(row[10], type=dict[str, str])
    return Resource(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], bool(row[9]), labels)
