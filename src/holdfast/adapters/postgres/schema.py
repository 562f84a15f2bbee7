"""Forward migrations, by number, in one transaction, one process at a time.

Tables change only by a new numbered file. Functions are code: all of them are written anew with every migration.
"""

from __future__ import annotations

import zlib
from importlib.resources import files

from ...domain.errors import Conflict
from .link import Driver
from .place import GONE, Place, translate

VERSION = 7
MIGRATIONS: dict[int, str] = {
    1: "0001_tables.sql",
    2: "0002_ledger.sql",
    3: "0003_segments.sql",
    4: "0004_resources.sql",
    5: "0005_artifacts.sql",
    6: "0006_tenants.sql",
    7: "0007_words.sql",
}
"""Schema version to the file that leads there from the one before."""

FUNCTIONS = (
    "signals.sql",
    "leases.sql",
    "claim.sql",
    "deliver.sql",
    "ledger.sql",
    "resources.sql",
    "commit.sql",
    "reads.sql",
    "retention.sql",
    "segments.sql",
    "lookup.sql",
)


def lock_class(schema: str) -> int:
    """The first number of this store's advisory locks; the second is 0 for migrations, else a session's id."""
    return zlib.crc32(b"holdfast:" + schema.encode()) & 0x7FFF_FFFF


async def migrate(link: Driver, place: Place) -> None:
    """Bring the schema to ``VERSION``. Raises ``Conflict(store.newer_schema)``."""
    try:
        async with link.transaction():
            await link.execute("SELECT pg_advisory_xact_lock($1, 0)", lock_class(place.schema))
            await _migrate(link, place)
    except GONE as error:
        raise translate(error, place) from error


async def _migrate(link: Driver, place: Place) -> None:
    have = 0
    there = await link.fetchval(
        "SELECT to_regclass(format('%I.meta', $1::text)) IS NOT NULL AND to_regnamespace($2) IS NOT NULL",
        place.schema,
        f'"{place.schema}"',
    )
    if there:
        have = await link.fetchval(f"SELECT value FROM \"{place.schema}\".meta WHERE key = 'schema'")
    if have > VERSION:
        raise Conflict(
            "store.newer_schema",
            f"The store {place.shown} has schema {have}; this Holdfast knows up to {VERSION}. "
            "Nothing was changed. Use the Holdfast that wrote it, or a newer one.",
            have=have,
            known=VERSION,
        )
    if have == VERSION:
        return
    if not await link.fetchval("SELECT to_regnamespace($1) IS NOT NULL", f'"{place.schema}"'):
        await link.execute(f'CREATE SCHEMA "{place.schema}"')
    if not there:
        await link.execute("CREATE TABLE meta (key text PRIMARY KEY, value bigint NOT NULL)")
    for version in range(have + 1, VERSION + 1):
        await link.execute(_sql(MIGRATIONS[version]))
    for name in FUNCTIONS:
        await link.execute(_sql(name))
    await link.execute("INSERT INTO meta VALUES ('schema', $1) ON CONFLICT (key) DO UPDATE SET value = $1", VERSION)


def _sql(name: str) -> str:
    return files(__name__.rpartition(".")[0]).joinpath("sql", name).read_text("utf-8")
