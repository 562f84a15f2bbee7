"""Databases of the people who run agents, for ``sql_tools``: each statement within bounds that the database itself holds."""

from __future__ import annotations

from ...domain.errors import Rejected
from ...ports.database import Database


def open_database(url: str) -> Database:
    """A database by its address. Raises ``Rejected(sql.url)``, ``Rejected(sql.driver_missing)``."""
    if url.startswith("sqlite:///"):
        from .sqlite import SqliteDatabase

        return SqliteDatabase(url.removeprefix("sqlite:///"))
    if url.startswith(("postgresql://", "postgres://")):
        try:
            from .postgres import PostgresDatabase
        except ImportError as error:
            raise Rejected(
                "sql.driver_missing",
                "PostgreSQL needs the package asyncpg, which is not installed here: pip install 'holdfast[postgres]'.",
            ) from error
        return PostgresDatabase(url)
    raise Rejected("sql.url", "A database is sqlite:///file.db or postgresql://host/name; this address is neither.")


__all__ = ["open_database"]
