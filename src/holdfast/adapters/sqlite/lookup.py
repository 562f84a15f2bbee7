"""The index of words: full text (FTS5) in a file of its own beside the store.

Its writer waits for nobody and nobody for it: turns commit to another file. The file is written without waiting for the
disk, for whatever it loses is read from the journal again; one that does not fit its store is emptied. Marks are one word
each there, in hexadecimal, so that the tokenizer leaves them whole.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import apsw
import msgspec

from ...ports.lookup import Line, Terms
from ...ports.segments import HistoryRow
from . import files
from .files import Database
from .listings import Listings

T = TypeVar("T")

SUFFIX = "-words"
_LAYOUT = 1
_TABLES = (
    "CREATE VIRTUAL TABLE line USING fts5(words, marks, content='', contentless_delete=1, tokenize=\"unicode61\")",
    "CREATE TABLE come(only INTEGER PRIMARY KEY CHECK(only = 1), upto INT NOT NULL, hash BLOB NOT NULL)",
    "INSERT INTO come VALUES(1, 0, x'')",
    f"PRAGMA user_version = {_LAYOUT}",
)
_ROWS = (
    "SELECT j.id, a.address, j.seq, j.turn, CAST(j.body AS BLOB), CAST(j.hash AS BLOB) FROM json_each(?) i "
    "JOIN journal j ON j.id = i.value JOIN agent a ON a.id = j.agent ORDER BY j.id DESC"
)
_EVERY = "every"
"""A mark that all lines have: a search for what is not there has to begin with something that is."""


class Lookup(Listings):
    """Mixed into ``SqliteStore``."""

    _words: Database | None = None
    _words_lock: threading.Lock

    def open_words(self) -> None:
        """Open the index; empty it if it is not this store's."""
        self._words_lock = threading.Lock()
        path = self.place.path + SUFFIX if self.place.path else ""
        try:
            self._words = self._opened(path)
        except (apsw.NotADBError, apsw.CorruptError):
            for suffix in ("", "-wal", "-shm"):
                if os.path.exists(path + suffix):
                    os.remove(path + suffix)
            self._words = self._opened(path)

    def close_words(self) -> None:
        """Close it."""
        if self._words is not None:
            with self._words_lock:
                self._words.close()
            self._words = None

    async def indexed(self) -> tuple[int, int]:
        (newest,) = next(self.db.execute("SELECT coalesce(max(id), 0) FROM journal"))
        return await self._with_words(_come), newest

    async def index(self, after: int, upto: int, lines: Sequence[Line]) -> bool:
        row = next(iter(self.db.execute("SELECT CAST(hash AS BLOB) FROM journal WHERE id = ?", (upto,))), None)
        hash = row[0] if row else b""

        def work(db: Database) -> bool:
            with db:
                if _come(db) != after:
                    return False
                db.executemany("INSERT INTO line(rowid, words, marks) VALUES(?,?,?)", [_row(line) for line in lines])
                db.execute("UPDATE come SET upto = ?, hash = ?", (upto, hash))
            return True

        return await self._with_words(work)

    async def look_up(self, terms: Terms, before: int, limit: int) -> list[HistoryRow]:
        sql = "SELECT rowid FROM line WHERE line MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?"
        wanted = _match(terms)
        found: list[HistoryRow] = []
        while len(found) < limit:
            want = limit - len(found)
            at = (wanted, before, want)
            ids = [id for (id,) in await self._with_words(lambda db: list(db.execute(sql, at)))]  # noqa: B023
            if not ids:
                break
            names = msgspec.json.encode(ids).decode()
            found += await self.read(lambda db: [HistoryRow(*row) for row in db.execute(_ROWS, (names,))])  # noqa: B023
            before = ids[-1]
            if len(ids) < want:
                break
        return found

    def forget_words(self, ids: Sequence[int]) -> None:
        """Entries are about to be forgotten: their words go first."""
        if self._words is None or not ids:
            return
        with self._words_lock, self._words:
            self._words.executemany("DELETE FROM line WHERE rowid = ?", [(id,) for id in ids])

    async def _with_words(self, work: Callable[[Database], T]) -> T:
        def job() -> T:
            with self._words_lock:
                assert self._words is not None
                return work(self._words)

        try:
            return await asyncio.to_thread(job) if self.place.path else job()
        except apsw.Error as error:
            raise files.translate(error, self.place) from error

    def _opened(self, path: str) -> Database:
        db = files.database(path or ":memory:")
        db.set_busy_timeout(5_000)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA cache_size = -16384")
        (layout,) = next(db.execute("PRAGMA user_version"))
        if layout == _LAYOUT and self._fits(db):
            return db
        with db:
            for name in ("line", "come"):
                db.execute(f"DROP TABLE IF EXISTS {name}")
            for statement in _TABLES:
                db.execute(statement)
        return db

    def _fits(self, db: Database) -> bool:
        """Whether the index is of this journal: it has come no further, and its last entry is the same or forgotten."""
        upto, hash = next(db.execute("SELECT upto, hash FROM come"))
        (newest,) = next(self.db.execute("SELECT coalesce(max(id), 0) FROM journal"))
        row = next(iter(self.db.execute("SELECT CAST(hash AS BLOB) FROM journal WHERE id = ?", (upto,))), None)
        return upto <= newest and (row is None or not hash or row[0] in (hash, b""))


def _come(db: Database) -> int:
    return next(db.execute("SELECT upto FROM come"))[0]


def _row(line: Line) -> tuple[int, str, str]:
    return line.id, line.words, " ".join(map(_hex, (_EVERY, *line.marks)))


def _hex(mark: str) -> str:
    return "x" + mark.encode().hex()


def _match(terms: Terms) -> str:
    """In the words of FTS5."""
    marks = " AND ".join(_hex(mark) for mark in (*terms.marks, *(() if terms.marks else (_EVERY,))))
    said = f"(marks : ({marks}))"
    if terms.begins:
        said += f" AND (marks : {_hex(terms.begins)} *)"
    for phrase in terms.phrases:
        star = " *" if phrase.begins else ""
        words = f'(words : "{" ".join(phrase.words)}"{star})'
        said = f"({said}) NOT {words}" if phrase.without else f"{said} AND {words}"
    return said
