"""Causality: windows of time over all agents, found by index, and the way back from an effect to its causes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast import Agent, Context, NotFound, Rejected
from holdfast.domain.principal import Principal
from holdfast.insight.indexing import Indexing
from holdfast.insight.lanes import Window, is_of
from holdfast.insight.spans import Span
from holdfast.journal.codec import encode

_SCHEMAS = itertools.count(1)
boss, desk, clerk = Agent("boss"), Agent("desk"), Agent("clerk")


@boss.handler
async def order(ctx: Context, n: int) -> int:
    return await ctx.call(desk[str(n)].handle, n)


@desk.handler
async def handle(ctx: Context, n: int) -> int:
    await ctx.run(abs, n)
    return await ctx.call(clerk[str(n)].file, n)


@clerk.handler
async def file(ctx: Context, n: int) -> int:
    if n == 7:
        raise Rejected("clerk.seven", "Not seven.")
    if n == 9:
        return await ctx.ask("File nine?", choices=["yes", "no"])
    return n


@clerk.handler
async def note(ctx: Context, steps: int) -> None:
    for n in range(steps):
        await ctx.run(abs, n)


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of each kind."""
    if request.param == "postgres":
        return f"{request.getfixturevalue('postgres_url')}?schema=lanes_{next(_SCHEMAS)}"
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/store.db"


def runtime_of(url: str) -> holdfast.Runtime:
    return holdfast.Runtime([boss, desk, clerk], url)


def by_agent(found: Window | list[Span]) -> dict[str, Span]:
    return {span.agent: span for span in (found.spans if isinstance(found, Window) else found)}


async def test_turns_have_their_steps_and_what_caused_them(url: str) -> None:
    async with runtime_of(url) as runtime:
        await runtime.call(boss["1"].order, 1)
        found = await runtime.operations.lanes()
        assert (found.sampled, found.complete) == (0, found.since)
        spans = by_agent(found)
        assert list(spans) == ["boss/1", "desk/1", "clerk/1"]
        assert [(s.handler, s.state, s.failures) for s in spans.values()] == [
            ("order", "done", 0),
            ("handle", "done", 0),
            ("file", "done", 0),
        ]
        cause = spans["clerk/1"].cause
        assert cause is not None and (cause.agent, cause.turn) == ("desk/1", spans["desk/1"].turn)
        [ran, called] = spans["desk/1"].steps
        assert (ran.verb, called.verb, called.path) == ("run", "call", cause.path)
        assert spans["boss/1"].began <= spans["desk/1"].began <= called.began <= called.ended <= spans["desk/1"].ended
        assert spans["boss/1"].cause is None


async def test_a_failure_is_walked_back_to_where_it_came_from(url: str) -> None:
    async with runtime_of(url) as runtime:
        with pytest.raises(Rejected):
            await runtime.call(boss["7"].order, 7)
        spans = by_agent(await runtime.operations.lanes())
        assert (spans["clerk/7"].state, spans["clerk/7"].error) == ("failed", "Not seven.")
        assert (spans["desk/7"].failures, spans["desk/7"].steps[-1].failed) == (1, True)
        chain = await runtime.operations.causes("clerk/7", spans["clerk/7"].turn)
        assert [span.agent for span in chain] == ["boss/7", "desk/7", "clerk/7"]
        with pytest.raises(NotFound, match="no turn 99"):
            await runtime.operations.causes("clerk/7", 99)
        with pytest.raises(NotFound):
            await runtime.operations.causes("clerk/nobody", 1)


async def test_a_window_has_what_happened_in_it_and_no_more(url: str) -> None:
    async with runtime_of(url) as runtime:
        for n in (1, 2):
            await runtime.call(boss[str(n)].order, n)
            await runtime.operations.worker.clock.sleep(0.02)
        whole = by_agent(await runtime.operations.lanes())
        middle = whole["boss/2"].began
        early = await runtime.operations.lanes(since=whole["boss/1"].began, until=middle)
        late = await runtime.operations.lanes(since=middle, until=middle + 60_000)
        assert set(by_agent(early)) == {"boss/1", "desk/1", "clerk/1"}
        assert set(by_agent(late)) == {"boss/2", "desk/2", "clerk/2"}
        cut = by_agent(await runtime.operations.lanes(since=whole["desk/1"].ended + 1, until=middle))
        assert all(span.began == 0 for span in cut.values()), "what began before the window says so"
        with pytest.raises(Rejected, match="has no length"):
            await runtime.operations.lanes(since=5, until=5)


async def test_who_waits_is_open(url: str) -> None:
    async with runtime_of(url) as runtime:
        await runtime.send(boss["9"].order, 9)
        while not await runtime.operations.asks():
            await runtime.operations.worker.clock.sleep(0.01)
        spans = by_agent(await runtime.operations.lanes())
        asks = spans["clerk/9"].steps[-1]
        assert (asks.verb, asks.ended, spans["clerk/9"].state) == ("ask", 0, "open")


async def test_only_some_agents_and_only_the_newest_of_too_many(url: str) -> None:
    async with runtime_of(url) as runtime:
        for n in range(4):
            await runtime.call(clerk[str(n)].note, 10)
        await runtime.call(boss["1"].order, 1)
        indexing = Indexing(runtime.operations.store)
        for looked in ("behind the index", "in the index"):
            spans = by_agent(await runtime.operations.lanes(agent="clerk/2"))
            assert list(spans) == ["clerk/2"] and len(spans["clerk/2"].steps) == 10, looked
            assert set(by_agent(await runtime.operations.lanes(agent="des"))) == set(), looked
            assert set(by_agent(await runtime.operations.lanes(agent="clerk/*"))) == {f"clerk/{n}" for n in range(4)}
            some = await runtime.operations.lanes(agent="clerk", limit=12)
            assert some.complete > some.since and set(by_agent(some)) >= {"clerk/3", "clerk/1"}, looked
            assert "clerk/0" not in by_agent(some)
            while await indexing.go_on():
                pass


async def test_too_much_to_look_at_is_sampled_and_its_failures_are_told(url: str) -> None:
    async with runtime_of(url) as runtime:
        for n in range(60):
            await runtime.call(clerk[str(n % 5)].note, 40)
        with pytest.raises(Rejected):
            await runtime.call(boss["7"].order, 7)
        await runtime.call(clerk["5"].note, 900)
        await Indexing(runtime.operations.store).go_on()
        found = await runtime.operations.lanes(limit=100)
        assert found.sampled >= 1 and not found.spans
        assert {lane.agent for lane in found.lanes} >= {f"clerk/{n}" for n in range(6)}
        told = {lane.agent: sum(lane.slots) for lane in found.lanes}
        assert 700 < told["clerk/5"] < 1100, "about as many entries as it wrote"
        signs = {(sign.agent, sign.kind) for sign in found.signs}
        assert signs == {("clerk/7", "failed"), ("desk/7", "failed"), ("boss/7", "failed")}


async def test_a_tenant_sees_nothing_of_another() -> None:
    async with runtime_of("memory://") as runtime:
        await runtime.operations.send(to="acme/clerk/1", handler="note", payload=encode(([300], {}), "arguments"))
        await runtime.call(boss["1"].order, 1)
        while [t.state for t in (await runtime.operations.glance("acme/clerk/1")).turns] != ["done"]:
            await runtime.operations.worker.clock.sleep(0.01)
        ours = runtime.operations.acting_for(Principal("person", "ada", "acme", frozenset({"*"})))
        assert set(by_agent(await ours.lanes())) == {"acme/clerk/1"}
        assert {lane.agent for lane in (await ours.lanes(limit=5)).lanes} == {"acme/clerk/1"}
        with pytest.raises(Rejected, match="another tenant"):
            await ours.lanes(agent="default/boss/1")
        with pytest.raises(Rejected, match="another tenant"):
            await ours.causes("default/boss/1", 1)


PLACES: list[tuple[str, bool]] = [
    ("", True),
    ("default/", True),
    ("default/clerk", True),
    ("default/clerk/", True),
    ("default/clerk/42", True),
    ("default/clerk/4*", True),
    ("default/cle", False),
    ("default/clerk/4", False),
    ("acme/", False),
]


@pytest.mark.parametrize(("place", "fits"), PLACES)
def test_which_agents_are_meant(place: str, fits: bool) -> None:
    assert is_of("default/clerk/42", place) is fits


async def test_a_moment_is_found_by_looking_at_few_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with runtime_of(f"sqlite:///{tmp_path}/store.db") as runtime:
        for n in range(40):
            await runtime.call(clerk[str(n)].note, 100)
        store: Any = runtime.operations.store
        while await Indexing(store).go_on():
            pass
        read: list[int] = []
        history = store.history

        async def counted(after: int = 0, limit: int = 1000, like: str = "") -> Any:
            rows = await history(after, limit, like)
            read.append(len(rows))
            return rows

        monkeypatch.setattr(store, "history", counted)
        found = await runtime.operations.lanes(limit=200)
        assert found.sampled and sum(read) < 96 * 48 + 200 + 60
        read.clear()
        at = (await runtime.operations.glance("clerk/20")).turns[0].began
        assert "clerk/20" in by_agent(await runtime.operations.lanes(since=at, until=at + 100, limit=5_000))
        probes = [n for n in read if n == 1]
        assert len(probes) < 40 and len(read) - len(probes) < 3
