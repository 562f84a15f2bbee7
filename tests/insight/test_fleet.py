"""The fleet: states told apart, counted and listed; kept up to date by the pulse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import holdfast
from holdfast import Agent, Context, Rejected
from holdfast.domain.principal import Principal
from holdfast.insight.fleet import Asked, Fleet
from holdfast.insight.pulse import Beat
from holdfast.insight.sparks import Sparks
from holdfast.insight.states import STATES, state_of
from holdfast.journal.codec import encode
from holdfast.ports.feed import Standing, weigh

NOW = 1_800_000_000_000


def standing(key: str, of: str = "order", **parts: Any) -> Standing:
    """An agent's standing."""
    return Standing(ref=1, address=f"default/{of}/{key}", mode=parts.pop("mode", "active"), reason="", created=NOW, **parts)


CASES: list[tuple[dict[str, Any], str]] = [
    ({}, "idle"),
    ({"running": 1}, "working"),
    ({"queued": 1}, "queued"),
    ({"parked": 1, "verb": "ask", "name": "approval"}, "approval"),
    ({"parked": 1, "verb": "ask"}, "input"),
    ({"parked": 1, "verb": "ask", "running": 1}, "input"),
    ({"parked": 1, "verb": "call"}, "agent"),
    ({"parked": 1, "verb": "provider"}, "provider"),
    ({"parked": 1, "verb": "source"}, "tools"),
    ({"parked": 1, "verb": "wait"}, "event"),
    ({"parked": 1, "verb": "sleep"}, "sleeping"),
    ({"parked": 1, "verb": "run"}, "retry"),
    ({"parked": 1, "verb": "diverged"}, "stuck"),
    ({"dead": 1}, "failed"),
    ({"dead": 1, "running": 1}, "working"),
    ({"ended": NOW}, "finished"),
    ({"mode": "paused", "running": 1}, "paused"),
    ({"mode": "retired"}, "retired"),
]


@pytest.mark.parametrize(("parts", "state"), CASES, ids=[f"{s}-{n}" for n, (_, s) in enumerate(CASES)])
def test_every_standing_has_one_state(parts: dict[str, Any], state: str) -> None:
    assert state_of(standing("1", **parts), NOW - 1) == state


def test_every_state_is_told_apart() -> None:
    assert {state for _, state in CASES} == set(STATES)


def test_of_several_waits_the_one_for_a_person_says_most() -> None:
    at = standing("1")
    for verb in ("deadline", "sleep", "ask", "call"):
        weigh(at, 1, verb, "", 0, 0, b"")
    assert (at.verb, at.waits) == ("ask", 3)


def fleet_of(*standings: Standing) -> Fleet:
    """A fleet that has taken these in."""
    fleet = Fleet()
    fleet.learn(standings, NOW)
    return fleet


def listed(fleet: Fleet, offset: int = 0, limit: int = 100, who: str = "", **asked: Any) -> list[str]:
    """Addresses on a page."""
    return [m.address for m in fleet.page(Asked(**asked), offset, limit, NOW, who).members]


def test_who_needs_a_person_comes_first_and_pages_join_up() -> None:
    people = [standing(str(n), parked=1, verb="ask") for n in range(3)]
    fleet = fleet_of(standing("idle"), standing("w", running=1), *people, standing("dead", dead=1))
    everybody = ["order/0", "order/1", "order/2", "order/dead", "order/w", "order/idle"]
    assert listed(fleet) == everybody
    assert listed(fleet, 0, 4) + listed(fleet, 4, 4) == everybody
    assert listed(fleet, quiet=False) == everybody[:-1]
    assert listed(fleet, states=("failed", "working")) == ["order/dead", "order/w"]


def test_counts_are_of_all_that_match_whatever_their_state() -> None:
    fleet = fleet_of(standing("1", running=1), standing("2"), standing("3", of="desk", dead=1))
    assert fleet.page(Asked(states=("working",)), 0, 10, NOW).counts == {"failed": 1, "working": 1, "idle": 1}
    page = fleet.page(Asked(name="order", quiet=False), 0, 10, NOW)
    assert (page.counts, page.matched, page.names) == ({"working": 1, "idle": 1}, 1, {"order": 2})
    assert fleet.page(Asked(text="DESK/"), 0, 10, NOW).matched == 1


def test_an_agent_moves_when_its_standing_changes_and_is_counted_once() -> None:
    fleet = fleet_of(standing("1", running=1))
    fleet.learn([standing("1", ended=NOW + 5)], NOW + 5)
    assert fleet.counts() == {"finished": 1}
    fleet.saw("default/order/1", NOW + 5)
    assert fleet.counts() == {"idle": 1}
    fleet.learn([standing("1", ended=NOW + 9)], NOW + 9)
    assert fleet.counts() == {"finished": 1}
    fleet.saw("", NOW + 9)
    assert fleet.counts() == {"idle": 1}


def test_what_is_unread_differs_from_person_to_person() -> None:
    fleet = fleet_of(standing("1", ended=NOW - 9), standing("2", ended=NOW - 5), standing("3"), standing("4", running=1))
    fleet.read("ada", NOW - 7, {})
    fleet.read("ben", NOW - 20, {"order/2": NOW})
    assert fleet.counts("ada") == {"working": 1, "finished": 1, "idle": 2}
    assert fleet.counts("ben") == {"working": 1, "finished": 1, "idle": 2}
    assert listed(fleet, who="ada", states=("finished",)) == ["order/2"]
    assert listed(fleet, who="ben", states=("finished",)) == ["order/1"]
    assert listed(fleet, who="ben", text="order", states=("idle",)) == ["order/2", "order/3"]
    assert fleet.page(Asked(text="order"), 0, 10, NOW, "ada").counts == fleet.counts("ada")
    fleet.saw("", NOW, "ada")
    assert (fleet.counts("ada").get("finished"), fleet.counts("ben").get("finished")) == (None, 1)
    changes = fleet.changes
    fleet.learn([standing("1", ended=NOW + 5)], NOW + 5)
    assert fleet.changes > changes, "it was finished and is finished, but there is something new to read"
    assert fleet.counts("ada")["finished"] == 1
    fleet.saw("default/order/1", NOW + 5, "ben")
    assert [fleet.counts(who).get("finished") for who in ("ada", "ben")] == [1, None]


def test_agents_of_the_runtime_itself_are_not_in_the_fleet() -> None:
    assert len(fleet_of(standing("1", of="holdfast.token"), standing("2"))) == 1


def test_an_order_by_money() -> None:
    fleet = fleet_of(standing("1"), standing("2"), standing("3"))
    fleet.spent("default/order/2", 500, 10)
    fleet.spent("default/order/3", 900, 10)
    assert listed(fleet, order="cost") == ["order/3", "order/2", "order/1"]


def test_a_bill_that_comes_before_its_agent_is_known_is_not_lost() -> None:
    fleet = Fleet()
    fleet.spent("default/order/1", 500, 10)
    fleet.spent("default/order/1", 300, 10)
    fleet.learn([standing("1")], NOW)
    member = fleet.member("default/order/1")
    assert member is not None and (member.nanos, member.tokens, member.calls) == (800, 20, 2)


def test_agents_are_grouped_and_filtered_by_owner_and_team() -> None:
    fleet = fleet_of(
        standing("1"), standing("2", parked=1, verb="ask"), standing("3", of="desk", running=1), standing("4", of="till")
    )
    fleet.belong({"order": ("mara", "sales"), "desk": ("ada", "care")})
    fleet.spent("default/till/4", 1, 1, {"team": "cash"})
    assert fleet.whose("till") == ("", "cash"), "what the definition does not say, the bill does"
    assert listed(fleet, group="owner") == ["desk/3", "order/2", "order/1", "till/4"]
    assert fleet.page(Asked(group="owner"), 0, 10, NOW).groups == {"ada": 1, "mara": 2, "": 1}
    assert list(fleet.page(Asked(group="team", order="name"), 0, 10, NOW).groups) == ["care", "cash", "sales"]
    assert fleet.page(Asked(group="kind"), 0, 1, NOW).groups == {"desk": 1, "order": 2, "till": 1}
    assert list(fleet.page(Asked(group="state", order="name"), 0, 10, NOW).groups) == ["input", "working", "idle"]
    assert listed(fleet, owner="mara", order="name") == ["order/1", "order/2"]
    assert listed(fleet, owner="-") == ["till/4"]
    assert listed(fleet, team="care", text="desk") == ["desk/3"]
    fleet.belong({"order": ("ben", "sales")})
    assert listed(fleet, owner="mara") == []


def test_a_sparkline_forgets_what_is_older_than_ten_minutes() -> None:
    sparks = Sparks()
    for second in range(0, 700, 10):
        sparks.stirred("default/order/1", NOW + second * 1000)
    assert sum(sparks.of("default/order/1", NOW + 700_000)) == pytest.approx(60, abs=2)
    assert sparks.of("default/order/1", NOW + 3_600_000) == []


# -- live -----------------------------------------------------------------------------------------------------------

desk = Agent("desk", labels={"owner": "ada", "team": "care"})


@desk.handler
async def work(ctx: Context, n: int) -> int:
    """One of everything."""
    if n == 1:
        return await ctx.ask("go on?", choices=["yes", "no"])
    if n == 2:
        raise Rejected("test.no", "No.")
    if n == 3:
        await ctx.sleep(3600)
    return n


async def until(beats: AsyncIterator[Beat], counts: dict[str, int]) -> Beat:
    """The first beat with these counts."""
    async with asyncio.timeout(10):
        async for beat in beats:
            if beat.counts == counts:
                return beat
    raise AssertionError("the pulse ended")


@pytest.mark.parametrize("store", ["memory://", "sqlite"])
async def test_the_pulse_tells_what_changes(store: str, tmp_path: Any) -> None:
    url = store if store != "sqlite" else f"sqlite:///{tmp_path / 'x.db'}"
    async with holdfast.Runtime(agents=[desk], store=url) as runtime:
        operations = runtime.operations
        for n in range(4):
            await runtime.send(desk[str(n)].work, n)
        beats = operations.pulse()
        first = await until(beats, {"input": 1, "failed": 1, "sleeping": 1, "finished": 1})
        await operations.pause(address="desk/3", why="enough")
        await until(beats, {"input": 1, "failed": 1, "paused": 1, "finished": 1})
        await operations.answer(question="desk/1", value="yes")
        await until(beats, {"failed": 1, "paused": 1, "finished": 2})
        row = next(r for r in (await operations.fleet(states=["paused"])).rows)
        assert (row.address, row.reason) == ("desk/3", "person: enough")
        assert (row.owner, row.team) == ("ada", "care")
        assert all(r.version for r in (await operations.fleet()).rows), "with a turn and without"
        page = await operations.fleet(group="team", team="care")
        assert (page.owners, page.teams, page.groups) == ({"ada": 4}, {"care": 4}, {"care": 4})
        with pytest.raises(Rejected, match="no group"):
            await operations.fleet(group="colour")
        async for beat in operations.pulse(after=first.id - 1):
            assert [e.id for e in beat.events] and not beat.gap
            break


async def test_what_somebody_saw_is_still_seen_after_a_restart(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    async with holdfast.Runtime(agents=[desk], store=url) as runtime:
        await runtime.call(desk["0"].work, 0)
        assert (await runtime.operations.fleet()).counts == {"finished": 1}
        await runtime.operations.saw(address="desk/0")
        await runtime.operations.save_view("Mine", "fleet", "state=input")
        assert (await runtime.operations.fleet()).counts == {"idle": 1}
    async with holdfast.Runtime(agents=[desk], store=url) as runtime:
        assert (await runtime.operations.fleet()).counts == {"idle": 1}
        assert [(v.name, v.query) for v in await runtime.operations.views()] == [("Mine", "state=input")]
        await runtime.operations.drop_view("Mine")
        assert await runtime.operations.views() == []


async def test_everybody_reads_for_themselves_and_it_is_known_who_has(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    async with holdfast.Runtime(agents=[desk], store=url) as runtime:
        ada, ben = (
            runtime.operations.acting_for(Principal("person", who, "default", frozenset({"*"}))) for who in ("ada", "ben")
        )
        await runtime.call(desk["0"].work, 0)
        heard = ben.pulse()
        await until(heard, {"finished": 1})
        await ada.saw(address="desk/0")
        assert [(await one.fleet()).counts for one in (ada, ben)] == [{"idle": 1}, {"finished": 1}]
        assert [(await one.glance("desk/0")).row.state for one in (ada, ben)] == ["idle", "finished"]
        assert [(r.who, r.read) for r in await ben.readers("desk/0")] == [("person:ada", True)]
        await runtime.call(desk["0"].work, 0)
        assert [(r.who, r.read) for r in await ben.readers("desk/0")] == [("person:ada", False)]
        await until(ada.pulse(), {"finished": 1})
        await ben.saw()
        assert [(await one.fleet()).counts for one in (ada, ben)] == [{"finished": 1}, {"idle": 1}]
        assert {(r.who, r.read) for r in await ben.readers("desk/0")} == {("person:ada", False), ("person:ben", True)}
    async with holdfast.Runtime(agents=[desk], store=url) as runtime:
        who = Principal("person", "ben", "default", frozenset({"*"}))
        assert (await runtime.operations.acting_for(who).fleet()).counts == {"idle": 1}


async def test_what_failed_says_why_in_lists() -> None:
    async with holdfast.Runtime(agents=[desk], store="memory://") as runtime:
        beats = runtime.operations.pulse()
        await until(beats, {})
        await runtime.send(desk["2"].work, 2)
        errors: list[str] = []
        async with asyncio.timeout(10):
            while not errors:
                errors = [e.error for e in (await anext(beats)).events if e.failed]
        assert errors == ["No."]
        await until(runtime.operations.pulse(), {"failed": 1})
        [row] = (await runtime.operations.fleet(states=["failed"])).rows
        assert row.doing.startswith("1 dead letter: ") and row.doing.endswith("No.")
        await runtime.send(desk["2"].work, 2)
        async with asyncio.timeout(10):
            while not (await runtime.operations.fleet(states=["failed"])).rows[0].doing.startswith("2 dead letters: "):
                await asyncio.sleep(0.02)


async def test_a_story_has_the_question_the_steps_and_the_cause() -> None:
    caller = Agent("caller")

    @caller.handler
    async def go(ctx: Context) -> int:
        return await ctx.call(desk["7"].work, 7)

    async with holdfast.Runtime(agents=[desk, caller], store="memory://") as runtime:
        await runtime.call(caller["1"].go)
        glance = await runtime.operations.glance("desk/7")
        assert [(t.handler, t.state, t.sender) for t in glance.turns] == [("work", "done", "caller/1")]
        story = await runtime.operations.story("desk/7", glance.turns[0].turn)
        assert story.args == [7]
        assert story.cause is not None
        assert (story.cause.agent, story.cause.path) == ("caller/1", "1")
        assert [e.kind for e in story.entries][-1] == "end"
        with pytest.raises(holdfast.NotFound):
            await runtime.operations.story("desk/7", 99)


async def test_a_query_that_means_nothing_is_refused() -> None:
    async with holdfast.Runtime(agents=[desk], store="memory://") as runtime:
        with pytest.raises(Rejected, match="no state"):
            await runtime.operations.fleet(states=["bored"])
        with pytest.raises(Rejected, match="no order"):
            await runtime.operations.fleet(order="colour")
        with pytest.raises(Rejected):
            await runtime.operations.save_view("", "fleet", "")


async def test_a_tenant_sees_its_own_fleet_and_hears_of_no_other() -> None:
    async with holdfast.Runtime(agents=[desk], store="memory://") as runtime:
        mine = runtime.operations.acting_for(Principal("person", "ada", "acme", frozenset({"*"})))
        one = encode(([1], {}), "arguments")
        await runtime.send(desk["0"].work, 0)
        await runtime.operations.send("acme/desk/1", "work", one)
        await until(runtime.operations.pulse(), {"input": 1, "finished": 1})
        beats = mine.pulse()
        first = await until(beats, {"input": 1})
        assert [r.address for r in (await mine.fleet()).rows] == ["acme/desk/1"]
        await runtime.send(desk["9"].work, 0)
        await runtime.operations.send("acme/desk/2", "work", one)
        heard = await until(beats, {"input": 2})
        assert {e.address for e in heard.events} <= {"acme/desk/2"}
        assert first.id < heard.id
        await mine.save_view("Ours", "fleet", "state=input")
        assert await runtime.operations.views() == []


async def test_a_search_finds_words_newest_first_and_goes_on_where_it_ended() -> None:
    async with holdfast.Runtime(agents=[desk], store="memory://") as runtime:
        for n in (1, 2, 3):
            await runtime.send(desk[str(n)].work, n)
        await until(runtime.operations.pulse(), {"input": 1, "failed": 1, "sleeping": 1})
        page = await runtime.operations.search("GO on?")
        assert [(f.address, f.verb) for f in page.found] == [("desk/1", "ask")]
        assert page.before == 0
        assert [f.address for f in (await runtime.operations.search(failed=True)).found] == ["desk/2"]
        first = await runtime.operations.search("desk", limit=1)
        rest = await runtime.operations.search("desk", before=first.before)
        assert first.found[0].id > rest.found[0].id
        assert (await runtime.operations.search(verb="sleep", agent="desk/")).found[0].address == "desk/3"
        assert (await runtime.operations.search("nothing of the kind")).found == []
