"""Pages of lists: an opaque cursor says where the next one begins.

Where an operation goes on ``after`` an item, so does the cursor, and nothing that was there is missed or told twice however
much is written in between. Lists that are short by nature are cut by position.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ...control.registry import Operation
from ...domain.errors import Rejected

MOST = 1_000
USUAL = 100


class Page(msgspec.Struct):
    """Some of a list; ``next`` is the cursor of the rest, or None."""

    items: list[Any]
    next: str | None = None


async def read(what: Operation, given: dict[str, Any], ask: Callable[[dict[str, Any]], Awaitable[list[Any]]]) -> Page:
    """One page. ``given`` may hold ``cursor`` and ``limit``. Raises ``Rejected(http.cursor)``."""
    limit = given.pop("limit", USUAL)
    if not isinstance(limit, int) or not 1 <= limit <= MOST:
        raise Rejected("operation.input", f"{what.name}: limit lies between 1 and {MOST}.", operation=what.name)
    at = _opened(str(given.pop("cursor", "")), what.name)
    if what.takes("limit"):
        given["limit"] = limit + 1
    if what.told.page:
        if at is not None:
            given["after"] = at
        rows = await ask(given)
        last = getattr(rows[limit - 1], what.told.page) if len(rows) > limit else None
        return Page(rows[:limit], None if last is None else _closed(what.name, last))
    skip = at if isinstance(at, int) and at >= 0 else 0
    if what.takes("limit"):
        given["limit"] = skip + limit + 1
    rows = (await ask(given))[skip:]
    return Page(rows[:limit], _closed(what.name, skip + limit) if len(rows) > limit else None)


def _closed(name: str, at: Any) -> str:
    return urlsafe_b64encode(msgspec.msgpack.encode((name, at))).decode().rstrip("=")


def _opened(cursor: str, name: str) -> Any:
    if not cursor:
        return None
    try:
        body = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        of, at = msgspec.msgpack.decode(body, type=tuple[str, int | str])
    except (ValueError, msgspec.DecodeError) as error:
        raise Rejected("http.cursor", "This cursor is none of ours. Begin without one.") from error
    if of != name:
        raise Rejected("http.cursor", f"This cursor is of {of}, not of {name}. Begin without one.")
    return at


__all__ = ["MOST", "USUAL", "Page", "read"]
