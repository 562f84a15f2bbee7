"""Saved searches: everybody's own, watched as entries come, and told of once, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

import holdfast
from holdfast import Agent, Context, NotFound, Rejected
from holdfast.bootstrap.server import Server, Settings
from holdfast.control import hits
from holdfast.domain.principal import Principal
from holdfast.insight.search import Hit
from holdfast.insight.watching import Watching
from holdfast.insight.words import terms_of
from holdfast.journal.codec import decode_any, encode
from holdfast.link import Endpoint

T = TypeVar("T")
clerk = Agent("clerk")


@clerk.handler
async def work(ctx: Context, text: str) -> str:
    return await ctx.run(str.upper, text, name="shout")


def person(name: str, tenant: str = "default", *scopes: str) -> Principal:
    """Somebody with these scopes, or all."""
    return Principal("person", name, tenant, frozenset(scopes or ("*",)))


async def until(look: Callable[[], Awaitable[T]], seconds: float = 30) -> T:
    """What ``look`` gives once that is something."""
    async with asyncio.timeout(seconds):
        while not (found := await look()):
            await asyncio.sleep(0.02)
    return found


async def some(hits: AsyncIterator[Hit], count: int) -> list[Hit]:
    """The next of them."""
    async with asyncio.timeout(20):
        return [await anext(hits) for _ in range(count)]


async def test_everybody_has_searches_of_their_own() -> None:
    async with holdfast.Runtime([clerk], "memory://") as runtime:
        ada, ben = (runtime.operations.acting_for(person(name)) for name in ("ada", "ben"))
        await ada.save_search("Lost parcels", "parcel lost", failed=True)
        await ada.save_search("clerks", agent="clerk", notify="inbox")
        await ben.save_search("Lost parcels", "lost")
        assert [(s.name, s.text, s.failed, s.notify) for s in await ada.searches()] == [
            ("clerks", "", False, "inbox"),
            ("Lost parcels", "parcel lost", True, ""),
        ]
        assert (await ada.searches())[1].who == "person:ada" and (await ada.searches())[1].at > 0
        await ada.save_search("Lost parcels", "parcel")
        assert [s.text for s in await ada.searches()] == ["", "parcel"]
        await ada.drop_search("Lost parcels")
        assert [s.name for s in await ada.searches()] == ["clerks"]
        assert [s.text for s in await ben.searches()] == ["lost"]
        with pytest.raises(NotFound, match="no search 'Lost parcels'"):
            await ada.drop_search("Lost parcels")
        with pytest.raises(NotFound):
            await anext(ada.watch_search("Lost parcels"))


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": " ", "text": "x"}, "search.malformed"),
    ({"name": "a/b", "text": "x"}, "search.malformed"),
    ({"name": "n" * 81, "text": "x"}, "search.malformed"),
    ({"name": "n"}, "search.malformed"),
    ({"name": "n", "text": "x", "notify": "mail"}, "search.malformed"),
    ({"name": "n", "text": "x", "notify": "topic:no way"}, "topic.malformed"),
    ({"name": "n", "text": "x", "agent": "other/desk/1"}, "tenant.crossed"),
]


@pytest.mark.parametrize(("given", "code"), REFUSED, ids=[f"{c}-{n}" for n, (_, c) in enumerate(REFUSED)])
async def test_what_cannot_be_watched_is_not_saved(given: dict[str, Any], code: str) -> None:
    async with holdfast.Runtime([clerk], "memory://") as runtime:
        ada = runtime.operations.acting_for(person("ada"))
        with pytest.raises(Rejected) as caught:
            await ada.save_search(**given)
        assert caught.value.code == code
        assert await ada.searches() == []


async def test_who_may_only_look_has_nothing_published_for_them() -> None:
    async with holdfast.Runtime([clerk], "memory://") as runtime:
        viewer = runtime.operations.acting_for(person("vic", "default", "read"))
        await viewer.save_search("mine", "x", notify="inbox")
        with pytest.raises(Rejected) as caught:
            await viewer.save_search("mine", "x", notify="topic:alerts")
        assert caught.value.code == "auth.scope"


@pytest.mark.parametrize("store", ["sqlite", "postgres", "memory"])
async def test_a_watch_has_each_entry_once_whoever_wrote_it(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = {"sqlite": f"sqlite:///{tmp_path}/store.db", "memory": "memory://"}.get(store) or (
        f"{request.getfixturevalue('postgres_url')}?schema=watch_{random.randrange(1 << 40)}"
    )
    async with holdfast.Runtime([clerk], url) as runtime:
        await runtime.call(clerk["0"].work, "parcel before")
        await runtime.operations.save_search("parcels", "parcel", verb="run")
        watched = runtime.operations.watch_search("parcels", after=await runtime.store.newest())
        await asyncio.gather(
            *(runtime.call(clerk[str(n % 5)].work, f"{'parcel' if n % 2 else 'letter'} {n}") for n in range(40))
        )
        found = await some(watched, 20)
        assert sorted(int(h.words.split()[1]) for h in found) == list(range(1, 40, 2))
        assert [h.id for h in found] == sorted({h.id for h in found})
        again = runtime.operations.watch_search("parcels", after=found[9].id)
        assert await some(again, 10) == found[10:]
        far = Watching(runtime.store, runtime.engine.worker.clock, None)
        caught_up = await far._catch_up(terms_of("parcel", verb="run"), found[4].id, await far.settled())  # pyright: ignore[reportPrivateUsage]
        assert caught_up.hits == found[5:]


async def test_a_watch_hears_of_its_own_tenant_alone() -> None:
    async with holdfast.Runtime([clerk], "memory://") as runtime:
        mine = runtime.operations.acting_for(person("ada", "acme"))
        await mine.save_search("parcels", "parcel", verb="run")
        watched = mine.watch_search("parcels", after=1)
        for to in ("clerk/1", "acme/clerk/1", "clerk/2", "acme/clerk/2"):
            await runtime.operations.call(to, "work", encode((["parcel"], {})))
        assert [h.address for h in await some(watched, 2)] == ["acme/clerk/1", "acme/clerk/2"]


AGENTS = """
from typing import Any
from holdfast import Agent, Context

clerk = Agent("clerk")
guard = Agent("guard")


@clerk.handler
async def work(ctx: Context, text: str) -> str:
    return await ctx.run(str.upper, text)


@guard.handler
async def begin(ctx: Context) -> None:
    await ctx.subscribe("alerts.parcels", "hear")


@guard.handler
async def hear(ctx: Context, found: dict[str, Any]) -> None:
    heard = await ctx.state.get("heard", [])
    await ctx.state.set("heard", heard + [hit["words"].partition(" [")[0] for hit in found["hits"]])
    await ctx.run(str.upper, "parcel " + str(len(heard)))
"""


def settings(tmp_path: Path) -> Settings:
    """A server with a clerk, and a guard who repeats what it is told of."""
    (tmp_path / "agents.py").write_text(AGENTS)
    return Settings(places=(str(tmp_path / "agents.py"),), store=f"sqlite:///{tmp_path}/store.db", listen=Endpoint(port=0))


async def test_agents_are_told_once_and_what_they_do_about_it_is_no_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hits, "PAUSE_SECONDS", 0.05)

    async def heard(server: Server) -> list[str]:
        return (await server.operations.state("guard/1")).get("heard", [])

    server = Server(settings(tmp_path))
    await server.start()
    try:
        operations = server.operations
        await operations.call("guard/1", "begin", encode(([], {})))
        await operations.call("clerk/1", "work", encode((["parcel before"], {})))
        await operations.save_search("parcels", "parcel", verb="run", notify="topic:alerts.parcels")
        await operations.call("clerk/1", "work", encode((["parcel one"], {})))
        assert await until(lambda: heard(server)) == ["PARCEL ONE"]
    finally:
        await server.stop()
    async with holdfast.Runtime([clerk], f"sqlite:///{tmp_path}/store.db") as elsewhere:  # nobody tells meanwhile
        await elsewhere.call(clerk["2"].work, "parcel two")
    server = Server(settings(tmp_path))
    await server.start()
    try:
        await server.operations.call("clerk/3", "work", encode((["parcel three"], {})))

        async def all_of_it() -> list[str] | None:
            told = await heard(server)
            return told if len(told) >= 3 else None

        assert await until(all_of_it) == ["PARCEL ONE", "PARCEL TWO", "PARCEL THREE"]
        guard_says = (await server.operations.search("parcel", agent="guard", verb="run")).found
        assert guard_says, "the guard wrote what the search would find"
        newest = guard_says[0].id
        await server.operations.call("clerk/4", "work", encode((["parcel four"], {})))

        async def fourth() -> list[str] | None:
            told = await heard(server)
            return told if told[-1] == "PARCEL FOUR" else None

        told = await until(fourth)
        assert told is not None and len(told) == 4, "told of nothing that telling set off"
        assert newest < (await server.operations.search("four", verb="run")).found[0].id
    finally:
        await server.stop()


async def test_the_inbox_tells_of_what_came_while_nobody_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hits, "PAUSE_SECONDS", 0.05)
    server = Server(settings(tmp_path))
    await server.start()
    try:
        operations = server.operations
        await operations.save_search("parcels", "parcel", verb="run", notify="inbox")
        await operations.call("clerk/1", "work", encode((["parcel one"], {})))
        [asked] = await until(operations.asks)
        assert asked.question == "The search 'parcels' found 1 new: clerk/1: run upper PARCEL ONE [\"parcel one\"]"
        assert asked.choices == ["seen"]
        for n in ("two", "three"):
            await operations.call("clerk/1", "work", encode((["parcel " + n], {})))
        teller = hits.HitTeller(server.store, server.engine.worker, server.engine.flow)
        await teller.go_on()
        assert [q.question for q in await operations.asks()] == [asked.question], "one question at a time"
        await operations.answer(asked.id, "seen")

        async def next_one() -> Any:
            return [q for q in await operations.asks() if q.id != asked.id]

        [following] = await until(next_one)
        assert "found 2 new" in following.question and "PARCEL THREE" in following.question
        address = following.address
        await operations.drop_search("parcels")
        await operations.answer(following.id, "seen")
        await operations.call("clerk/1", "work", encode((["parcel four"], {})))
        await teller.go_on()
        assert await operations.asks() == []
        rows = await server.store.entries(f"default/{address}", 0, 1000)
        assert decode_any(
            server.operations.worker.seal.open(rows[0].body) if server.operations.worker.seal else rows[0].body
        )
    finally:
        await server.stop()
