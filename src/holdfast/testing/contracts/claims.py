"""Finding work: what is queued, what was running, what falls due."""

from __future__ import annotations

import asyncio

from ...domain.message import Kind, Status
from ...ports.store import Commit, Mark
from .case import NOW, Case, Contract, agent, scenario, send, wait


class Claims(Contract):
    """``claim``, with delayed messages, due waits and ``next_due``."""

    @scenario
    async def test_a_claim_leases_agents_with_queued_messages(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        await person.one(Commit(sends=[send(agent("a")), send(agent("b")), send(agent("b"))]))
        claimed = await c.store.claim(one.token, 10, NOW)
        assert sorted(x.address for x in claimed.leases) == [agent("a"), agent("b")]
        assert (await c.store.claim(one.token, 10, NOW)).leases == []
        for lease in claimed.leases:
            assert (await one.one(Commit(lease=lease))).error is None

    @scenario
    async def test_a_claim_gives_no_more_than_asked_for(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        await person.one(Commit(sends=[send(agent(str(n))) for n in range(25)]))
        seen: list[str] = []
        for expected in (10, 10, 5, 0):
            got = await one.claimed(limit=10)
            assert len(got) == expected
            seen += got
        assert len(set(seen)) == 25

    @scenario
    async def test_two_sessions_never_claim_the_same_agent(self, c: Case) -> None:
        one, two, person = await c.member("one"), await c.member("two", store=await c.second()), await c.client()
        await person.one(Commit(sends=[send(agent(str(n))) for n in range(60)]))
        claims = await asyncio.gather(*(m.claimed(limit=7) for m in (one, two) for _ in range(12)))
        got = [address for claim in claims for address in claim]
        got += await one.claimed() + await two.claimed()
        assert len(got) == len(set(got)) == 60

    @scenario
    async def test_only_what_a_session_serves_is_claimed(self, c: Case) -> None:
        one, person = await c.member(desk="v1"), await c.client()
        await person.one(Commit(sends=[send(agent("a", "desk")), send(agent("a", "counter"))]))
        assert await one.claimed() == [agent("a", "desk")]
        await c.store.serve(one.token, {"desk": ("v1",), "counter": ("v1",)})
        assert await one.claimed() == [agent("a", "counter")]

    @scenario
    async def test_turns_that_ran_are_claimed_turns_that_wait_are_not(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two")
        for key, status in (("r", Status.RUNNING), ("w", Status.WAITING), ("b", Status.BUFFERED), ("d", Status.DONE)):
            pen = await one.take(agent(key))
            await pen.write(sends=[send(agent(key), status=status, turn=1, ended=NOW if status > 3 else 0)])
        await c.store.leave(one.token)
        assert await two.claimed() == [agent("r")]

    @scenario
    async def test_a_waiting_agent_is_claimed_when_a_reply_comes(self, c: Case) -> None:
        one, person = await c.member("one"), await c.client()
        pen = await one.take(agent())
        await pen.write(sends=[send(agent(), status=Status.WAITING, turn=1)], waits=[wait(1)])
        await pen.release()
        assert await one.claimed() == []
        await person.one(Commit(sends=[send(agent(), "1", kind=Kind.REPLY, turn=1)]))
        assert await one.claimed() == [agent()]

    @scenario
    async def test_a_delayed_message_is_work_when_it_is_due(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        receipt = await person.one(Commit(sends=[send(agent(), due=NOW + 100)]))
        assert [a.lease for a in receipt.arrivals] == [None]
        claimed = await c.store.claim(one.token, 10, NOW + 99)
        assert (claimed.leases, claimed.held, claimed.next_due) == ([], [], NOW + 100)
        assert await one.claimed(NOW + 100) == [agent()]

    @scenario
    async def test_a_delayed_message_is_not_handed_over_with_the_receipt(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        receipt = await pen.write(sends=[send(agent(), due=NOW + 5), send(agent("b"), due=NOW + 6), send(agent("b"))])
        assert [(a.mine, a.lease is not None) for a in receipt.arrivals if a.send.message.due] == [(False, False)] * 2
        assert [a.mine for a in receipt.arrivals if not a.send.message.due] == [True]

    @scenario
    async def test_held_agents_with_something_due_are_told(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        first, second, third = [await one.take(agent(k)) for k in "abc"]
        await first.write(sends=[send(agent("a"), status=Status.WAITING, turn=1)], waits=[wait(1, due=NOW + 10)])
        await second.write()
        await third.write(waits=[wait(1, due=NOW + 30)])
        await person.one(Commit(sends=[send(agent("b"), due=NOW + 20)]))
        claims = [await c.store.claim(one.token, 10, NOW + t) for t in (0, 10, 20, 30)]
        assert [sorted(x.held) for x in claims] == [
            [],
            [agent("a")],
            [agent("a"), agent("b")],
            [agent("a"), agent("b"), agent("c")],
        ]
        assert [x.next_due for x in claims] == [NOW + 10, NOW + 20, NOW + 30, 0]
        assert not any(x.leases for x in claims)

    @scenario
    async def test_a_due_wait_makes_a_free_agent_work(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        await pen.write(sends=[send(agent(), status=Status.WAITING, turn=1)], waits=[wait(1, "1", NOW + 50), wait(1, "2")])
        await pen.release()
        claimed = await c.store.claim(one.token, 10, NOW)
        assert (claimed.leases, claimed.next_due) == ([], NOW + 50)
        assert await one.claimed(NOW + 50) == [agent()]

    @scenario
    async def test_next_due_is_the_earliest_of_all_timers(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        assert (await c.store.claim(one.token, 10, NOW)).next_due == 0
        held, freed = await one.take(agent("held")), await one.take(agent("freed"))
        await held.write(waits=[wait(1, "1", NOW + 40)])
        await freed.write(sends=[send(agent("freed"), status=Status.WAITING, turn=1)], waits=[wait(1, "1", NOW + 30)])
        await freed.release()
        assert (await c.store.claim(one.token, 10, NOW)).next_due == NOW + 30
        await person.one(Commit(sends=[send(agent("new"), due=NOW + 20)]))
        assert (await c.store.claim(one.token, 10, NOW)).next_due == NOW + 20
        await person.one(Commit(sends=[send(agent("held"), due=NOW + 10)]))
        assert (await c.store.claim(one.token, 10, NOW)).next_due == NOW + 10

    @scenario
    async def test_a_wait_that_ended_is_no_timer(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        await pen.write(waits=[wait(1, "1", NOW + 10), wait(1, "2", NOW + 20)])
        await pen.write(1, 1, unwaits=[(1, "1")])
        assert (await c.store.claim(one.token, 10, NOW)).next_due == NOW + 20
        await pen.write(1, 1, unwaits=[(1, "2")])
        await pen.release()
        claimed = await c.store.claim(one.token, 10, NOW + 99)
        assert (claimed.leases, claimed.next_due) == ([], 0)

    @scenario
    async def test_a_message_whose_due_was_moved_waits_again(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        [id] = (await pen.write(sends=[send(agent())])).ids
        await pen.begin(id)
        await pen.write(1, 2, marks=[Mark(id, Status.QUEUED, 2, "v1", due=NOW + 70)])
        await pen.release()
        claimed = await c.store.claim(one.token, 10, NOW)
        assert (claimed.leases, claimed.next_due) == ([], NOW + 70)
        assert await one.claimed(NOW + 70) == [agent()]

    @scenario
    async def test_a_dead_letter_that_a_person_puts_back_is_work(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        [id] = (await pen.write(sends=[send(agent(), status=Status.DEAD, turn=1, ended=NOW)])).ids
        await pen.release()
        assert await one.claimed() == []
        await person.one(Commit(marks=[Mark(id, Status.QUEUED, body=b"edited")]))
        assert await one.claimed() == [agent()]

    @scenario
    async def test_paused_agents_are_not_claimed(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        await person.one(Commit(mode=(agent(), "paused", "lunch")))
        receipt = await person.one(Commit(sends=[send(agent()), send(agent(), due=NOW + 5)]))
        assert not any(a.lease for a in receipt.arrivals)
        assert await one.claimed(NOW + 10) == []
        await person.one(Commit(mode=(agent(), "active", "")))
        assert await one.claimed(NOW + 10) == [agent()]

    @scenario
    async def test_a_claimed_lease_tells_where_the_journal_ends(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        await pen.write(2, sends=[send(agent())])
        await pen.release()
        [lease] = (await c.store.claim(one.token, 10, NOW)).leases
        assert (lease.seq, lease.head, lease.ref) == (2, pen.head, pen.lease.ref)
        assert lease.epoch > pen.lease.epoch
