"""Signals: what one session does and another has to hear of."""

from __future__ import annotations

from ...domain.message import Status
from ...ports.store import Commit
from .case import NOW, Case, Contract, agent, scenario, send, wait


class Signals(Contract):
    """News between two sessions."""

    @scenario
    async def test_a_holder_elsewhere_hears_of_an_arrival(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two", store=await c.second())
        pen = await one.take(agent())
        await two.take(agent("b"))
        await pen.write(sends=[send(agent("b"))])
        await two.hears("arrived", agent("b"))
        assert not one.heard("arrived", agent("b"))

    @scenario
    async def test_many_arrivals_reach_the_holder(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two", store=await c.second())
        pen = await one.take(agent())
        far = [agent(f"{n:03d}-" + "k" * 150) for n in range(200)]
        await two.store.lease(two.token, far)
        await pen.write(sends=[send(address) for address in far])
        for address in far:
            await two.hears("arrived", address)

    @scenario
    async def test_work_that_the_sender_cannot_do_is_news_for_the_others(self, c: Case) -> None:
        person, two = await c.client(), await c.member("two", store=await c.second())
        await person.one(Commit(sends=[send(agent())]))
        await two.hears("work")
        assert await two.claimed() == [agent()]

    @scenario
    async def test_a_new_timer_is_news(self, c: Case) -> None:
        person, two = await c.client(), await c.member("two", store=await c.second())
        await person.one(Commit(sends=[send(agent(), due=NOW + 50)]))
        await two.hears("work")
        assert (await two.store.claim(two.token, 9, NOW)).next_due == NOW + 50

    @scenario
    async def test_the_origin_of_a_message_hears_that_it_ended(self, c: Case) -> None:
        one, person = await c.member("one", store=await c.second()), await c.client()
        pen = await one.take(agent())
        ids = (await person.one(Commit(sends=[send(agent(), origin=person.token) for _ in range(3)]))).ids
        [other] = (await person.one(Commit(sends=[send(agent())]))).ids
        turn = await pen.begin(ids[0])
        assert not person.heard("ended")
        await pen.end(ids[0], turn)
        await person.hears("ended", ids[0])
        await pen.end(other, pen.seq + 1)
        await pen.end(ids[1], pen.seq + 1)
        await person.hears("ended", ids[1])
        assert not person.heard("ended", other) and not person.heard("ended", ids[2])

    @scenario
    async def test_a_holder_hears_of_a_change_of_mode(self, c: Case) -> None:
        one, person = await c.member("one", store=await c.second()), await c.client()
        await one.take(agent())
        await person.one(Commit(mode=(agent(), "paused", "")))
        await one.hears("mode", agent())

    @scenario
    async def test_a_free_agent_made_active_is_work(self, c: Case) -> None:
        one, person = await c.member("one", store=await c.second()), await c.client()
        await person.apply(Commit(mode=(agent(), "paused", "")), Commit(sends=[send(agent())]))
        one.signals.clear()
        await person.one(Commit(mode=(agent(), "active", "")))
        await one.hears("work")
        assert await one.claimed() == [agent()]

    @scenario
    async def test_an_agent_released_for_another_version_is_work(self, c: Case) -> None:
        new, old = await c.member("new", counter="v2"), await c.member("old", store=await c.second(), counter="v1")
        pen = await new.take(agent())
        await pen.write(sends=[send(agent(), status=Status.RUNNING, turn=1)])
        old.signals.clear()
        await pen.release(needs="v1")
        await old.hears("work")
        assert await old.claimed() == [agent()]

    @scenario
    async def test_a_delayed_message_reaches_the_timers_of_its_holder(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two", store=await c.second())
        pen, far = await one.take(agent()), await two.take(agent("far"))
        await far.write(waits=[wait(1, "1", NOW + 90)])
        await pen.write(sends=[send(agent("far"), due=NOW + 10)])
        await two.hears("arrived", agent("far"))
        claimed = await two.store.claim(two.token, 9, NOW)
        assert claimed.next_due == NOW + 10
