"""Commits: atomic, ordered, fenced, repeatable."""

from __future__ import annotations

import asyncio

from ...domain.errors import Conflict
from ...domain.limits import Limits
from ...domain.message import Kind, Status
from ...ports.store import Commit, EntryRow, Mark, StateRow, Subscribe
from .case import NOW, Case, Contract, agent, scenario, send, until_dead, wait


class Commits(Contract):
    """``Store.commit`` and the guarantees at the head of the port."""

    @scenario
    async def test_a_commit_writes_all_of_its_parts(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        receipt = await pen.write(
            2,
            sends=[send(agent("b")), send(agent("b"), "more", body=b"\0\xff")],
            waits=[wait(1, "2", NOW + 5)],
            state=[StateRow("total", b"1\0", 1, ("user", "event:x"))],
            subscribes=[Subscribe("topic:orders.>", "add")],
        )
        assert len(receipt.ids) == 2 and 0 < receipt.ids[0] < receipt.ids[1]
        rows = await c.store.entries(agent(), 0, 10)
        assert [(r.seq, r.turn, r.body) for r in rows] == [(1, 1, b"default/counter/a#1"), (2, 1, b"default/counter/a#2")]
        assert rows[1].hash == pen.head
        first, second = [await c.store.message(id) for id in receipt.ids]
        assert first is not None and (first.address, first.name, first.body) == (agent("b"), "add", b"body")
        assert second is not None and (second.status, second.kind, second.body) == (Status.QUEUED, Kind.REQUEST, b"\0\xff")
        value = await c.store.read_state(pen.lease, "total")
        assert value is not None and (value.value, value.labels, value.turn) == (b"1\0", ("user", "event:x"), 1)
        [waiting] = await c.store.waits()
        assert (waiting.address, waiting.path, waiting.due, waiting.detail) == (agent(), "2", NOW + 5, b"detail\0")
        assert await c.store.subscriptions() == [(agent(), "topic:orders.>", "add")]

    @scenario
    async def test_nothing_of_a_refused_commit_happens(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        receipt = await pen.write(sends=[send(agent("b"), key="k"), send(agent(), "event", kind=Kind.EVENT)])
        seen, event = receipt.ids
        before = await c.store.stats()
        error = await one.refused(
            pen.commit(
                sends=[send(agent("new")), send(agent("b"), key="k")],
                marks=[Mark(seen, Status.DONE, 9, "v1", NOW)],
                consumed=[event],
                waits=[wait(1)],
                state=[StateRow("x", b"1", 1)],
                subscribes=[Subscribe("group:g", "add")],
            )
        )
        assert error.code == "message.duplicate"
        assert await c.store.stats() == before
        assert len(await c.store.entries(agent(), 0, 10)) == 1
        assert await c.store.read_state(pen.lease, "x") is None
        assert await c.store.waits() == [] and await c.store.subscriptions() == []
        left = await c.store.messages(statuses=[Status.QUEUED])
        assert [m.id for m in left] == [seen, event]
        assert await c.store.agent(agent("new")) is None

    @scenario
    async def test_a_refused_commit_leaves_its_neighbours_alone(self, c: Case) -> None:
        one = await c.member()
        pens = [await one.take(agent(str(n))) for n in range(5)]
        await pens[0].write(sends=[send(agent("b"), key="k")])
        stale = pens[3].commit()
        assert stale.lease is not None
        stale.lease.epoch += 7
        commits = [p.commit(sends=[send(agent("b"), key="k" if n == 1 else "")]) for n, p in enumerate(pens[:3])]
        receipts = await c.store.commit(one.token, [*commits, stale, pens[4].commit()])
        assert [r.error.code if r.error else "" for r in receipts] == ["", "message.duplicate", "", "lease.lost", ""]
        assert [len(await c.store.entries(p.address, 0, 9)) for p in pens] == [2, 0, 1, 0, 1]
        assert len(await c.store.messages(statuses=[Status.QUEUED], address=agent("b"))) == 3

    @scenario
    async def test_commits_happen_in_the_order_of_the_calls_and_of_the_list(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        calls = [
            asyncio.create_task(
                c.store.commit(one.token, [pen.commit(sends=[send(agent("b"), f"{call}.{n}")]) for n in range(3)])
            )
            for call in range(10)
        ]
        receipts = [r for call in await asyncio.gather(*calls) for r in call]
        assert all(r.error is None for r in receipts)
        ids = [r.ids[0] for r in receipts]
        assert ids == sorted(set(ids))
        names = [m.name for m in await c.store.messages(statuses=[Status.QUEUED], limit=100)]
        assert names == [f"{call}.{n}" for call in range(10) for n in range(3)]
        assert [r.seq for r in await c.store.entries(agent(), 0, 100)] == list(range(1, 31))

    @scenario
    async def test_a_lease_that_is_not_the_newest_is_refused(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two")
        old = await one.take(agent())
        await old.release()
        new = await two.take(agent())
        assert new.lease.epoch > old.lease.epoch
        error = await one.refused(old.commit())
        assert isinstance(error, Conflict) and error.code == "lease.lost"
        await new.write()
        assert len(await c.store.entries(agent(), 0, 10)) == 1

    @scenario
    async def test_a_lease_works_only_for_the_session_it_was_given_to(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two")
        pen = await one.take(agent())
        assert (await two.refused(pen.commit())).code == "lease.lost"

    @scenario
    async def test_a_released_lease_is_refused_even_if_nobody_took_the_agent(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        await pen.release()
        assert (await one.refused(pen.commit())).code == "lease.lost"

    @scenario
    async def test_a_worker_that_stalls_past_its_lease_and_comes_back_is_refused(self, c: Case) -> None:
        store = await c.second()
        stalled = await c.member("stalled", lease_seconds=0.2, store=store)
        healthy = await c.member("healthy")
        old = await stalled.take(agent())
        await old.write()
        await until_dead(healthy, stalled)
        new = await healthy.take(agent())
        assert (new.lease.seq, new.lease.head) == (1, old.head)
        await new.write()
        assert (await stalled.refused(old.commit())).code == "lease.lost"
        assert not await store.beat(stalled.token)
        assert [r.hash for r in await c.store.entries(agent(), 1, 9)] == [new.head]

    @scenario
    async def test_a_dead_session_is_refused_even_if_nobody_took_its_agents(self, c: Case) -> None:
        dead, healthy = await c.member("dead", lease_seconds=0.2), await c.member("healthy")
        pen = await dead.take(agent())
        await until_dead(healthy, dead)
        assert (await dead.refused(pen.commit())).code == "lease.lost"

    @scenario
    async def test_a_commit_repeated_after_a_lost_reply_is_acknowledged_not_applied_again(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        commit = pen.commit(2, sends=[send(agent("b")), send(agent("c"), key="k")], state=[StateRow("x", b"1", 1)])
        first = await one.one(commit)
        again = await one.one(commit)
        assert again.ids == first.ids
        assert len(await c.store.entries(agent(), 0, 10)) == 2
        assert len(await c.store.messages(statuses=[Status.QUEUED])) == 2
        await pen.write()
        assert (await one.one(commit)).ids == first.ids, "also when the journal went on since"

    @scenario
    async def test_repeating_a_call_of_which_part_was_applied_applies_the_rest(self, c: Case) -> None:
        one = await c.member()
        pen, other = await one.take(agent()), await one.take(agent("o"))
        done = pen.commit()
        await one.apply(done)
        await one.apply(done, other.commit(), pen.commit())
        assert [len(await c.store.entries(a, 0, 9)) for a in (agent(), agent("o"))] == [2, 1]

    @scenario
    async def test_a_journal_has_no_gaps_and_no_forks(self, c: Case) -> None:
        one = await c.member()
        pen, other = await one.take(agent()), await one.take(agent("o"))
        await pen.write(2)
        ahead = Commit(lease=pen.lease, entries=[EntryRow(4, 4, b"ahead", b"4")])
        fork = Commit(lease=pen.lease, entries=[EntryRow(2, 1, b"other", b"2")])
        receipts = await c.store.commit(one.token, [ahead, other.commit()])
        assert [r.error.code if r.error else "" for r in receipts] == ["lease.lost", ""]
        receipts = await c.store.commit(one.token, [fork, other.commit()])
        assert [r.error.code if r.error else "" for r in receipts] == ["lease.lost", ""]
        assert [r.hash for r in await c.store.entries(agent(), 1, 9)] == [pen.head]

    @scenario(limits=Limits(mailbox_depth=2))
    async def test_what_is_refused_now_may_be_accepted_later(self, c: Case) -> None:
        one = await c.member()
        pen, receiver = await one.take(agent()), await one.take(agent("b"))
        ids = (await pen.write(sends=[send(agent("b")), send(agent("b"))])).ids
        commit = pen.commit(sends=[send(agent("b"))])
        assert (await one.refused(commit)).code == "mailbox.full"
        await receiver.begin(ids[0])
        await one.one(commit)

    @scenario
    async def test_an_operator_commits_without_a_lease(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        [id] = (await person.one(Commit(sends=[send(agent())]))).ids
        await person.one(Commit(marks=[Mark(id, Status.DEAD, ended=NOW)]))
        await person.one(Commit(marks=[Mark(id, Status.QUEUED, body=b"edited")]))
        stored = await c.store.message(id)
        assert stored is not None and (stored.status, stored.body, stored.ended) == (Status.QUEUED, b"edited", 0)
        assert await one.claimed() == [agent()]

    @scenario
    async def test_no_commits_give_no_receipts(self, c: Case) -> None:
        assert await c.store.commit((await c.member()).token, []) == []

    @scenario
    async def test_ten_thousand_commits_of_one_call(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        receipts = await one.apply(*(pen.commit() for _ in range(10_000)))
        assert len(receipts) == 10_000
        row = await c.store.agent(agent())
        assert row is not None and row.seq == 10_000

    @scenario
    async def test_large_bodies_and_every_byte(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        body = bytes(range(256)) * 8192
        await pen.write(state=[StateRow("big", body, 1)], sends=[send(agent("b"), body=body)])
        value = await c.store.read_state(pen.lease, "big")
        [stored] = await c.store.messages(statuses=[Status.QUEUED])
        assert value is not None and value.value == body and stored.body == body
