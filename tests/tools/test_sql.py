"""SQL tools on real databases: what they answer, and that reading is all that reading may do."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import apsw
import pytest

from holdfast import Agent, HoldfastError, ToolFailed
from holdfast.adapters.databases import open_database
from holdfast.adapters.system import SystemClock
from holdfast.tools import Tool, sql_tools
from holdfast.tools.host import Calling, ToolHost
from postgres_server import connect
from tool_ground import calling, results, running

SHOP = """
CREATE TABLE customers (id integer PRIMARY KEY, name text NOT NULL, secret text);
CREATE TABLE orders (id integer PRIMARY KEY, customer integer, cents integer);
CREATE INDEX by_customer ON orders (customer);
CREATE VIEW big AS SELECT * FROM orders WHERE cents > 100;
INSERT INTO customers VALUES (1, 'Ada', 's1'), (2, 'Bo', 's2');
INSERT INTO orders VALUES (1, 1, 50), (2, 1, 500), (3, 2, 700);
"""
POSTGRES_MORE = """
CREATE SEQUENCE numbers;
CREATE FUNCTION sneaky() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; RETURN 1; END $$;
CREATE FUNCTION unlock() RETURNS int LANGUAGE plpgsql AS $$
BEGIN SET transaction_read_only = off; DELETE FROM orders; RETURN 1; END $$;
"""


class Shop:
    """A database with a shop in it, and its tools."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.host = ToolHost(SystemClock(), None, open_database)

    def tools(self, **how: Any) -> tuple[Tool, Tool]:
        query, schema = sql_tools(self.url, **how)
        return query, schema

    async def ask(self, sql: str, **how: Any) -> Any:
        return await self.call(self.tools(**how)[0], sql=sql)

    async def call(self, tool: Tool, **given: Any) -> Any:
        return await tool.call(Calling(self.host, lambda what: None, "k"), **given)

    async def refused(self, sql: str, **how: Any) -> str:
        with pytest.raises(ToolFailed) as caught:
            await self.ask(sql, **how)
        return str(caught.value)

    async def untouched(self) -> bool:
        found = await self.ask("SELECT count(*), sum(cents) FROM orders")
        return found["rows"] == [[3, 1250]]


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncGenerator[Shop]:
    file = tmp_path / "shop.db"
    connection: Any = apsw.Connection(str(file))
    connection.execute(SHOP)
    connection.close()
    shop = Shop(f"sqlite:///{file}")
    yield shop
    await shop.host.close()


@pytest.fixture
async def postgres(postgres_base: str) -> AsyncGenerator[Shop]:
    name = f"holdfast_test_{int(time.time())}_{secrets.token_hex(4)}"
    base = await connect(postgres_base)
    await base.execute(f"CREATE DATABASE {name}")
    url = urlunsplit(urlsplit(postgres_base)._replace(path=f"/{name}"))
    connection = await connect(url)
    await connection.execute(SHOP + POSTGRES_MORE)
    await connection.close()
    shop = Shop(url)
    yield shop
    await shop.host.close()
    await base.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await base.close()


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest) -> Shop:
    return request.getfixturevalue(request.param)


async def test_it_answers_and_shows_what_there_is(shop: Shop) -> None:
    found = await shop.ask("SELECT name, cents FROM customers c JOIN orders o ON o.customer = c.id ORDER BY cents;")
    assert found == {"columns": ["name", "cents"], "rows": [["Ada", 50], ["Ada", 500], ["Bo", 700]]}
    _, schema = shop.tools()
    tables = (await shop.call(schema))["tables"]
    assert set(tables) == {"customers", "orders", "big"}
    assert tables["customers"][0].startswith("id integer") and tables["customers"][0].endswith("primary key")
    assert "name text not null" in tables["customers"]
    assert list((await shop.call(schema, table="orders"))["tables"]) == ["orders"]
    with pytest.raises(ToolFailed, match="There are: "):
        await shop.call(schema, table="nothing")
    assert (await shop.ask("EXPLAIN SELECT 1"))["rows"]
    assert (await shop.ask("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3) SELECT * FROM n"))[
        "rows"
    ] == [[1], [2], [3]]


async def test_answers_are_bounded(shop: Shop) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000) SELECT i FROM n"
    found = await shop.ask(many, max_rows=5)
    assert found["rows"] == [[1], [2], [3], [4], [5]] and "more than these 5" in found["more"]
    found = await shop.ask(many, max_rows=1000)
    assert len(found["rows"]) == 1000 and "more" not in found
    found = await shop.ask(many, max_rows=1000, max_bytes=100)
    assert len(found["rows"]) < 40 and "more" in found
    long = "replace(hex(zeroblob(5000)), '00', 'x')" if shop.url.startswith("sqlite") else "repeat('x', 5000)"
    found = await shop.ask(f"SELECT {long}", max_bytes=200)
    assert len(found["rows"][0][0]) < 300 and "5,000 characters" in found["rows"][0][0]


async def test_what_is_wrong_is_said_to_the_model(shop: Shop) -> None:
    assert "nothing" in await shop.refused("SELECT * FROM nothing")
    assert "syntax" in await shop.refused("SELEKT 1")
    assert await shop.refused("")
    assert await shop.refused("  -- nothing\n")
    query, _ = shop.tools()
    with pytest.raises(ToolFailed):
        await shop.call(query, sql=7)


READ_ONLY_TRICKS = [
    "DELETE FROM orders",
    "INSERT INTO orders VALUES (9, 9, 9)",
    "UPDATE orders SET cents = 0",
    "DROP TABLE orders",
    "CREATE TABLE t (a int)",
    "SELECT 1; DELETE FROM orders",
    "DELETE FROM orders; SELECT 1",
    "DELETE FROM orders RETURNING id",
    "COMMIT; DELETE FROM orders",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT a",
    "BEGIN",
    "VACUUM",
]
SQLITE_TRICKS = [
    "PRAGMA query_only = 0",
    "PRAGMA writable_schema = 1",
    "PRAGMA journal_mode = DELETE",
    "ATTACH ':memory:' AS m",
    "ATTACH '/etc/passwd' AS m",
    "DETACH main",
    "WITH a AS (SELECT 1) DELETE FROM orders",
    "SELECT load_extension('x')",
    "CREATE TEMP TABLE t (a)",
    "REINDEX",
    "ANALYZE",
    "CREATE VIRTUAL TABLE f USING fts5(a)",
]
POSTGRES_TRICKS = [
    "WITH a AS (DELETE FROM orders RETURNING *) SELECT * FROM a",
    "SELECT sneaky()",
    "SELECT unlock()",
    "SELECT nextval('numbers')",
    "SELECT set_config('transaction_read_only', 'off', true), sneaky()",
    "SELECT set_config('default_transaction_read_only', 'off', false), sneaky()",
    "SET TRANSACTION READ WRITE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SET statement_timeout = 0",
    "RESET ALL",
    "DO $$ BEGIN DELETE FROM orders; END $$",
    "DO $$ BEGIN COMMIT; DELETE FROM orders; END $$",
    "COPY orders TO '/tmp/orders.txt'",
    "COPY orders TO PROGRAM 'cat > /tmp/orders.txt'",
    "COPY orders FROM PROGRAM 'echo 1'",
    "COPY (SELECT 1) TO STDOUT",
    "LOCK TABLE orders",
    "LISTEN x",
    "NOTIFY x",
    "SELECT * FROM orders FOR UPDATE",
    "EXPLAIN ANALYZE DELETE FROM orders",
    "CALL nothing()",
    "PREPARE p AS DELETE FROM orders",
    "DECLARE c CURSOR FOR SELECT 1",
    "SELECT * INTO t FROM orders",
    "CREATE TEMP TABLE t AS SELECT 1",
]


async def test_reading_is_all_that_reading_may_do(shop: Shop) -> None:
    more = SQLITE_TRICKS if shop.url.startswith("sqlite") else POSTGRES_TRICKS
    for trick in [*READ_ONLY_TRICKS, *more]:
        assert await shop.refused(trick), trick
        assert await shop.untouched(), trick
    if more is POSTGRES_TRICKS:  # allowed by some versions, and gone with its transaction
        assert (await shop.ask("SELECT lo_create(0)"))["rows"]
        assert (await shop.ask("SELECT count(*) FROM pg_largeobject_metadata"))["rows"] == [[0]]
    found = await shop.tools()[1].call(Calling(shop.host, lambda what: None, ""))
    assert set(found["tables"]) == {"customers", "orders", "big"}


async def test_writing_is_granted_and_its_transaction_is_one_statement(shop: Shop) -> None:
    query, _ = shop.tools(write=True)
    assert (query.effects, query.idempotent, query.declared.named("destination")) == (True, False, ("sql",))
    assert (await shop.ask("UPDATE orders SET cents = cents + 1 WHERE customer = 1", write=True))["changed"] == 2
    found = await shop.ask("DELETE FROM orders WHERE id = 3 RETURNING id", write=True)
    assert found["rows"] == [[3]] and found["changed"] == 1
    assert (await shop.ask("SELECT count(*) FROM orders"))["rows"] == [[2]]
    for trick in ("DELETE FROM orders; SELECT 1", "DELETE FROM orders; COMMIT", "DELETE FROM nothing"):
        assert await shop.refused(trick, write=True), trick
    assert (await shop.ask("SELECT count(*) FROM orders"))["rows"] == [[2]]
    plain, _ = shop.tools()
    assert (plain.effects, plain.idempotent) == (False, True)


async def test_writing_in_sqlite_stays_in_its_file(sqlite: Shop, tmp_path: Path) -> None:
    for trick in (
        f"ATTACH '{tmp_path}/other.db' AS o",
        f"VACUUM INTO '{tmp_path}/other.db'",
        "PRAGMA journal_mode = OFF",
        "COMMIT",
    ):
        assert await sqlite.refused(trick, write=True), trick
    assert not (tmp_path / "other.db").exists()


async def test_only_the_tables_that_are_named(sqlite: Shop) -> None:
    assert (await sqlite.ask("SELECT sum(cents) FROM orders", tables=["orders"]))["rows"] == [[1250]]
    for trick in ("SELECT * FROM customers", "SELECT (SELECT secret FROM customers) FROM orders", "SELECT * FROM big"):
        assert "Only these tables" in await sqlite.refused(trick, tables=["orders"]), trick
    assert "Only these tables" in await sqlite.refused("DELETE FROM customers", tables=["orders"], write=True)
    assert "Only these tables" in await sqlite.refused("CREATE TABLE t(a)", tables=["orders"], write=True)
    assert set((await sqlite.call(sqlite.tools(tables=["orders"])[1]))["tables"]) == {"orders"}


async def test_in_postgresql_the_login_must_see_no_more_than_is_named(postgres: Shop) -> None:
    with pytest.raises(HoldfastError) as caught:
        await postgres.ask("SELECT 1", tables=["orders"])
    assert caught.value.code == "sql.tables" and "GRANT SELECT ON orders" in caught.value.message
    connection = await connect(postgres.url)
    role = f"reader_{postgres.url.rpartition('/')[2].replace('-', '_')}"
    await connection.execute(f"CREATE ROLE {role} LOGIN; GRANT SELECT ON orders TO {role}")
    try:
        if not await connection.fetchval("SELECT count(*) FROM pg_hba_file_rules WHERE 'trust' = auth_method"):
            pytest.skip("this server lets nobody in without a password")
        rest = postgres.url.partition("://")[2].rpartition("@")[2]
        narrow = Shop(f"postgresql://{role}@{rest}")
        try:
            assert (await narrow.ask("SELECT sum(cents) FROM orders", tables=["orders"]))["rows"] == [[1250]]
            assert "permission denied" in await narrow.refused("SELECT * FROM customers", tables=["orders"])
            trick = "SELECT query_to_xml('SELECT * FROM customers', true, true, '')"
            assert "permission denied" in await narrow.refused(trick, tables=["orders"])
        finally:
            await narrow.host.close()
    finally:
        await connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
        await connection.close()


async def test_a_statement_has_its_time(shop: Shop) -> None:
    forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"
    tricks = [forever] if shop.url.startswith("sqlite") else [
        "SELECT pg_sleep(60)", forever,
        "SELECT set_config('statement_timeout', '0', false), pg_sleep(60)",
    ]  # fmt: skip
    for trick in tricks:
        assert "longer than 0.3 s" in await shop.refused(trick, timeout_seconds=0.3)
    assert await shop.untouched()


async def test_a_cancelled_statement_is_stopped(shop: Shop) -> None:
    forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"
    asking = asyncio.create_task(shop.ask(forever, timeout_seconds=60))
    done, _ = await asyncio.wait([asking], timeout=0.2)
    assert not done
    asking.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert await shop.untouched()


async def test_values_come_as_plain_ones(postgres: Shop) -> None:
    found = await postgres.ask(
        "SELECT 1.50::numeric, '2026-01-02'::date, '2026-01-02 03:04:05+00'::timestamptz, '\\x0102'::bytea, NULL, true, "
        "ARRAY[1,2], '{\"a\": 1}'::jsonb, 'NaN'::float8, '1 day'::interval, int4range(1, 3), "
        "'6f1c3cf5-5ad1-4d77-8ba8-6cbe1d0d8a3d'::uuid"
    )
    values = found["rows"][0]
    assert values[:7] == ["1.50", "2026-01-02", "2026-01-02T03:04:05Z", "\\x0102", None, True, [1, 2]]
    assert values[7] == '{"a": 1}' and values[11] == "6f1c3cf5-5ad1-4d77-8ba8-6cbe1d0d8a3d"


async def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    for url, why in ((f"sqlite:///{tmp_path}/no.db", "no file"), ("postgresql://x@127.0.0.1:1/x", "refused|Connect")):
        shop = Shop(url)
        with pytest.raises(Exception, match=why):
            await shop.ask("SELECT 1")
        await shop.host.close()
    assert not (tmp_path / "no.db").exists()
    for wrong in ("mysql://x", "orders.db"):
        with pytest.raises(HoldfastError) as caught:
            sql_tools(wrong)
        assert caught.value.code == "sql.url"


async def test_an_agent_asks_a_database(shop: Shop) -> None:
    agent = Agent("a", model="m", tools=sql_tools(shop.url, about="A shop."))
    script = calling(
        ("schema", {}), ("query", {"sql": "SELECT count(*) AS n FROM orders"}), ("query", {"sql": "DROP TABLE orders"})
    )
    async with running([agent], script) as (runtime, vendor):
        assert await runtime.call(agent["1"].chat, "how many orders?") == "done"
        schema, count, drop = results(vendor)
        assert '"orders"' in schema and count == '{"columns":["n"],"rows":[[3]]}' and drop.startswith("Error: ")
    assert await shop.untouched()
