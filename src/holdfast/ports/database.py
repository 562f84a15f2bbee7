"""How a tool reads and writes somebody's database: one statement at a time, within bounds that the database itself holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class QueryFailed(Exception):
    """The database did not do it; the words are for the model."""


class DatabaseUnreachable(Exception):
    """There is no connection. ``started`` says whether the statement may have been under way."""

    def __init__(self, message: str, *, started: bool) -> None:
        super().__init__(message)
        self.started = started


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a statement may do and take.

    Attributes:
        write: whether it may change anything.
        tables: the only tables it may touch, as ``name`` or ``schema.name``; empty for all that the login may.
        rows, bytes: of the answer; what is beyond is left out, and the answer says so.
        seconds: how long the statement may run.
    """

    write: bool = False
    tables: tuple[str, ...] = ()
    rows: int = 200
    bytes: int = 100_000
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Rows:
    """An answer: values are plain JSON. ``more`` says that something was left out; ``changed`` is the number of rows that
    the statement changed, -1 if it is not known."""

    columns: list[str]
    rows: list[list[Any]]
    more: bool = False
    changed: int = -1


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view. ``columns`` are lines such as ``id integer primary key``."""

    name: str
    columns: list[str]


class Database(Protocol):
    """One database. Connections are made when they are needed and kept until ``close``."""

    dialect: str
    """What it speaks, for the model: ``PostgreSQL``, ``SQLite``."""

    async def run(self, statement: str, bounds: Bounds) -> Rows:
        """One statement in a transaction of its own: committed if it may write, else rolled back.

        Raises:
            QueryFailed: it was refused, wrong, or took too long.
            DatabaseUnreachable: no connection.
        """
        ...

    async def tables(self, bounds: Bounds) -> list[Table]:
        """What there is to ask for. Raises as ``run``."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...
