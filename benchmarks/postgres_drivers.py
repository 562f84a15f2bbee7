"""asyncpg against psycopg 3 on the very call that the PostgreSQL store makes: one ``apply_commits`` per batch.

    python -m benchmarks.postgres_drivers postgresql://postgres@127.0.0.1/test

needs both drivers (``pip install asyncpg 'psycopg[binary]'``). It makes a schema of its own and drops it. The figures are in
docs/adr/0003-postgresql-driver.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from holdfast.adapters.postgres import PostgresStore
from holdfast.adapters.postgres.batch import PARAMETERS, Batch
from holdfast.adapters.postgres.link import connect
from holdfast.adapters.postgres.place import parse
from holdfast.ports.store import Commit, EntryRow, Lease, Worker

AGENTS, BATCHES, LONE = 1_000, 60, 1_000
Call = Callable[[list[Any]], Awaitable[Any]]


class Journals:
    """Builds the next batch for some of the agents."""

    def __init__(self, session: int, leases: list[Lease]) -> None:
        self._session = session
        self._leases = leases
        self._seq = [lease.seq for lease in leases]

    def batch(self, agents: int) -> list[Any]:
        """The arguments of one call: one entry of 120 bytes for each of the first agents."""
        batch = Batch(None, {})
        for n, lease in enumerate(self._leases[:agents]):
            self._seq[n] += 1
            row = EntryRow(self._seq[n], 1, os.urandom(120), hashlib.sha256(b"").digest())
            batch.add(n, Commit(lease=lease, entries=[row]))
        return batch.arguments(self._session, 10_000, 0)


async def measure(name: str, call: Call, journals: Journals) -> None:
    """Batches of 1000 commits with one entry, then lone commits."""
    for _ in range(10):
        await call(journals.batch(AGENTS))
    walls: list[float] = []
    cpus: list[float] = []
    for _ in range(BATCHES):
        arguments = journals.batch(AGENTS)
        cpu, wall = time.process_time(), time.perf_counter()
        await call(arguments)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    lone: list[float] = []
    lone_cpu = time.process_time()
    for _ in range(LONE):
        arguments = journals.batch(1)
        wall = time.perf_counter()
        await call(arguments)
        lone.append(time.perf_counter() - wall)
    lone_cpu = (time.process_time() - lone_cpu) / LONE
    middle = statistics.median(walls)
    print(
        f"{name:<26} batch of {AGENTS}: {middle * 1e3:6.2f} ms = {AGENTS / middle:9,.0f} entries/s, "
        f"client CPU {statistics.median(cpus) * 1e3:5.2f} ms | lone: p50 {statistics.median(lone) * 1e3:.3f} ms "
        f"p99 {sorted(lone)[LONE * 99 // 100] * 1e3:.3f} ms, client CPU {lone_cpu * 1e3:.3f} ms"
    )


async def main(server: str) -> None:
    """Both drivers in turns, twice, so that a busy moment of the machine shows."""
    url = urlunsplit(urlsplit(server)._replace(query="schema=holdfast_drivers"))
    admin = await connect(parse(url), hot=False)
    await admin.execute("DROP SCHEMA IF EXISTS holdfast_drivers CASCADE")
    store = PostgresStore(url)
    await store.open()
    token = await store.enlist(Worker("drivers", {"a": ("1",)}, lease_seconds=3600), lambda _: None)
    leases = [lease for lease in await store.lease(token, [f"default/a/{n}" for n in range(AGENTS)]) if lease]
    ours = await connect(parse(url), hot=True)
    arguments = "SELECT unnest(proargtypes)::regtype::text FROM pg_proc WHERE oid = 'apply_commits'::regproc"
    types = [t for (t,) in await ours.fetch(arguments)]
    journals = Journals(await ours.fetchval("SELECT id FROM session"), leases)
    theirs = await import_module("psycopg").AsyncConnection.connect(server, autocommit=True)
    for setting, value in (("search_path", "holdfast_drivers"), ("plan_cache_mode", "force_generic_plan"), ("jit", "off")):
        await theirs.execute(f"SET {setting} = {value}")
    for planner in ("seqscan", "hashjoin", "mergejoin", "bitmapscan"):
        await theirs.execute(f"SET enable_{planner} = off")
    asyncpg_sql = f"SELECT * FROM apply_commits({', '.join(f'${n + 1}' for n in range(PARAMETERS))})"
    psycopg_sql = f"SELECT * FROM apply_commits({', '.join(f'%b::{t}' for t in types)})"
    print((await ours.fetchval("SELECT version()")).partition(" (")[0], type(asyncio.get_running_loop()).__module__)

    async def with_asyncpg(arguments: list[Any]) -> Any:
        answer = await ours.fetchrow(asyncpg_sql, *arguments)
        assert answer["verdict"] is None, answer
        return answer

    async def with_psycopg(arguments: list[Any]) -> Any:
        cursor = await theirs.execute(psycopg_sql, arguments, prepare=True, binary=True)
        return await cursor.fetchone()

    for _ in range(2):
        await measure("asyncpg", with_asyncpg, journals)
        await measure("psycopg 3 (binary, C)", with_psycopg, journals)
    await theirs.close()
    await ours.close()
    await store.close()
    await admin.execute("DROP SCHEMA holdfast_drivers CASCADE")
    await admin.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
