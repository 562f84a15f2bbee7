"""Fixtures of all tests: a PostgreSQL that is there wherever the tests run.

``HOLDFAST_TEST_POSTGRES`` says which: a url, or ``wheel`` for a server from the wheel. Without it a server on this machine
is used where one answers, else the wheel. Every test process gets a database of its own and drops it in the end.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import pytest
from hypothesis import settings

from postgres_server import PostgresServer, connect

LOCAL_POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"
DATABASES_LEFT_BEHIND_SECONDS = 24 * 3600

T = TypeVar("T")

settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
settings.register_profile("here", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser comes last: what drives it keeps an event loop in this thread, in which no other test can run its own."""
    items.sort(key=lambda item: "browser" in item.path.parts)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop and a thread of its own, apart from those of the tests."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _execute(url: str, *statements: str) -> None:
    connection = await connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _drop_what_was_left(url: str) -> None:
    """Drop databases of test runs that were killed more than a day ago."""
    connection = await connect(url)
    try:
        for row in await connection.fetch(r"SELECT datname FROM pg_database WHERE datname ~ '^holdfast_test_\d+_'"):
            name = str(row["datname"])
            if int(name.split("_")[2]) < time.time() - DATABASES_LEFT_BEHIND_SECONDS:
                await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def postgres_base() -> Iterator[str]:
    """The url of a database in which other databases can be made; starts a server where none is."""
    named = os.environ.get("HOLDFAST_TEST_POSTGRES", "")
    if named not in ("", "wheel"):
        yield named
        return
    if not named:
        try:
            _run(_execute(LOCAL_POSTGRES, "SELECT 1"))
        except (OSError, TimeoutError, asyncpg.PostgresError):
            pass  # none here, or it does not know us: the wheel it is
        else:
            yield LOCAL_POSTGRES
            return
    server = PostgresServer()
    try:
        server.start()
        yield server.url
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgres_url(postgres_base: str) -> Iterator[str]:
    """The url of an empty database that belongs to this test process; it is dropped in the end."""
    name = f"holdfast_test_{int(time.time())}_{secrets.token_hex(4)}"
    _run(_drop_what_was_left(postgres_base))
    _run(_execute(postgres_base, f'CREATE DATABASE "{name}"'))
    try:
        yield urlunsplit(urlsplit(postgres_base)._replace(path=f"/{name}"))
    finally:
        _run(_execute(postgres_base, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@pytest.fixture
def postgres_server() -> Iterator[PostgresServer]:
    """A running server of this test alone, to be killed, stopped and started again."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()
