"""ADR 0001 measured again: drivers, layouts and who writes. `python -m benchmarks.sqlite_drivers`"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import apsw

BODY, HASH = os.urandom(120), os.urandom(32)
LAYOUTS: dict[str, tuple[str, bool]] = {
    "clustered by text agent": (
        "CREATE TABLE j(agent TEXT, seq INT, body, hash, PRIMARY KEY(agent, seq)) WITHOUT ROWID",
        True,
    ),
    "clustered by integer agent": (
        "CREATE TABLE j(agent INT, seq INT, body, hash, PRIMARY KEY(agent, seq)) WITHOUT ROWID",
        False,
    ),
    "appended, text index": (
        "CREATE TABLE j(agent TEXT, seq INT, body, hash); CREATE UNIQUE INDEX i ON j(agent, seq)",
        True,
    ),
    "appended, integer index": (
        "CREATE TABLE j(agent INT, seq INT, body, hash); CREATE UNIQUE INDEX i ON j(agent, seq)",
        False,
    ),
}
INSERT = "INSERT INTO j(agent, seq, body, hash) VALUES(?,?,?,?)"


class Database:
    """One of the two drivers behind the two calls that matter here."""

    def __init__(self, driver: str, path: str, layout: str) -> None:
        if driver == "apsw":
            connection: Any = apsw.Connection(path)
        else:
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.execute = cast(Callable[..., Any], connection.execute)
        self.many = cast(Callable[[str, Sequence[Any]], Any], connection.executemany)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000", "cache_size=-65536"):
            list(self.execute(f"PRAGMA {pragma}"))
        for statement in layout.split(";"):
            self.execute(statement)


def rows_per_s(driver: str, layout: str, text: bool, total: int = 60_000, size: int = 1_000) -> tuple[float, float]:
    """Rows per second and CPU microseconds per row, in transactions of ``size`` rows over 1,000 agents."""
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as folder:
        db = Database(driver, f"{folder}/j.db", layout)
        began, cpu = time.perf_counter(), time.process_time()
        for start in range(0, total, size):
            places = [divmod(start + i, 1_000) for i in range(size)]
            rows = [(f"default/agent/{agent}" if text else agent, seq, BODY, HASH) for seq, agent in places]
            db.execute("BEGIN IMMEDIATE")
            db.many(INSERT, rows)
            db.execute("COMMIT")
        return total / (time.perf_counter() - began), (time.process_time() - cpu) / total * 1e6


def lone_commit_ms(driver: str) -> float:
    """Median milliseconds of a transaction of one row."""
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as folder:
        db = Database(driver, f"{folder}/j.db", LAYOUTS["appended, integer index"][0])
        took: list[float] = []
        for i in range(1_000):
            began = time.perf_counter()
            db.execute("BEGIN IMMEDIATE")
            db.execute(INSERT, (1, i, BODY, HASH))
            db.execute("COMMIT")
            took.append(time.perf_counter() - began)
        return sorted(took)[500] * 1000


def main() -> None:
    """Print all figures."""
    for name, (layout, text) in LAYOUTS.items():
        rate, cpu = rows_per_s("apsw", layout, text)
        print(f"{name:28} {rate:>10,.0f} rows/s  {cpu:5.2f} CPU us/row")
    for driver in ("apsw", "stdlib"):
        print(f"lone commit, {driver:15} {lone_commit_ms(driver):>10.3f} ms")
    busy = threading.Thread(target=_spin, daemon=True)
    busy.start()
    for driver in ("apsw", "stdlib"):
        rate, _ = rows_per_s(driver, *LAYOUTS["clustered by text agent"], total=3_000)
        print(f"beside a busy thread, {driver:6} {rate:>10,.0f} rows/s")


def _spin() -> None:
    while True:
        sum(range(200))


if __name__ == "__main__":
    main()
