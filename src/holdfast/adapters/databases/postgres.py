"""``PostgresDatabase``: statements over asyncpg, each alone in a transaction of its own.

Reading is held by the server: the transaction is READ ONLY, and a statement that gives no rows (SET, COPY, DO, CALL, LOCK,
COMMIT and their kin) is not begun at all. What a login may do besides writing (reading files, ending other sessions) only
its privileges say: give agents a login of their own.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from ...domain.errors import Rejected
from ...ports.database import Bounds, DatabaseUnreachable, QueryFailed, Rows, Table
from .bounded import Answer

_CONNECTIONS = 4
_CONNECT_SECONDS = 10.0
_LATE_SECONDS = 3.0
_PAGE = 100
_GONE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.TooManyConnectionsError,
)
_COLUMNS = """
    SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND a.attnum > 0 AND NOT a.attisdropped
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'
      AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
    ORDER BY n.nspname <> 'public', n.nspname, c.relname, a.attnum
    LIMIT 5000
"""


class PostgresDatabase:
    """See ``Database``."""

    dialect = "PostgreSQL"

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: Any = None
        self._making = asyncio.Lock()
        self._sees_only: set[tuple[str, ...]] = set()

    async def run(self, statement: str, bounds: Bounds) -> Rows:
        """See ``Database``."""
        if bounds.tables and bounds.tables not in self._sees_only:
            await self._check(bounds)
        return await self._do(bounds, partial(self._ask, statement, bounds))

    async def tables(self, bounds: Bounds) -> list[Table]:
        """See ``Database``."""

        async def look(connection: Any) -> list[Table]:
            found: dict[str, Table] = {}
            for schema, table, column, kind, not_null, key in await connection.fetch(_COLUMNS):
                name = table if schema == "public" else f"{schema}.{table}"
                if bounds.tables and not {name, f"{schema}.{table}"} & set(bounds.tables):
                    continue
                line = " ".join([column, kind, *["not null"] * not_null, *["primary key"] * key])
                found.setdefault(name, Table(name, [])).columns.append(line)
            return list(found.values())

        return await self._do(Bounds(seconds=bounds.seconds), look)

    async def close(self) -> None:
        """See ``Database``."""
        if self._pool is not None:
            self._pool.terminate()

    async def _check(self, bounds: Bounds) -> None:
        """A limit to some tables is the login's to hold: any function may read another one. So it must see no more."""
        seen = {table.name for table in await self.tables(Bounds(seconds=bounds.seconds))}
        more = seen - {name.removeprefix("public.") for name in bounds.tables}
        if more:
            raise Rejected(
                "sql.tables",
                f"tables= names {', '.join(bounds.tables)}, but this login can read {', '.join(sorted(more)[:5])} as well "
                "and PostgreSQL has no other bound than a login's privileges. For agents: CREATE ROLE agents LOGIN; "
                f"GRANT SELECT ON {', '.join(bounds.tables)} TO agents.",
            )
        self._sees_only.add(bounds.tables)

    async def _do(self, bounds: Bounds, work: Any) -> Any:
        """Work on a connection, in a transaction with the bounds."""
        pool = await self._connected()
        began = False
        try:
            async with (
                asyncio.timeout(bounds.seconds + _CONNECT_SECONDS + _LATE_SECONDS),
                pool.acquire(timeout=_CONNECT_SECONDS) as c,
            ):
                transaction = c.transaction(readonly=not bounds.write)
                await transaction.start()
                done = False
                try:
                    ms = int(bounds.seconds * 1000)
                    await c.execute(f"SET LOCAL statement_timeout = {ms}; SET LOCAL lock_timeout = {ms}")
                    began = True
                    found = await work(c)
                    done = bounds.write
                finally:
                    await (transaction.commit() if done else transaction.rollback())
                return found
        except asyncpg.QueryCanceledError as error:
            raise QueryFailed(
                f"It took longer than {bounds.seconds:g} s and was stopped. Ask for less at a time."
            ) from error
        except TimeoutError as error:
            raise DatabaseUnreachable("the database did not answer in time", started=began and bounds.write) from error
        except _GONE as error:
            raise DatabaseUnreachable(str(error) or type(error).__name__, started=began and bounds.write) from error
        except asyncpg.PostgresError as error:
            raise QueryFailed(_words(error)) from error

    async def _ask(self, statement: str, bounds: Bounds, connection: Any) -> Rows:
        prepared = await connection.prepare(statement)  # takes one statement only
        columns = [attribute.name for attribute in prepared.get_attributes()]
        if not columns and not bounds.write:
            raise QueryFailed("This database is for reading only: use a statement that gives rows.")
        answer = Answer(bounds)
        if bounds.write:
            for row in await prepared.fetch():  # to its end
                answer.add(row)
        else:
            cursor = await prepared.cursor()
            enough = False
            while not enough and (page := await cursor.fetch(min(_PAGE, bounds.rows + 1))):
                enough = not all(answer.add(row) for row in page)
        return Rows(columns, answer.rows, answer.more, _changed(prepared.get_statusmsg()))

    async def _connected(self) -> Any:
        async with self._making:
            if self._pool is None:
                try:
                    self._pool = await asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType]
                        self._url, min_size=0, max_size=_CONNECTIONS, timeout=_CONNECT_SECONDS, statement_cache_size=0
                    )
                except (ValueError, asyncpg.InterfaceError) as error:
                    raise Rejected("sql.url", f"This address of a database is malformed: {error}.") from error
            return self._pool


def _changed(status: str | None) -> int:
    """``UPDATE 3`` changed three rows."""
    words = (status or "").split()
    return int(words[-1]) if words and words[0] in ("INSERT", "UPDATE", "DELETE", "MERGE") and words[-1].isdigit() else -1


def _words(error: Any) -> str:
    parts = [str(error.message or error)]
    if error.hint:
        parts.append(f"Hint: {error.hint}")
    if error.position:
        parts.append(f"At character {error.position}.")
    return " ".join(parts)
