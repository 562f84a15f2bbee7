"""From a url to a store."""

from __future__ import annotations

from ..domain.errors import Rejected, Unavailable
from ..domain.limits import Limits
from ..ports.store import Store
from ..secrets import Secrets, is_reference, masked


def make_store(url: str, limits: Limits) -> Store:
    """The adapter for a url, or for a reference to one (``env:NAME``, ``file:PATH``, ``secret:NAME``). Raises
    ``Rejected(store.url)`` for one that nobody understands."""
    if is_reference(url):
        url = Secrets().revealed_now(url)
    scheme = url.partition(":")[0]
    if scheme in ("sqlite", "memory"):
        from ..adapters.sqlite import SqliteStore

        return SqliteStore(url, limits)
    if scheme in ("postgresql", "postgres"):
        try:
            from ..adapters.postgres import PostgresStore
        except ImportError as error:
            raise Unavailable(
                "store.driver_missing",
                f"The PostgreSQL driver is not installed ({error.name}). Install it: pip install 'holdfast[postgres]'.",
            ) from error
        return PostgresStore(url, limits)
    if scheme in ("holdfast", "holdfast+unix"):
        from ..adapters.remote import RemoteStore

        return RemoteStore(url, limits)
    raise Rejected(
        "store.url",
        f"{masked(url)!r} is not a store. Write sqlite:///file.db, postgresql://user@host/database, holdfast://host:port "
        "(the store of a running server) or memory:// (lost at the end).",
        url=masked(url),
    )
