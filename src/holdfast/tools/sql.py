"""``sql_tools``: a database for a model to ask: one tool that runs a statement, one that shows what there is.

Reading only unless granted, and held by the database, not by looking at the text: see ``adapters.databases``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from ..domain.errors import Rejected
from ..domain.retry import Retry
from ..ports.database import Bounds, Database, DatabaseUnreachable, QueryFailed, Rows
from ..secrets import is_reference
from .host import Calling, aside
from .roles import CONTENT, DESTINATION
from .tool import Tool, ToolFailed

_SCHEMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "postgres": "PostgreSQL"}
_RETRY = Retry(attempts=4, initial_seconds=0.2, factor=4.0, on=(DatabaseUnreachable,))


def sql_tools(
    url: str,
    *,
    write: bool = False,
    tables: Sequence[str] = (),
    max_rows: int = 200,
    max_bytes: int = 100_000,
    timeout_seconds: float = 10.0,
    prefix: str = "",
    about: str = "",
    trusted: bool = False,
) -> list[Tool]:
    """The tools ``query`` and ``schema`` over a database.

    >>> Agent("analyst", model="smart", tools=sql_tools("postgresql://agents@db/shop", about="Orders and customers."))

    Args:
        url: ``sqlite:///file.db`` or ``postgresql://…``; or a reference (``env:NAME``, ``file:PATH``, ``secret:NAME``).
        write: whether the model may change data. Each call is then one transaction, and not idempotent: after a crash in the
            middle of one a person is asked whether it happened.
        tables: the only tables it may use. SQLite holds it for every statement; PostgreSQL by the privileges of the login,
            which must not see more (``sql.tables``).
        max_rows, max_bytes: of an answer; the model is told that there is more.
        timeout_seconds: of a statement.
        prefix: put before the names of the tools, if an agent has several databases.
        about: what is in it, for the model.
        trusted: whether what stands in it may be believed.
    """
    dialect = _SCHEMES.get(url.partition("://")[0], "")
    if not dialect and not is_reference(url):
        raise Rejected("sql.url", "A database is sqlite:///file.db or postgresql://host/name; this address is neither.")
    bounds = Bounds(write, tuple(tables), max_rows, max_bytes, timeout_seconds)
    what = f"{dialect or 'SQL'} database{': ' + about if about else ''}"
    may = "It may change data." if write else "Reading only."
    query = Tool(
        partial(_query, url, bounds),
        name=f"{prefix}query",
        description=f"Run one SQL statement on the {what} {may} At most {max_rows} rows come back, after at most "
        f"{timeout_seconds:g} s. Look at {prefix}schema first.",
        schema=_object({"sql": {"type": "string", "description": "One statement, without parameters."}}, ["sql"]),
        effects=write,
        idempotent=not write,
        roles={"sql": DESTINATION if write else CONTENT},  # a statement that may change data is a command
        trusted=trusted,
        retry=_RETRY,
        takes_host=True,
    )
    schema = Tool(
        partial(_schema, url, bounds),
        name=f"{prefix}schema",
        description=f"The tables and columns of the {what}",
        schema=_object({"table": {"type": "string", "description": "One of them; all by default."}}, []),
        effects=False,
        trusted=trusted,
        retry=_RETRY,
        takes_host=True,
    )
    return [query, schema]


async def _query(url: str, bounds: Bounds, calling: Calling, /, **given: Any) -> Any:
    sql = given.get("sql")
    if not isinstance(sql, str) or len(given) != 1:
        raise ToolFailed("Wrong arguments: give one statement as sql.")
    try:
        rows = await aside((await _database(calling, url)).run(sql, bounds))
    except QueryFailed as error:
        raise ToolFailed(str(error)) from error
    except DatabaseUnreachable as error:
        if error.started:
            raise ToolFailed(
                f"The connection was lost ({error}). Whether the statement took effect is not known: look before you repeat."
            ) from error
        raise
    return _shown(rows, bounds)


async def _schema(url: str, bounds: Bounds, calling: Calling, /, **given: Any) -> Any:
    wanted = str(given.get("table") or "")
    try:
        found = await aside((await _database(calling, url)).tables(bounds))
    except QueryFailed as error:
        raise ToolFailed(str(error)) from error
    tables = [table for table in found if wanted in ("", table.name)]
    if not tables:
        raise ToolFailed(f"There is no table {wanted!r}. There are: {', '.join(t.name for t in found) or 'none'}.")
    shown, left, names = dict[str, list[str]](), bounds.bytes, list[str]()
    for table in tables:
        left -= len(table.name) + sum(map(len, table.columns))
        if left > 0:
            shown[table.name] = table.columns
        else:
            names.append(table.name)
    return {"tables": shown, **({"and also": names[:1000]} if names else {})}


async def _database(calling: Calling, url: str) -> Database:
    found = await calling.host.secrets.revealed(url)
    if secret := _password_of(found):
        calling.host.secrets.note(secret, "password")
    return calling.host.database(found)


def _password_of(url: str) -> str:
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""


def _shown(rows: Rows, bounds: Bounds) -> dict[str, Any]:
    shown: dict[str, Any] = {"columns": rows.columns, "rows": rows.rows}
    if bounds.write and rows.changed >= 0:
        shown["changed"] = rows.changed
    if rows.more:
        shown["more"] = f"There is more than these {len(rows.rows)} rows: ask for less at a time (WHERE, LIMIT, OFFSET)."
    return msgspec.to_builtins(shown)


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
