"""A store of an older schema is brought forward when it is opened, with everything in it, or not at all.

Schemas that there have been are recorded (``store-1-sqlite.json``, by ``record.py``); the one that comes next is invented.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import pytest

from holdfast import Agent, Conflict, Context, Runtime
from holdfast.adapters.postgres import schema as postgres
from holdfast.adapters.postgres.link import connect
from holdfast.adapters.postgres.place import parse
from holdfast.adapters.sqlite import files
from holdfast.adapters.sqlite import schema as sqlite
from holdfast.domain.errors import HoldfastError
from holdfast.ports.ledger import UsageRow
from holdfast.ports.resources import Change, Tally
from holdfast.ports.store import INSTALLATION, UNCLAIMED, Commit
from tests.migration import old_agents
from tests.migration.record import picture

counter = Agent("counter")
HERE = Path(__file__).parent
NEXT = sqlite.VERSION + 1
CHANGE = "ALTER TABLE agent ADD COLUMN later integer NOT NULL DEFAULT 7"
BROKEN = CHANGE + "; ALTER TABLE nothing ADD COLUMN later integer"


@counter.handler
async def add(ctx: Context, amount: int) -> int:
    total = await ctx.state.get("total", 0) + amount
    await ctx.state.set("total", total)
    return total


@counter.handler
async def listen(ctx: Context) -> str:
    return await ctx.wait("news")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for a store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/old.db"
    return f"{request.getfixturevalue('postgres_url')}?schema=forward_{abs(hash(tmp_path))}"


def next_schema(patch: pytest.MonkeyPatch, statements: str) -> None:
    """Pretend that this Holdfast is a later one."""
    read = postgres._sql  # pyright: ignore[reportPrivateUsage]

    def sql(name: str) -> str:
        return statements if name == "next.sql" else read(name)

    for module, change in ((sqlite, statements), (postgres, "next.sql")):
        migrations: dict[int, Any] = {**module.MIGRATIONS, NEXT: change}
        patch.setattr(module, "VERSION", NEXT)
        patch.setattr(module, "MIGRATIONS", migrations)
    patch.setattr(postgres, "_sql", sql)


async def plant(url: str, version: int, patch: pytest.MonkeyPatch) -> None:
    """Make a store of an old schema with the rows that were recorded."""
    with patch.context() as then:
        for module in (sqlite, postgres):
            then.setattr(module, "VERSION", version)
        await (_plant_sqlite(url, version) if url.startswith("sqlite:") else _plant_postgres(url, version))


async def _plant_sqlite(url: str, version: int) -> None:
    db = files.connect(files.parse(url))
    sqlite.migrate(db, url)
    for table, found in _recorded(f"store-{version}-sqlite.json"):
        marks = ",".join("?" * len(found["columns"]))
        db.executemany(f'INSERT OR REPLACE INTO "{table}"({_names(found)}) VALUES({marks})', found["rows"])
    db.close()


async def _plant_postgres(url: str, version: int) -> None:
    place = parse(url)
    link = await connect(place, hot=False)
    await postgres.migrate(link, place)
    for table, found in _recorded(f"store-{version}-postgres.json"):
        marks = ",".join(f"${n + 1}" for n in range(len(found["columns"])))
        for row in found["rows"]:
            try:
                sql = f'INSERT INTO "{table}" ({_names(found)}) OVERRIDING SYSTEM VALUE VALUES ({marks})'
                await link.execute(sql, *row)
            except asyncpg.UniqueViolationError:
                assert table == "meta"
        if "id" in found["columns"]:
            await link.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1000)")
    # as that schema had it: this one's has another number of parameters
    await link.execute("CREATE FUNCTION apply_commits(p integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    await link.close()


def _recorded(name: str) -> list[tuple[str, dict[str, Any]]]:
    recorded: dict[str, dict[str, Any]] = json.loads((HERE / name).read_text("utf-8"))
    for found in recorded.values():
        found["rows"] = [[_value(value) for value in row] for row in found["rows"]]
    return list(recorded.items())


def _value(written: Any) -> Any:
    return bytes.fromhex(str(written["hex"])) if isinstance(written, dict) else written  # type: ignore[index]


def _version_of(name: str) -> str:
    """The version of the code that the recorded turns began on."""
    found = dict(_recorded(name))["definition"]
    return next(str(version) for name, version, *_ in found["rows"] if name == "counter")


def _names(found: dict[str, Any]) -> str:
    return ", ".join(f'"{column}"' for column in found["columns"])


@pytest.mark.parametrize("version", range(1, sqlite.VERSION))
async def test_a_recorded_store_goes_on(url: str, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    await plant(url, version, monkeypatch)
    # how code is hashed may have changed since; what it does has not
    monkeypatch.setattr(old_agents.counter.definition, "version", _version_of(f"store-{version}-sqlite.json"))
    for again in (1, 2):  # the second time there is nothing left to do
        async with Runtime([old_agents.counter], url) as runtime:
            assert await runtime.call(old_agents.counter["1"].add, 1) == 2 + again
            assert (await runtime.describe("counter/3")).mode == "paused"
    async with Runtime([old_agents.counter], url) as runtime:
        await runtime.signal("counter/2", "news", "news")
        assert await runtime.options(key="waits").call(old_agents.counter["2"].listen) == "heard nothing, then news"
        await runtime.resume("counter/3")
        assert await runtime.call(old_agents.counter["3"].add, 1) == 6
        assert await runtime.store.artifact(INSTALLATION, "code") == b"zip\0"
        assert ("old", "code") in [(d.name, d.source) for d in await runtime.store.definitions()]
        await runtime.store.commit("", [Commit(usage=[UsageRow(1, "default/counter/1", nanos=5)])])
        assert [row.nanos for row in await runtime.store.cost()] == [5]
        assert [(b.name, b.note) for b in await runtime.store.budgets()] == ([("daily", "kept")] if version >= 2 else [])
        assert await runtime.store.apply_resources([Change("Policy", "a", "", b"{}")], "ann", "", 1) == 1
        assert await runtime.store.tally([Tally("k", "1", 1, 1000)], 5) == [1.0]
        if version == 5:
            await _pictures_are_whose_they_are(runtime)


async def _pictures_are_whose_they_are(runtime: Runtime) -> None:
    keys = [hashlib.sha256(picture(name).data).hexdigest() for name in (b"shared", b"own")] + ["f" * 64]
    found = {
        tenant: [await runtime.store.artifact(tenant, key) for key in keys] for tenant in ("default", "acme", UNCLAIMED)
    }
    shared, own = picture(b"shared").data, picture(b"own").data
    assert found == {"default": [shared, None, None], "acme": [shared, own, None], UNCLAIMED: [None] * 3}


@pytest.mark.parametrize("sealed", [False, True])
async def test_pictures_of_a_store_with_one_tenant_are_its(url: str, sealed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    await plant(url, 5, monkeypatch)
    own = hashlib.sha256(picture(b"own").data).hexdigest()
    if url.startswith("sqlite:"):
        with closing(files.connect(files.parse(url))) as db:
            db.execute("UPDATE agent SET address = replace(address, 'acme/', 'default/x')")
    else:
        link = await connect(parse(url), hot=False)
        await link.execute("UPDATE agent SET address = replace(address, 'acme/', 'default/x')")
        await link.close()
    async with Runtime([counter], url, seal=Unreadable() if sealed else None) as runtime:  # nothing has to be read
        assert await runtime.store.artifact("default", own) == picture(b"own").data
        assert await runtime.store.artifact("default", "f" * 64) == b"by nobody"


class Unreadable:
    def seal(self, body: bytes) -> bytes:
        return body

    def open(self, body: bytes) -> bytes:
        raise AssertionError("what is kept was read")


async def test_what_waits_in_an_old_store_goes_on_in_the_new_one(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Runtime([counter], url) as runtime:
        assert await runtime.call(counter["1"].add, 2) == 2
        await runtime.options(key="waits").send(counter["2"].listen)
    with monkeypatch.context() as patch:
        next_schema(patch, CHANGE)
        for _ in range(2):  # the second time there is nothing left to do
            async with Runtime([counter], url) as runtime:
                await runtime.call(counter["1"].add, 1)
        async with Runtime([counter], url) as runtime:
            assert await runtime.call(counter["1"].add, 0) == 4
            await runtime.signal("counter/2", "news", "came")
            assert await runtime.options(key="waits").call(counter["2"].listen) == "came"
    with pytest.raises(Conflict) as caught:  # and the old Holdfast leaves it alone
        await Runtime([counter], url).start()
    assert caught.value.code == "store.newer_schema"


async def test_a_migration_that_fails_changes_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Runtime([counter], url) as runtime:
        await runtime.call(counter["1"].add, 2)
    with monkeypatch.context() as patch:
        next_schema(patch, BROKEN)
        with pytest.raises(HoldfastError):
            await Runtime([counter], url).start()
    async with Runtime([counter], url) as runtime:
        assert await runtime.call(counter["1"].add, 1) == 3
