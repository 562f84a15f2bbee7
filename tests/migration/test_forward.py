"""A store of an older schema is brought forward when it is opened, with everything in it, or not at all.

There is only one schema so far, so the tests add a second one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast import Agent, Conflict, Context, Runtime
from holdfast.adapters.postgres import schema as postgres
from holdfast.adapters.sqlite import schema as sqlite
from holdfast.domain.errors import HoldfastError

counter = Agent("counter")
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


def second_schema(patch: pytest.MonkeyPatch, statements: str) -> None:
    """Pretend that this Holdfast is a later one."""
    read = postgres._sql  # pyright: ignore[reportPrivateUsage]

    def sql(name: str) -> str:
        return statements if name == "0002.sql" else read(name)

    for module, change in ((sqlite, statements), (postgres, "0002.sql")):
        migrations: dict[int, Any] = {**module.MIGRATIONS, 2: change}
        patch.setattr(module, "VERSION", 2)
        patch.setattr(module, "MIGRATIONS", migrations)
    patch.setattr(postgres, "_sql", sql)


async def test_what_waits_in_an_old_store_goes_on_in_the_new_one(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Runtime([counter], url) as runtime:
        assert await runtime.call(counter["1"].add, 2) == 2
        await runtime.options(key="waits").send(counter["2"].listen)
    with monkeypatch.context() as patch:
        second_schema(patch, CHANGE)
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
        second_schema(patch, BROKEN)
        with pytest.raises(HoldfastError):
            await Runtime([counter], url).start()
    async with Runtime([counter], url) as runtime:
        assert await runtime.call(counter["1"].add, 1) == 3
