"""What a PostgreSQL server says of itself, for ``holdfast doctor``: settings under which a store loses or crawls."""

from __future__ import annotations

from .link import connect, end
from .place import parse

_ASKED = ("server_version", "fsync", "full_page_writes", "synchronous_commit", "autovacuum")


async def settings_of(url: str) -> dict[str, str]:
    """The settings that matter, by name.

    Raises:
        HoldfastError: ``store.unavailable`` and what else a connection may be refused with.
    """
    link = await connect(parse(url), hot=False)
    try:
        rows = await link.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY ($1::text[])", list(_ASKED))
    finally:
        await end(link)
    return {row[0]: row[1] for row in rows}


__all__ = ["settings_of"]
