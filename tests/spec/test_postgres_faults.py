"""PostgreSQL and what can go wrong with it: connections cut at any moment, servers that stop, workers that die or stall."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import pytest

from holdfast.adapters.postgres import PostgresStore
from holdfast.domain.errors import Conflict, NotFound, Rejected, Unavailable
from holdfast.domain.limits import Limits
from holdfast.domain.message import Status
from holdfast.ports.store import Commit, Worker
from holdfast.testing.contracts.case import NOW, Member, agent, send
from holdfast.testing.contracts.segments import cover, names
from postgres_server import Connection, PostgresServer, connect

T = TypeVar("T")

_SCHEMAS = itertools.count(1)


@pytest.fixture
def url(postgres_url: str) -> str:
    """An empty store on the shared server."""
    return f"{postgres_url}?schema=fault_{next(_SCHEMAS)}"


@contextlib.asynccontextmanager
async def opened(url: str, limits: Limits | None = None) -> AsyncGenerator[PostgresStore]:
    """A store for one block."""
    store = PostgresStore(url, limits)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def enlisted(store: PostgresStore, name: str = "one") -> Member:
    """A session that serves ``counter``."""
    member = Member(store)
    member.token = await store.enlist(Worker(name, {"counter": ("v1",)}, lease_seconds=60), member.signals.append)
    return member


async def operator(url: str) -> Connection:
    """A connection of our own, to look and to do harm with."""
    place = urlsplit(url)
    link = await connect(urlunsplit(place._replace(query="")))
    await link.execute(f'SET search_path = "{place.query.removeprefix("schema=")}"')
    return link


async def cut(link: Connection, *, waiting: bool = False) -> int:
    """Terminate the store's connections (only those that wait for a lock, if asked); how many there were."""
    only = "AND wait_event_type = 'Lock'" if waiting else ""
    rows = await link.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE application_name = 'holdfast' AND datname = current_database() AND pid <> pg_backend_pid() {only}"
    )
    return len(rows)


async def retried(call: Callable[[], Awaitable[T]], seconds: float = 20.0) -> T:
    """Call until the store answers."""
    until = time.monotonic() + seconds
    while True:
        try:
            return await call()
        except Unavailable as error:
            assert error.code == "store.unreachable"
            assert time.monotonic() < until, "the store did not come back"
            await asyncio.sleep(0.05)


# -- connections ------------------------------------------------------------------------------------------------------


async def test_a_connection_cut_in_the_middle_of_a_commit_leaves_all_or_nothing(url: str) -> None:
    async with opened(url) as store:
        one, two, link = await enlisted(store), await enlisted(store, "two"), await operator(url)
        pen, _ = await one.take(agent()), await two.take(agent("far"))
        commit = pen.commit(2, sends=[send(agent("far"), key="k")])
        async with link.transaction():
            await link.execute("SELECT FROM agent WHERE address = $1 FOR UPDATE", agent("far"))
            call = asyncio.create_task(store.commit(one.token, [commit]))
            while not await cut(link, waiting=True):
                await asyncio.sleep(0.01)
            with pytest.raises(Unavailable) as caught:
                await call
            assert caught.value.code == "store.unreachable" and caught.value.retry
        assert await store.entries(agent(), 0, 9) == []
        [receipt] = await retried(lambda: store.commit(one.token, [commit]))
        assert receipt.error is None and receipt.ids[0] > 0
        assert [r.seq for r in await store.entries(agent(), 0, 9)] == [1, 2]
        await two.hears("arrived", agent("far"))
        await link.close()


async def test_a_reply_that_was_lost_is_made_up_for_when_the_commit_is_repeated(url: str) -> None:
    async with Proxy(url) as proxy, opened(proxy.url) as store, opened(url) as direct:
        one = await enlisted(store)
        pen, held = await one.take(agent()), await one.take(agent("held"))
        await pen.write()  # the statement is prepared now, so that the next call is one round trip
        commit = pen.commit(sends=[send(agent("held")), send(agent("new"), key="k"), send(agent("later"), due=NOW + 5)])
        proxy.swallow = True
        with pytest.raises(Unavailable):
            await store.commit(one.token, [commit])
        assert len(await direct.entries(agent(), 0, 9)) == 2, "it was applied"
        proxy.swallow = False
        [receipt] = await retried(lambda: store.commit(one.token, [commit]))
        assert receipt.error is None and len(set(receipt.ids)) == 3
        assert [(a.address, a.mine, a.lease is not None) for a in receipt.arrivals] == [
            (agent("held"), True, False),
            (agent("new"), True, True),
            (agent("later"), False, False),
        ]
        assert len(await store.messages(statuses=[Status.QUEUED])) == 3
        await held.write()
        await pen.write()


async def test_leases_whose_reply_was_lost_are_not_lost(url: str) -> None:
    async with Proxy(url) as proxy, opened(proxy.url) as store, opened(url) as direct:
        one, two = await enlisted(store), await enlisted(direct, "two")
        await one.take(agent("warm"))
        proxy.swallow = True
        with pytest.raises(Unavailable):
            await store.lease(one.token, [agent("a"), agent("b")])
        proxy.swallow = False
        [again] = await retried(lambda: store.lease(one.token, [agent("a")]))
        assert again is not None and not again.fresh
        assert await direct.lease(two.token, [agent("b")]) == [None]
        for _ in range(3):  # what nobody asks for again comes free by itself
            assert await retried(lambda: store.beat(one.token))
        assert (await direct.lease(two.token, [agent("b")]))[0] is not None
        assert await direct.lease(two.token, [agent("a")]) == [None]


async def test_idle_connections_that_were_cut_are_not_noticed_by_anybody(url: str) -> None:
    async with opened(url) as store:
        one, link = await enlisted(store), await operator(url)
        pen = await one.take(agent())
        assert await cut(link) >= 2
        await asyncio.sleep(0.1)
        await retried(lambda: pen.write())
        assert await retried(lambda: store.beat(one.token))
        await link.close()


async def test_news_that_came_while_nobody_listened_is_made_up_for(url: str) -> None:
    async with opened(url) as store, opened(url) as other:
        one, two, link = await enlisted(store), await enlisted(other, "two"), await operator(url)
        await one.take(agent())
        await link.execute("ALTER TABLE meta RENAME TO meta_")  # any statement: the operator's link is warm
        await link.execute("ALTER TABLE meta_ RENAME TO meta")
        await cut(link)
        pen = await retried(lambda: two.take(agent("b")))
        await retried(lambda: pen.write(sends=[send(agent())]))
        await one.hears("arrived", agent())
        assert not one.heard("lost") and not two.heard("lost")
        await pen.write(sends=[send(agent())])
        await link.close()


# -- the server -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_server_that_goes_and_comes_back_costs_only_time(postgres_server: PostgresServer, how: str) -> None:
    async with opened(postgres_server.url) as store, opened(postgres_server.url) as other:
        one, two = await enlisted(store), await enlisted(other, "two")
        pen, far = await one.take(agent()), await two.take(agent("far"))
        await pen.write()
        getattr(postgres_server, how)()
        began = time.monotonic()
        commit = pen.commit(sends=[send(agent("far"))])
        for call in (store.commit(one.token, [commit]), store.claim(one.token, 9, NOW), store.load(pen.lease, 9)):
            with pytest.raises(Unavailable) as caught:
                await call
            assert caught.value.code == "store.unreachable"
        assert time.monotonic() - began < 10, "every wait is bounded"
        postgres_server.start()
        [receipt] = await retried(lambda: store.commit(one.token, [commit]))
        assert receipt.error is None
        for member in (one, two):
            assert await retried(lambda m=member: m.store.beat(m.token)), "both sessions outlive the restart"
        await two.hears("arrived", agent("far"))
        await far.write()
        assert [r.hash for r in await store.entries(agent(), 1, 9)] == [pen.head]


async def test_opening_a_store_that_does_not_answer_says_so(postgres_server: PostgresServer) -> None:
    address = postgres_server.url
    postgres_server.stop()
    with pytest.raises(Unavailable) as caught:
        await PostgresStore(address).open()
    assert caught.value.code == "store.unreachable"


# -- workers ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def child(url: str, lease_seconds: float) -> Generator[subprocess.Popen[str]]:
    """A worker in a process of its own that holds an agent and has a turn running."""
    script = Path(__file__).with_name("postgres_worker.py")
    command = [sys.executable, str(script), url, str(lease_seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        process.kill()
        process.communicate()


async def beat_until(member: Member, condition: Callable[[], bool], seconds: float) -> float:
    """Beat once a second until the condition holds; how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        assert await member.store.beat(member.token)
        for _ in range(20):
            if not condition():
                await asyncio.sleep(0.05)
    return time.monotonic() - began


async def test_the_turns_of_a_killed_worker_are_free_within_three_seconds(url: str) -> None:
    async with opened(url) as store:
        one = await enlisted(store)
        with child(url, lease_seconds=60) as process:
            assert await one.claimed() == []
            one.signals.clear()
            process.kill()
            took = await beat_until(one, lambda: one.heard("work"), 10)
            assert took < 3
        assert await one.claimed() == [agent("victim")]


async def test_a_worker_that_stalls_past_its_lease_and_comes_back_is_refused(url: str) -> None:
    async with opened(url) as store:
        one = await enlisted(store)
        with child(url, lease_seconds=1.0) as process:
            assert process.stdin is not None and process.stdout is not None
            os.kill(process.pid, signal.SIGSTOP)
            await beat_until(one, lambda: one.heard("work"), 20)
            pen = await one.take(agent("victim"))
            await pen.write(1, 1)
            os.kill(process.pid, signal.SIGCONT)
            process.stdin.write("commit\n")
            process.stdin.flush()
            assert await asyncio.to_thread(process.stdout.readline) == "lease.lost\n"
        assert [r.hash for r in await store.entries(agent("victim"), 1, 9)] == [pen.head]


async def test_workers_that_write_to_each_other_at_full_speed_never_deadlock_or_double(url: str) -> None:
    async with opened(url) as first, opened(url) as second:
        link = await operator(url)
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        before = await link.fetchval(deadlocks)
        members = [await enlisted(first, "one"), await enlisted(second, "two")]
        mine = [[await m.take(agent(f"{n}-{k}")) for k in range(20)] for n, m in enumerate(members)]

        async def write(n: int) -> None:
            for turn in range(30):
                commits = [
                    pen.commit(
                        sends=[send(agent(f"{1 - n}-{(k * 7 + turn) % 20}")), send(agent(f"shared-{(k + turn * n) % 40}"))]
                    )
                    for k, pen in enumerate(mine[n] if turn % 2 else reversed(mine[n]))
                ]
                await members[n].apply(*commits)

        await asyncio.gather(write(0), write(1))
        stats = await first.stats()
        assert (stats["entries"], stats["queued"]) == (2 * 20 * 30, 2 * 20 * 30 * 2)
        assert await link.fetchval(deadlocks) == before
        held = [await m.store.lease(m.token, [agent(f"shared-{k}") for k in range(40)]) for m in members]
        assert all((a is None) != (b is None) for a, b in zip(*held, strict=True))
        await link.close()


async def test_higher_priorities_are_claimed_first(url: str) -> None:
    async with opened(url) as store:
        one = await enlisted(store)
        for key, priority in (("low", -5), ("high", 50), ("normal", 0), ("normal2", 0)):
            [receipt] = await store.commit("", [Commit(sends=[send(agent(key), priority=priority)])])
            assert receipt.error is None
        claims = [await one.claimed(limit=1) for _ in range(4)]
        assert claims == [[agent(k)] for k in ("high", "normal", "normal2", "low")]


# -- opening ----------------------------------------------------------------------------------------------------------


async def test_many_processes_may_open_a_new_store_at_once(url: str) -> None:
    stores = [PostgresStore(url) for _ in range(5)]
    await asyncio.gather(*(s.open() for s in stores))
    assert [(await s.stats())["agents"] for s in stores] == [0] * 5
    await asyncio.gather(*(s.close() for s in stores))


async def test_a_store_of_a_newer_schema_is_left_alone(url: str) -> None:
    async with opened(url):
        link = await operator(url)
        await link.execute("UPDATE meta SET value = 99 WHERE key = 'schema'")
        await link.close()
    with pytest.raises(Conflict) as caught:
        await PostgresStore(url).open()
    assert caught.value.code == "store.newer_schema" and caught.value.details["have"] == 99


async def test_urls_that_cannot_be(postgres_url: str) -> None:
    for bad in ("mysql://x/y", f"{postgres_url}?schema=no-dash", f"{postgres_url}?scheme=x"):
        with pytest.raises(Rejected) as caught:
            PostgresStore(bad)
        assert caught.value.code == "store.url"
    with pytest.raises(Rejected) as caught:
        PostgresStore("postgresql://user:secret@host/db?nope=1")
    assert "secret" not in str(caught.value)
    nowhere = urlunsplit(urlsplit(postgres_url)._replace(path="/holdfast_there_is_no_such_database"))
    with pytest.raises(NotFound) as missing:
        await PostgresStore(nowhere).open()
    assert missing.value.code == "store.no_database"
    with pytest.raises(Unavailable) as silent:
        await PostgresStore("postgresql://nobody@127.0.0.1:1/none").open()
    assert silent.value.code == "store.unreachable"


class Proxy:
    """A server in between that can lose the server's replies: it passes a request on, and then hangs up."""

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url)
        self.swallow = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        user = f"{self._place.username}@" if self._place.username else ""
        self.url = urlunsplit(self._place._replace(netloc=f"{user}127.0.0.1:{port}"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._place.hostname, self._place.port or 5432)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, reply: bool) -> None:
            while data := await source.read(65536):
                if reply and self.swallow:
                    break
                sink.write(data)
            for end in (writer, back):
                end.close()

        for work in (pump(reader, back, reply=False), pump(there, writer, reply=True)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def test_what_the_newest_transaction_of_all_writes_is_covered_however_late_it_commits(url: str) -> None:
    """Nothing newer than it has ended while the store is looked at: no snapshot's end lies beyond it."""
    async with opened(url) as store:
        pen = await (await enlisted(store)).take(agent())
        await pen.write()
        await cover(store, 1)
        link = await operator(url)
        try:
            entry = pen.entry()
            await link.execute("BEGIN")
            await link.execute(
                "INSERT INTO journal (agent, seq, turn, body, hash) VALUES ($1, $2, $2, $3, $4)",
                pen.lease.ref, entry.seq, entry.body, entry.hash,
            )  # fmt: skip
            for _ in range(3):  # not there yet: each look remembers how far it came
                assert names(await store.uncovered(10)) == []
            await link.execute("COMMIT")
        finally:
            await link.close()
        assert names(await store.uncovered(10)) == [(agent(), entry.seq)]
