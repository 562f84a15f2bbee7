"""``SqliteDatabase``: a file, opened anew for each statement: what one leaves behind, no other one meets.

Reading is held by SQLite three times over: the file is opened read-only, the connection is told ``query_only``, and an
authorizer refuses everything but reading when a statement is compiled. It also refuses, whatever is granted, to open other
files, to change settings and to load code.
"""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import apsw

from ...ports.database import Bounds, DatabaseUnreachable, QueryFailed, Rows, Table
from .bounded import Answer

_STEPS = 10_000
_CELL_BYTES = 10_000_000
_READING = {apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE}
_WRITING = {apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE}
_NEVER = {
    apsw.SQLITE_ATTACH: "ATTACH",
    apsw.SQLITE_DETACH: "DETACH",
    apsw.SQLITE_PRAGMA: "PRAGMA",
    apsw.SQLITE_TRANSACTION: "BEGIN, COMMIT and ROLLBACK",
    apsw.SQLITE_SAVEPOINT: "SAVEPOINT",
    apsw.SQLITE_CREATE_VTABLE: "CREATE VIRTUAL TABLE",
    apsw.SQLITE_DROP_VTABLE: "DROP of a virtual table",
}
_FUNCTIONS_NEVER = {"load_extension", "writefile", "readfile", "edit", "fts3_tokenizer", "zipfile"}
_CATALOG = {"sqlite_master", "sqlite_schema"}


class SqliteDatabase:
    """See ``Database``."""

    dialect = "SQLite"

    def __init__(self, path: str) -> None:
        self._path = path

    async def run(self, statement: str, bounds: Bounds) -> Rows:
        """See ``Database``."""
        return await self._in_thread(_Work(self._path, bounds), statement)

    async def tables(self, bounds: Bounds) -> list[Table]:
        """See ``Database``."""
        work = _Work(self._path, Bounds(rows=1000, seconds=bounds.seconds))
        found = await self._in_thread(
            work,
            'SELECT m.name, c.name, c.type, c."notnull", c.pk FROM sqlite_master m JOIN pragma_table_info(m.name) c '
            "WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid",
            trusted=True,
        )
        tables: dict[str, Table] = {}
        for name, column, kind, not_null, key in found.rows:
            if bounds.tables and name not in bounds.tables:
                continue
            line = " ".join([column, kind.lower(), *["not null"] * bool(not_null), *["primary key"] * bool(key)])
            tables.setdefault(name, Table(name, [])).columns.append(line.replace("  ", " "))
        return list(tables.values())

    async def close(self) -> None:
        """See ``Database``."""

    async def _in_thread(self, work: _Work, statement: str, trusted: bool = False) -> Rows:
        running = asyncio.get_running_loop().run_in_executor(None, work.run, statement, trusted)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            work.stop.set()
            await asyncio.wait([running])
            raise


class _Work:
    """One statement, in a thread."""

    def __init__(self, path: str, bounds: Bounds) -> None:
        self._path = path
        self._bounds = bounds
        self._until = 0.0
        self._refused = ""
        self.stop = threading.Event()

    def run(self, statement: str, trusted: bool) -> Rows:
        """Run it. Raises as ``Database.run``."""
        bounds = self._bounds
        connection = self._open()
        try:
            self._until = time.monotonic() + bounds.seconds
            connection.set_progress_handler(self._over, _STEPS)
            connection.execute("BEGIN")
            if not trusted:
                connection.authorizer = self._may
            rows = self._ask(connection, statement)
            connection.authorizer = None
            connection.execute("COMMIT" if bounds.write else "ROLLBACK")
            return rows
        except apsw.InterruptError as error:
            raise QueryFailed(
                f"It took longer than {bounds.seconds:g} s and was stopped. Ask for less at a time."
            ) from error
        except apsw.ExecTraceAbort as error:
            raise QueryFailed("One statement at a time, please. Nothing was done.") from error
        except apsw.Error as error:
            raise QueryFailed(self._refused or str(error)) from error
        finally:
            connection.close(True)

    def _open(self) -> Any:
        flags = apsw.SQLITE_OPEN_READWRITE if self._bounds.write else apsw.SQLITE_OPEN_READONLY
        if not Path(self._path).is_file():
            raise DatabaseUnreachable(f"there is no file {self._path}", started=False)
        try:
            connection: Any = apsw.Connection(self._path, flags=flags)
            connection.set_busy_timeout(int(self._bounds.seconds * 1000))
            connection.limit(apsw.SQLITE_LIMIT_LENGTH, _CELL_BYTES)
            connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
            connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
            connection.pragma("query_only", not self._bounds.write)
        except apsw.Error as error:
            raise DatabaseUnreachable(f"{self._path}: {error}", started=False) from error
        return connection

    def _ask(self, connection: Any, statement: str) -> Rows:
        begun = 0
        columns: list[str] = []

        def one(cursor: Any, sql: str, bindings: Any) -> bool:
            nonlocal begun
            begun += 1
            columns.extend(str(column[0]) for column in cursor.get_description())
            return begun == 1

        cursor = connection.cursor()
        cursor.exec_trace = one
        before = connection.total_changes()
        cursor.execute(statement)
        answer = Answer(self._bounds)
        for row in cursor:
            if not answer.add(row) and not self._bounds.write:
                break  # what writes must come to its end
        if not columns and not self._bounds.write:
            raise QueryFailed("This database is for reading only: use a statement that gives rows.")
        return Rows(columns, answer.rows, answer.more, connection.total_changes() - before)

    def _over(self) -> bool:
        return self.stop.is_set() or time.monotonic() > self._until

    def _may(self, action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
        """Whether a statement may do this; asked while it is compiled."""
        refused = ""
        if action in _NEVER:
            refused = f"{_NEVER[action]} is not allowed here."
        elif action == apsw.SQLITE_FUNCTION and str(second).lower() in _FUNCTIONS_NEVER:
            refused = f"The function {second} is not allowed here."
        elif not self._bounds.write and action not in _READING:
            refused = "This database is for reading only."
        elif (
            self._bounds.tables
            and not trigger
            and action not in (apsw.SQLITE_SELECT, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE)
        ):
            granted = first in self._bounds.tables or (action == apsw.SQLITE_READ and first in _CATALOG)
            if action not in {apsw.SQLITE_READ, *_WRITING} or not granted:
                refused = f"Only these tables may be used: {', '.join(self._bounds.tables)}."
        if refused:
            self._refused = refused
            return apsw.SQLITE_DENY
        return apsw.SQLITE_OK
