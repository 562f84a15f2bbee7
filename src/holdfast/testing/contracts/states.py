"""State with its prior values, modes, retirement."""

from __future__ import annotations

from ...domain.message import Kind, Status
from ...ports.store import Commit, Mark, StateRow, Subscribe
from .case import Case, Contract, agent, scenario, send


class States(Contract):
    """``state``, ``read_state``, ``mode``, ``wipe``."""

    @scenario
    async def test_a_value_that_was_never_set_is_none(self, c: Case) -> None:
        pen = await (await c.member()).take(agent())
        assert await c.store.read_state(pen.lease, "x") is None
        assert await c.store.state(agent()) == {}

    @scenario
    async def test_the_prior_value_is_the_one_before_the_last_writing_turn(self, c: Case) -> None:
        pen = await (await c.member()).take(agent())
        steps = [
            (1, b"a", ("user",), None, ()),
            (1, b"b", ("run:f",), None, ()),
            (3, b"c", ("x", "y"), b"b", ("run:f",)),
            (3, b"d", (), b"b", ("run:f",)),
            (3, None, (), b"b", ("run:f",)),
            (6, b"e", ("z",), None, ()),
            (7, b"f", (), b"e", ("z",)),
        ]
        for turn, value, labels, prior, prior_labels in steps:
            await pen.set("k", value, turn, *labels)
            read = await c.store.read_state(pen.lease, "k")
            assert read is not None
            assert (read.value, read.labels, read.turn) == (value, labels, turn)
            assert (read.prior, read.prior_labels) == (prior, prior_labels)

    @scenario
    async def test_prior_values_are_right_when_turns_share_one_call(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        await pen.set("k", b"0", 1, "old")
        await one.apply(
            pen.commit(1, 2, state=[StateRow("k", b"1", 2, ("one",)), StateRow("other", b"x", 2)]),
            pen.commit(1, 2, state=[StateRow("k", b"2", 2, ("two",))]),
            pen.commit(1, 4, state=[StateRow("k", b"3", 4, ("three",))]),
            pen.commit(1, 4, state=[StateRow("k", b"4", 4)]),
        )
        read = await c.store.read_state(pen.lease, "k")
        assert read is not None
        assert (read.value, read.turn, read.prior, read.prior_labels) == (b"4", 4, b"2", ("two",))
        await pen.set("k", b"5", 4)
        read = await c.store.read_state(pen.lease, "k")
        assert read is not None and (read.value, read.prior) == (b"5", b"2")

    @scenario
    async def test_a_deleted_value_is_known_as_deleted_to_turns_and_absent_for_people(self, c: Case) -> None:
        pen = await (await c.member()).take(agent())
        await pen.set("gone", b"1", 1)
        await pen.set("kept", b"2", 1, "user")
        await pen.set("gone", None, 3)
        read = await c.store.read_state(pen.lease, "gone")
        assert read is not None and (read.value, read.prior, read.turn) == (None, b"1", 3)
        everything = await c.store.state(agent())
        assert [(k, v.value, v.labels) for k, v in everything.items()] == [("kept", b"2", ("user",))]

    @scenario
    async def test_state_belongs_to_one_agent(self, c: Case) -> None:
        one = await c.member()
        a, b = await one.take(agent("a")), await one.take(agent("b"))
        await one.apply(*(p.commit(state=[StateRow("k\0", p.address.encode(), 1)]) for p in (a, b)))
        for pen in (a, b):
            read = await c.store.read_state(pen.lease, "k\0")
            assert read is not None and read.value == pen.address.encode()
            assert list(await c.store.state(pen.address)) == ["k\0"]

    @scenario
    async def test_a_wiped_agent_has_only_its_journal_and_its_mailbox(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen, other = await one.take(agent()), await one.take(agent("b"))
        for p in (pen, other):
            await p.write(state=[StateRow("k", b"1", 1)], subscribes=[Subscribe("topic:t", "add"), Subscribe("group:g", "")])
        await person.one(Commit(sends=[send(agent(), "e", kind=Kind.EVENT, status=Status.BUFFERED), send(agent(), "r")]))
        await pen.write(wipe=True)
        assert await c.store.state(agent()) == {} and await c.store.read_state(pen.lease, "k") is None
        assert {address for address, _, _ in await c.store.subscriptions()} == {agent("b")}
        assert [m.name for m in (await c.store.load(pen.lease, 9)).open] == ["r"]
        assert len(await c.store.entries(agent(), 0, 9)) == 2
        assert set(await c.store.state(agent("b"))) == {"k"}
        await pen.set("k", b"new", 3)
        read = await c.store.read_state(pen.lease, "k")
        assert read is not None and (read.value, read.prior) == (b"new", None)

    @scenario
    async def test_a_wipe_and_what_follows_it_in_one_call(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        await pen.set("k", b"1", 1)
        await one.apply(pen.commit(wipe=True), pen.commit(state=[StateRow("k", b"2", 3)]))
        read = await c.store.read_state(pen.lease, "k")
        assert read is not None and (read.value, read.prior) == (b"2", None)

    @scenario
    async def test_a_wipe_takes_what_the_same_call_has_kept_for_later(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        first, second = (await person.one(Commit(sends=[send(agent(), "e", kind=Kind.EVENT) for _ in range(2)]))).ids
        await one.apply(
            pen.commit(marks=[Mark(first, Status.BUFFERED)]),
            pen.commit(marks=[Mark(second, Status.BUFFERED)], wipe=True),
        )
        assert (await c.store.load(pen.lease, 9)).open == []

    @scenario
    async def test_a_mode_is_kept_with_its_reason(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        await person.one(Commit(mode=(agent(), "paused", "too expensive")))
        row = await c.store.agent(agent())
        assert row is not None and (row.mode, row.reason) == ("paused", "too expensive")
        assert (await one.take(agent())).lease.mode == "paused"
        assert [r.address for r in await c.store.agents(mode="paused")] == [agent()]
        await person.one(Commit(mode=(agent(), "active", "")))
        assert await c.store.agents(mode="paused") == []

    @scenario
    async def test_a_retired_agent_takes_no_more_messages(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        await pen.write(wipe=True, mode=(agent(), "retired", "done"))
        for kind in (Kind.REQUEST, Kind.EVENT):
            assert (await person.refused(Commit(sends=[send(agent(), kind=kind)]))).code == "agent.retired"
        late = send(agent(), "1", kind=Kind.REPLY, turn=1)
        await person.one(Commit(sends=[late]))
        await person.one(Commit(mode=(agent(), "active", "")))
        await person.one(Commit(sends=[send(agent())]))

    @scenario
    async def test_modes_of_earlier_commits_of_the_same_call_count(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        far = await one.take(agent("far"))
        await far.write(subscribes=[Subscribe("topic:t", "h")])
        receipts = await c.store.commit(
            person.token,
            [
                Commit(sends=[send(agent()), send("topic:t", sender=agent())]),
                Commit(mode=(agent(), "retired", "")),
                Commit(mode=(agent("far"), "retired", "")),
                Commit(sends=[send(agent())]),
                Commit(sends=[send("topic:t", sender=agent())]),
                Commit(mode=(agent(), "active", "")),
                Commit(sends=[send(agent())]),
            ],
        )
        assert [r.error.code if r.error else "" for r in receipts] == ["", "", "", "agent.retired", "", "", ""]
        assert [len(r.arrivals) for r in receipts] == [2, 0, 0, 0, 0, 0, 1]
