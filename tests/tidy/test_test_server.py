"""The tests' own PostgreSQL does what the tests that crash it rely on."""

from __future__ import annotations

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import psutil
import pytest

from postgres_server import PostgresServer, connect


async def test_what_was_committed_is_there_after_a_kill_and_a_restart(postgres_server: PostgresServer) -> None:
    connection = await connect(postgres_server.url)
    await connection.execute("CREATE TABLE t (x int); INSERT INTO t VALUES (1)")
    pid = postgres_server.pid

    postgres_server.kill()

    assert not psutil.pid_exists(pid)
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await connection.execute("SELECT 1")

    postgres_server.start()
    connection = await connect(postgres_server.url)
    assert await connection.fetchval("SELECT count(*) FROM t") == 1
    await connection.close()


async def test_every_test_process_has_an_empty_database_of_its_own(postgres_url: str) -> None:
    connection = await connect(postgres_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.close()
    assert name.startswith("holdfast_test_")
