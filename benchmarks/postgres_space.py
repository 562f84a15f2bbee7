"""Disk per waiting agent on PostgreSQL as a store grows: ``python -m benchmarks.postgres_space URL [AGENTS_PER_ROUND]``.

Parks agents in rounds, with a VACUUM of the four tables between them as autovacuum does in time. It makes a schema of its
own and drops it.
"""

from __future__ import annotations

import asyncio
import sys
from urllib.parse import urlsplit, urlunsplit

import holdfast
from benchmarks.heart import agents
from holdfast.adapters.postgres.link import connect
from holdfast.adapters.postgres.place import parse

SCHEMA, ROUNDS = "holdfast_space", 5
_SIZE = """
    SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relkind = 'r'
"""


async def main(server: str, count: int) -> None:
    """Measure, print a line per round."""
    url = urlunsplit(urlsplit(server)._replace(query=f"schema={SCHEMA}"))
    link = await connect(parse(url), hot=False)
    await link.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    async with holdfast.Runtime(agents.ALL, url) as runtime:
        last, parked = int(await link.fetchval(_SIZE, SCHEMA)), 0
        for _ in range(ROUNDS):
            for start in range(parked, parked + count, 1_000):
                await asyncio.gather(*[runtime.send(agents.park[f"w{i}"], i) for i in range(start, start + 1_000)])
            parked += count
            while (stats := await runtime.stats())["waiting"] < parked or stats["in_memory"]:
                await asyncio.sleep(0.1)
            size = int(await link.fetchval(_SIZE, SCHEMA))
            each, overall = (size - last) / count, size / parked
            print(f"{parked:9,} waiting: {each:7.0f} bytes for each new one, {overall:7.0f} for each of all")
            last = size
            for table in ("agent", "message", "wait", "journal"):
                await link.execute(f"VACUUM {SCHEMA}.{table}")
    await link.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    await link.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20_000))
