"""The file behind a store: its url, its lock, its connection settings, checkpoints, and what its errors mean."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, cast
from urllib.parse import parse_qs, urlsplit

import apsw
import msgspec

from ...domain.errors import Conflict, HoldfastError, LimitExceeded, Rejected, Unavailable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PASSIVE_PAGES, _RESTART_PAGES = 4_000, 60_000


class Database(Protocol):
    """The part of ``apsw.Connection`` that we use, fully typed."""

    @property
    def in_transaction(self) -> bool: ...
    def execute(self, statements: str, bindings: Sequence[Any] = ...) -> Iterator[tuple[Any, ...]]: ...
    def executemany(self, statements: str, sequenceofbindings: Iterable[Sequence[Any]]) -> object: ...
    def changes(self) -> int: ...
    def total_changes(self) -> int: ...
    def close(self) -> None: ...
    def set_busy_timeout(self, milliseconds: int) -> None: ...
    def set_wal_hook(self, callable: Callable[[Any, str, int], int] | None) -> None: ...
    def backup(self, databasename: str, sourceconnection: Any, sourcedatabasename: str) -> Any: ...
    def __enter__(self) -> object: ...
    def __exit__(self, *exc: Any) -> bool | None: ...


def database(path: str, **options: Any) -> Database:
    """Open a SQLite database."""
    return cast(Database, apsw.Connection(path, **options))


class Place(msgspec.Struct, frozen=True):
    """Where the data is. ``path`` is empty for memory."""

    url: str
    path: str
    relaxed: bool = False


def parse(url: str) -> Place:
    """Understand a store url; raises ``Rejected(store.url)``."""
    if url.startswith("memory:"):
        return Place(url, "")
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    durability = query.pop("durability", ["full"])[0]
    path = parts.path[1:]
    if parts.scheme != "sqlite" or parts.netloc or not path or query or durability not in ("full", "relaxed"):
        raise Rejected(
            "store.url",
            f"{url!r} is not a SQLite store. Write sqlite:///file.db or sqlite:////absolute/file.db, optionally with "
            "?durability=relaxed, or memory://.",
            url=url,
        )
    return Place(url, path, durability == "relaxed")


class Lock:
    """One process per file. The lock dies with the process, so a crash leaves nothing to clean up."""

    def __init__(self, place: Place) -> None:
        self._file = None
        if not place.path or fcntl is None:
            return
        folder = os.path.dirname(place.path)
        try:
            if folder:
                os.makedirs(folder, exist_ok=True)
            self._file = open(place.path + ".lock", "a+")  # noqa: SIM115 - held as long as the store is open
        except OSError as error:
            raise Unavailable(
                "store.unreachable", f"The store file {place.path} cannot be opened: {error.strerror}.", path=place.path
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise Conflict(
                "store.in_use",
                f"The store file {place.path} is in use by {holder}. Talk to that server instead "
                "(holdfast --url ...), stop it, or give this one another file.",
                path=place.path,
            ) from error
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let the next process in."""
        if self._file is not None:
            self._file.close()
            self._file = None


def connect(place: Place, *, read_only: bool = False) -> Database:
    """A connection with our settings."""
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    db = database(place.path or ":memory:", flags=flags, statementcachesize=200)
    db.set_busy_timeout(5_000)
    if read_only:
        db.execute("PRAGMA query_only = 1")
        return db
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {'NORMAL' if place.relaxed else 'FULL'}")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("PRAGMA cache_size = -16384")
    db.execute("PRAGMA temp_store = MEMORY")
    return db


class Checkpoints:
    """Moves the write-ahead log into the file: in a thread while it is short, at once when it got long."""

    def __init__(self, db: Database, place: Place) -> None:
        self._db, self._place = db, place
        self._pages = 0
        self._done_at = 0
        self._task: asyncio.Task[None] | None = None
        if place.path:
            db.set_wal_hook(self._hook)

    def _hook(self, _db: Any, _name: str, pages: int) -> int:
        self._pages = pages
        if pages < self._done_at:
            self._done_at = 0
        return apsw.SQLITE_OK

    def maybe(self) -> None:
        """Called after every transaction."""
        if self._pages < _PASSIVE_PAGES or self._task is not None:
            return
        if self._pages > _RESTART_PAGES:
            self._db.execute("PRAGMA wal_checkpoint(RESTART)")
            self._pages = self._done_at = 0
        elif self._pages - self._done_at > _PASSIVE_PAGES:
            self._done_at = self._pages
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return
            self._task = loop.create_task(self._passive())

    async def _passive(self) -> None:
        try:
            await asyncio.to_thread(self._in_thread)
        except apsw.Error:
            pass  # the next one, or the one at close, will do it
        finally:
            self._task = None

    def _in_thread(self) -> None:
        db = database(self._place.path)
        db.set_busy_timeout(100)
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        db.close()

    async def close(self) -> None:
        """Wait for the one in flight."""
        if self._task is not None:
            await asyncio.wait([self._task])


def translate(error: apsw.Error, place: Place) -> HoldfastError:
    """What a SQLite error means for the caller."""
    facts: dict[str, Any] = {"path": place.path, "sqlite": str(error)}
    if isinstance(error, apsw.FullError) or (isinstance(error, apsw.IOError) and "full" in str(error)):
        return Unavailable(
            "store.disk_full",
            f"The disk that holds {place.path} is full; nothing of this commit was kept. Free space: work goes on by "
            "itself.",
            **facts,
        )
    if isinstance(error, apsw.TooBigError):
        return LimitExceeded("payload.too_large", "A value is larger than SQLite can hold.", **facts)
    if isinstance(error, apsw.NotADBError | apsw.CorruptError):
        return Conflict("store.not_a_store", f"{place.path} is not a Holdfast store, or it is damaged: {error}.", **facts)
    return Unavailable("store.unreachable", f"The store file {place.path} cannot be used: {error}.", **facts)
