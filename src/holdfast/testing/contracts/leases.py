"""Sessions and leases: who may run what, and how work comes free."""

from __future__ import annotations

import asyncio

import pytest

from ...domain.errors import Conflict
from ...domain.message import Status
from ...ports.store import Commit, Lease
from .case import NOW, Case, Contract, agent, scenario, send, until_dead, wait


class Leases(Contract):
    """``enlist``, ``serve``, ``beat``, ``leave``, ``lease``, ``release``."""

    @scenario
    async def test_agents_exist_as_soon_as_they_are_leased(self, c: Case) -> None:
        one = await c.member()
        leases = await c.store.lease(one.token, [agent("a"), agent("b"), agent("c")])
        assert [x and (x.address, x.seq, x.head, x.fresh, x.mode) for x in leases] == [
            (agent(k), 0, b"", True, "active") for k in "abc"
        ]
        assert len({x.ref for x in leases if x}) == 3

    @scenario
    async def test_a_lease_tells_where_the_journal_ends(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        await pen.write(3)
        await pen.release()
        again = (await one.take(agent())).lease
        assert (again.seq, again.head, again.fresh) == (3, pen.head, False)
        assert again.ref == pen.lease.ref and again.epoch > pen.lease.epoch

    @scenario
    async def test_nobody_gets_what_another_live_session_holds(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two", store=await c.second())
        await one.take(agent())
        got = await two.store.lease(two.token, [agent(), agent("b")])
        assert got[0] is None and got[1] is not None

    @scenario
    async def test_leasing_again_what_one_holds_gives_the_same_lease(self, c: Case) -> None:
        """A caller whose reply was lost asks again; it must not lock itself out."""
        one = await c.member()
        pen = await one.take(agent())
        await pen.write()
        [again] = await c.store.lease(one.token, [agent()])
        assert again is not None
        assert (again.epoch, again.seq, again.head) == (pen.lease.epoch, 1, pen.head)

    @scenario
    async def test_an_agent_goes_to_exactly_one_of_many_who_ask_at_once(self, c: Case) -> None:
        members = [await c.member(str(n), store=await c.second() if n % 2 else None) for n in range(4)]
        addresses = [agent(str(n)) for n in range(40)]
        results = await asyncio.gather(
            *(m.store.lease(m.token, addresses if n % 2 else addresses[::-1]) for n, m in enumerate(members))
        )
        got = [lease.address for leases in results for lease in leases if lease is not None]
        assert sorted(got) == sorted(addresses)

    @scenario
    async def test_a_session_leases_only_what_it_serves(self, c: Case) -> None:
        one = await c.member(counter="v1")
        assert await c.store.lease(one.token, [agent("a", "desk")]) == [None]
        await c.store.serve(one.token, {"desk": ("v1",)})
        assert await c.store.lease(one.token, [agent("a", "counter")]) == [None]
        await one.take(agent("a", "desk"))

    @scenario
    async def test_a_released_agent_is_free(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two")
        pen = await one.take(agent())
        await pen.release()
        await two.take(agent())

    @scenario
    async def test_releasing_a_stale_lease_takes_nothing_from_the_new_holder(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two")
        old = await one.take(agent())
        await old.release()
        new = await two.take(agent())
        await old.release()
        await c.store.release(two.token, [Lease(agent(), new.lease.ref, new.lease.epoch - 1, 0, b"")])
        await new.write()
        assert await c.store.lease(one.token, [agent()]) == [None]

    @scenario
    async def test_an_agent_that_needs_a_version_goes_to_who_serves_it(self, c: Case) -> None:
        old, new = await c.member("old", counter="v2 v1"), await c.member("new", counter="v2")
        pen = await new.take(agent())
        await pen.write(sends=[send(agent(), status=Status.RUNNING, turn=1)])
        await pen.release(needs="v1")
        assert await c.store.lease(new.token, [agent()]) == [None]
        assert await new.claimed() == []
        receipt = await new.one(Commit(sends=[send(agent())]))
        assert [(a.mine, a.lease) for a in receipt.arrivals] == [(False, None)]
        assert await old.claimed() == [agent()]

    @scenario
    async def test_a_need_is_forgotten_with_the_next_release(self, c: Case) -> None:
        old, new = await c.member("old", counter="v1"), await c.member("new", counter="v2")
        await (await new.take(agent())).release(needs="v1")
        await (await old.take(agent())).release()
        await new.take(agent())

    @scenario
    async def test_a_need_outlives_the_session_that_met_it(self, c: Case) -> None:
        old, new = await c.member("old", counter="v1"), await c.member("new", counter="v2")
        await (await new.take(agent())).release(needs="v1")
        await old.take(agent())
        await c.store.leave(old.token)
        assert await c.store.lease(new.token, [agent()]) == [None]

    @scenario
    async def test_a_session_that_beats_stays_alive(self, c: Case) -> None:
        one, two = await c.member("one", lease_seconds=1.0), await c.member("two")
        pen = await one.take(agent())
        loop = asyncio.get_running_loop()
        until = loop.time() + 2.0
        while loop.time() < until:
            assert await c.store.beat(one.token)
            assert await c.store.beat(two.token)
            await asyncio.sleep(0.1)
        await pen.write()
        assert not one.heard("lost")

    @scenario
    async def test_a_silent_session_is_declared_dead_and_its_agents_come_free(self, c: Case) -> None:
        store = await c.second()
        dead, healthy = await c.member("dead", lease_seconds=0.2, store=store), await c.member("healthy")
        pen = await dead.take(agent())
        await dead.take(agent("idle"))
        await pen.write(sends=[send(agent(), status=Status.RUNNING, turn=1)])
        await until_dead(healthy, dead)
        await healthy.hears("work")
        assert await healthy.claimed() == [agent()]
        await healthy.take(agent("idle"))
        assert not await store.beat(dead.token)

    @scenario
    async def test_what_a_dead_session_held_is_told_it_is_over(self, c: Case) -> None:
        dead, healthy = await c.member("dead", lease_seconds=0.2), await c.member("healthy")
        await until_dead(healthy, dead)
        for call in (
            c.store.lease(dead.token, [agent()]),
            c.store.claim(dead.token, 10, NOW),
            c.store.serve(dead.token, {"counter": ("v1",)}),
        ):
            with pytest.raises(Conflict) as caught:
                await call
            assert caught.value.code == "session.lost"

    @scenario
    async def test_enlisting_anew_works_after_death(self, c: Case) -> None:
        dead, healthy = await c.member("dead", lease_seconds=0.2), await c.member("healthy")
        await dead.take(agent())
        await until_dead(healthy, dead)
        again = await c.member("dead")
        assert again.token != dead.token
        await again.take(agent())

    @scenario
    async def test_leaving_frees_everything_at_once(self, c: Case) -> None:
        one, two = await c.member("one", store=await c.second()), await c.member("two")
        pen = await one.take(agent())
        await pen.write(sends=[send(agent(), status=Status.RUNNING, turn=1)])
        await one.store.leave(one.token)
        await two.hears("work")
        assert await two.claimed() == [agent()]
        assert (await one.refused(pen.commit())).code == "lease.lost"
        assert not await one.store.beat(one.token)
        await one.store.leave(one.token)

    @scenario
    async def test_timers_of_a_session_that_left_are_known_to_the_others(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two")
        pen = await one.take(agent())
        await pen.write(sends=[send(agent(), status=Status.WAITING, turn=1)], waits=[wait(1, due=NOW + 9)])
        await pen.release()
        two.signals.clear()
        await c.store.leave(one.token)
        assert (await c.store.claim(two.token, 10, NOW)).next_due == NOW + 9

    @scenario
    async def test_an_unknown_session_has_no_heartbeat(self, c: Case) -> None:
        assert not await c.store.beat("nobody-1")

    @scenario
    async def test_sessions_have_ids_of_their_own(self, c: Case) -> None:
        tokens = {(await c.member("same")).token for _ in range(5)}
        assert len(tokens) == 5

    @scenario
    async def test_whoever_takes_what_a_dead_worker_held_is_told_until_it_gives_it_back(self, c: Case) -> None:
        store = await c.second()
        dead, healthy = await c.member("dead", lease_seconds=0.2, store=store), await c.member("healthy")
        pen = await dead.take(agent())
        assert not (await dead.store.load(pen.lease, 10)).upset
        await pen.write(sends=[send(agent(), status=Status.RUNNING, turn=1)])
        await until_dead(healthy, dead)
        await healthy.hears("work")
        pen = await healthy.take(agent())
        assert (await c.store.load(pen.lease, 10)).upset
        await pen.release()
        pen = await healthy.take(agent())
        assert not (await c.store.load(pen.lease, 10)).upset

    @scenario
    async def test_a_worker_that_comes_back_only_was_cut_off(self, c: Case) -> None:
        store = await c.second()
        cut, healthy = await c.member("cut", lease_seconds=0.2, store=store), await c.member("healthy")
        await cut.take(agent())
        await until_dead(healthy, cut)
        await c.member("cut", store=store)
        pen = await healthy.take(agent())
        assert not (await c.store.load(pen.lease, 10)).upset

    @scenario
    async def test_who_leaves_in_peace_upsets_nobody_and_who_dies_does(self, c: Case) -> None:
        for died in (False, True):
            one, two = await c.member(f"one{died}", store=await c.second()), await c.member("two")
            await one.take(agent())
            await one.store.leave(one.token, died=died)
            pen = await two.take(agent())
            assert (await c.store.load(pen.lease, 10)).upset is died
            await pen.release()

    @scenario
    async def test_workers_are_listed_and_told_to_drain_by_name_or_session(self, c: Case) -> None:
        store = await c.second()
        one, two = await c.member("w", store=store), await c.member("w", desk="v2 v1")
        other, sender = await c.member("other"), await c.client()
        names = [(session, w.name, w.serves, w.lease_seconds) for session, w in await c.store.workers()]
        assert sorted(names) == sorted(
            [
                (one.token, "w", {"counter": ("v1",)}, 60.0),
                (two.token, "w", {"desk": ("v2", "v1")}, 60.0),
                (other.token, "other", {"counter": ("v1",)}, 60.0),
            ]
        )
        assert sender.token not in [session for session, *_ in names]
        assert await c.store.drain("nobody") == 0
        assert await c.store.drain("w") == 2
        await one.hears("drain")
        await two.hears("drain")
        assert not other.heard("drain")
        assert await c.store.drain(other.token) == 1
        await other.hears("drain")
