"""Roots in a table of another database, SQLite or PostgreSQL: one more place that somebody else looks after."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import apsw

from ...domain.errors import Unavailable
from ..sqlite.files import database, parse
from . import away, disagrees

_TABLE = "CREATE TABLE IF NOT EXISTS holdfast_root(number BIGINT PRIMARY KEY, root {} NOT NULL)"


class SqliteWitness:
    """See the port. ``sqlite:///file.db``; the file may not be a store that is in use."""

    def __init__(self, url: str) -> None:
        self._path = parse(url).path
        self.where = f"the database {self._path}"

    async def keep(self, number: int, root: bytes) -> None:
        """See the port."""
        sql = "INSERT INTO holdfast_root VALUES(?, ?) ON CONFLICT DO NOTHING"
        await self._run(sql, number, root)
        if await self.kept(number) != root:
            raise disagrees(self.where, number)

    async def kept(self, number: int) -> bytes | None:
        """See the port."""
        return await self._run("SELECT root FROM holdfast_root WHERE number = ?", number)

    async def last(self) -> int:
        """See the port."""
        return await self._run("SELECT coalesce(max(number), 0) FROM holdfast_root")

    async def _run(self, sql: str, *args: Any) -> Any:
        def work() -> Any:
            db = database(self._path)
            try:
                db.set_busy_timeout(5_000)
                db.execute("PRAGMA synchronous = FULL")
                db.execute(_TABLE.format("BLOB"))
                return next((row[0] for row in db.execute(sql, args)), None)
            finally:
                db.close()

        try:
            return await asyncio.to_thread(work)
        except apsw.Error as error:
            raise away(self.where, error) from error


class PostgresWitness:
    """See the port. A connection is opened for what there is to do and closed again: that is once a minute."""

    def __init__(self, url: str) -> None:
        try:
            import asyncpg  # pyright: ignore[reportMissingTypeStubs]
        except ImportError as error:
            raise Unavailable(
                "store.driver_missing", "Roots in PostgreSQL need the driver asyncpg: pip install 'holdfast[postgres]'."
            ) from error
        self._driver: Any = asyncpg
        self._url = url
        parts = urlsplit(url)
        self.where = f"the database {parts.hostname}{parts.path}"

    async def keep(self, number: int, root: bytes) -> None:
        """See the port."""
        await self._run("INSERT INTO holdfast_root VALUES($1, $2) ON CONFLICT DO NOTHING", number, root)
        if await self.kept(number) != root:
            raise disagrees(self.where, number)

    async def kept(self, number: int) -> bytes | None:
        """See the port."""
        return await self._run("SELECT root FROM holdfast_root WHERE number = $1", number)

    async def last(self) -> int:
        """See the port."""
        return await self._run("SELECT coalesce(max(number), 0) FROM holdfast_root")

    async def _run(self, sql: str, *args: Any) -> Any:
        driver = self._driver
        try:
            link = await driver.connect(self._url, timeout=5.0)
            try:
                await link.execute(_TABLE.format("bytea"))
                return await link.fetchval(sql, *args)
            finally:
                await link.close()
        except (OSError, driver.PostgresError, driver.InterfaceError) as error:
            raise away(self.where, error) from error
