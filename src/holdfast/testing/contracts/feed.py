"""What the port says about the whole store: standings of agents, and journal rows by id."""

from __future__ import annotations

from ...domain.message import Kind, Status
from ...ports.feed import Standing
from ...ports.store import Commit, Mark
from .case import NOW, Case, Contract, agent, scenario, send, wait


class Feeds(Contract):
    """``holdfast.ports.feed``."""

    @scenario
    async def test_a_standing_tells_what_is_open_and_waited_for(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent("b"))
        ids = (await person.one(Commit(sends=[send(agent("b"), "add") for _ in range(4)]))).ids
        await pen.begin(ids[0])
        waits = [wait(2, "1", NOW + 5, "sleep", "24h"), wait(2, "2", 0, "ask", "approval"), wait(2, "d", NOW, "deadline")]
        await pen.begin(ids[1], Status.WAITING, waits=waits)
        [row] = await c.store.standings([agent("b"), agent("never")])
        assert (row.address, row.mode, row.entries) == (agent("b"), "active", 2)
        assert (row.queued, row.running, row.parked, row.dead) == (2, 1, 1, 0)
        assert (row.handler, row.version) == ("add", "v1")
        assert (row.waits, row.turn, row.verb, row.name, row.detail) == (2, 2, "ask", "approval", b"detail\0")

    @scenario
    async def test_dead_letters_and_ends_are_told(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent("a"))
        ids = (await person.one(Commit(sends=[send(agent("a")), send(agent("a"))]))).ids
        await pen.end(ids[0], await pen.begin(ids[0]), NOW + 7)
        turn = await pen.begin(ids[1])
        await pen.write(1, turn, marks=[Mark(ids[1], Status.DEAD, turn, "v1", NOW + 3)])
        [row] = await c.store.standings([agent("a")])
        assert (row.dead, row.ended, row.handler, row.running) == (1, NOW + 7, "", 0)

    @scenario
    async def test_events_and_modes_do_not_make_an_agent_busy(self, c: Case) -> None:
        person = await c.client()
        await person.one(Commit(sends=[send(agent("a"), kind=Kind.EVENT)]))
        await person.one(Commit(mode=(agent("a"), "paused", "mara: too loud")))
        [row] = await c.store.standings([agent("a")])
        assert (row.queued, row.running, row.parked, row.mode, row.reason) == (0, 0, 0, "paused", "mara: too loud")

    @scenario
    async def test_a_census_has_every_agent_once(self, c: Case) -> None:
        person = await c.client()
        await person.one(Commit(sends=[send(agent(f"{n:02}")) for n in range(25)]))
        seen: list[Standing] = []
        while rows := await c.store.census(seen[-1].ref if seen else 0, 10):
            assert len(rows) <= 10
            seen += rows
        assert sorted(r.address for r in seen) == [agent(f"{n:02}") for n in range(25)]
        assert [r.ref for r in seen] == sorted(r.ref for r in seen)
        assert {r.queued for r in seen} == {1}

    @scenario
    async def test_rows_are_found_by_their_ids(self, c: Case) -> None:
        assert await c.store.newest() == 0
        one = await c.member()
        for key in "ab":
            await (await one.take(agent(key))).write(2)
        rows = await c.store.history()
        assert await c.store.newest() == rows[-1].id
        assert await c.store.rows([rows[3].id, rows[1].id, 1 << 40]) == [rows[1], rows[3]]
        assert await c.store.rows([]) == []
