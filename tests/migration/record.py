"""Record what a store of today's schema holds: `python -m tests.migration.record URL tests/migration/store-1-sqlite.json`.

Run it once per schema and store, with the last code that writes that schema: a record is never made again.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from holdfast import Limits, Runtime
from holdfast.adapters.postgres.link import connect
from holdfast.adapters.postgres.place import parse
from holdfast.adapters.sqlite import files
from holdfast.domain.conversation import Media
from holdfast.ports.ledger import Bounds, Budget
from holdfast.ports.store import Definition
from tests.migration.old_agents import album, counter

Rows = dict[str, dict[str, Any]]
"""Table to its columns and rows; bytes are written as {"hex": ...}."""

_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = $1 ORDER BY 1"
_COLUMNS = """
    SELECT column_name FROM information_schema.columns
    WHERE table_schema = $1 AND table_name = $2 AND is_generated = 'NEVER' ORDER BY ordinal_position
"""


def picture(name: bytes) -> Media:
    """One that is too large to stay in a message of ``fill``."""
    return Media("image/png", data=name * 100)


async def fill(url: str) -> None:
    """State, a turn that waits, a message that nobody has taken yet, a subscription, code, pictures of two tenants."""
    async with Runtime([counter, album], url, limits=Limits(media_bytes=100)) as runtime:
        await runtime.call(counter["1"].add, 2)
        await runtime.options(key="waits").send(counter["2"].listen)
        while (await runtime.describe("counter/2")).doing != "waiting for event":
            await asyncio.sleep(0.01)
        await runtime.call(counter["3"].add, 0)
        await runtime.pause("counter/3")
        await runtime.send(counter["3"].add, 5)
        await runtime.store.set_budget(Budget("daily", "system", "day", Bounds(nanos=5), note="kept"))
        await runtime.store.publish([Definition("old", "v1", {"x": {}}, 1, "code")], {"code": b"zip\0"})
        for tenant, name in (("default", b"shared"), ("acme", b"shared"), ("acme", b"own")):
            await runtime.call(album.of(name.decode(), tenant).put, picture(name))
        await runtime.store.keep("default", {"f" * 64: b"by nobody"}, 5)
        await asyncio.sleep(0.2)


async def record(url: str) -> Rows:
    """Fill a new store and read its tables."""
    await fill(url)
    return _sqlite(url) if url.startswith("sqlite:") else await _postgres(url)


def _sqlite(url: str) -> Rows:
    db = files.connect(files.parse(url), read_only=True)
    found: Rows = {}
    for (table,) in list(db.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")):
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        rows = [[_plain(v) for v in row] for row in db.execute(f'SELECT * FROM "{table}"')]
        found[table] = {"columns": columns, "rows": rows}
    return found


async def _postgres(url: str) -> Rows:
    place = parse(url)
    link = await connect(place, hot=False)
    found: Rows = {}
    for (table,) in await link.fetch(_TABLES, place.schema):
        columns = [row[0] for row in await link.fetch(_COLUMNS, place.schema, table)]
        names = ", ".join(f'"{c}"' for c in columns)
        rows = [[_plain(v) for v in row] for row in await link.fetch(f'SELECT {names} FROM "{table}"')]
        found[table] = {"columns": columns, "rows": rows}
    await link.close()
    return found


def _plain(value: Any) -> Any:
    return {"hex": value.hex()} if isinstance(value, bytes) else value


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(asyncio.run(record(sys.argv[1])), indent=1) + "\n")
