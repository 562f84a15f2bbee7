"""Topics and groups: who receives what is published."""

from __future__ import annotations

from ...domain.message import Status
from ...domain.topics import matches
from ...ports.store import Commit, Subscribe
from .case import Case, Contract, agent, message_of, scenario, send


class Topics(Contract):
    """Publish and subscribe, groups."""

    @scenario
    async def test_a_message_to_a_topic_reaches_every_pattern_that_matches(self, c: Case) -> None:
        patterns = ["a.b.c", "a.*.c", "*.b.c", "a.>", ">", "*.*.*", "a.b", "a.b.c.d", "*.*", "b.>", "a.b.c.>", "a.b.*"]
        one = await c.member()
        for n, pattern in enumerate(patterns):
            pen = await one.take(agent(str(n)))
            await pen.write(subscribes=[Subscribe(f"topic:{pattern}", f"h{n}")])
        pen = await one.take(agent("sender"))
        receipt = await pen.write(sends=[send("topic:a.b.c", "published"), send(agent("x"))])
        assert receipt.ids[0] == 0 and receipt.ids[1] > 0
        expected = [(agent(str(n)), f"h{n}") for n, p in enumerate(patterns) if matches(p, "a.b.c")]
        assert message_of(receipt.arrivals) == sorted([*expected, (agent("x"), "add")])
        rows = {m.address: m for m in await c.store.messages(statuses=[Status.QUEUED])}
        assert {(address, m.name) for address, m in rows.items()} == {*expected, (agent("x"), "add")}
        assert all(a.id == rows[a.address].id and a.mine for a in receipt.arrivals)

    @scenario
    async def test_a_topic_nobody_listens_to_is_no_error(self, c: Case) -> None:
        receipt = await (await c.client()).one(Commit(sends=[send("topic:void", sender=agent())]))
        assert (receipt.ids, receipt.arrivals) == ([0], [])

    @scenario
    async def test_an_agent_gets_a_message_once_per_handler(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        await pen.write(
            subscribes=[Subscribe(f"topic:{p}", h) for p, h in (("a.b", "h1"), ("a.*", "h1"), (">", "h1"), ("a.>", "h2"))]
        )
        receipt = await pen.write(sends=[send("topic:a.b")])
        assert message_of(receipt.arrivals) == [(agent(), "h1"), (agent(), "h2")]

    @scenario
    async def test_subscriptions_of_earlier_commits_of_the_same_call_count(self, c: Case) -> None:
        one = await c.member()
        a, b, sender = [await one.take(agent(k)) for k in ("a", "b", "s")]
        await b.write(subscribes=[Subscribe("topic:t", "old")])
        receipts = await one.apply(
            sender.commit(sends=[send("topic:t")]),
            a.commit(subscribes=[Subscribe("topic:t", "new")]),
            b.commit(subscribes=[Subscribe("topic:t", "old", on=False)]),
            sender.commit(sends=[send("topic:t")]),
        )
        assert [message_of(r.arrivals) for r in receipts] == [[(agent("b"), "old")], [], [], [(agent("a"), "new")]]

    @scenario
    async def test_groups_are_joined_and_left(self, c: Case) -> None:
        one = await c.member()
        pens = [await one.take(agent(str(n))) for n in range(3)]
        for pen in pens:
            await pen.write(subscribes=[Subscribe("group:red", "")])
            await pen.write(subscribes=[Subscribe("group:red", "")])
        await pens[1].write(subscribes=[Subscribe("group:red", "", on=False)])
        receipt = await pens[0].write(sends=[send("group:red", "hello")])
        assert message_of(receipt.arrivals) == [(agent("0"), "hello"), (agent("2"), "hello")]
        assert await c.store.subscriptions(agent("2")) == [(agent("2"), "group:red", "")]
        assert (await pens[0].write(sends=[send("group:blue")])).arrivals == []

    @scenario
    async def test_leaving_without_a_handler_leaves_with_all_of_them(self, c: Case) -> None:
        pen = await (await c.member()).take(agent())
        await pen.write(subscribes=[Subscribe("topic:t", "h1"), Subscribe("topic:t", "h2"), Subscribe("topic:u", "h1")])
        await pen.write(subscribes=[Subscribe("topic:t", "h1", on=False)])
        assert await c.store.subscriptions() == [(agent(), "topic:t", "h2"), (agent(), "topic:u", "h1")]
        await pen.write(subscribes=[Subscribe("topic:t", "", on=False)])
        assert await c.store.subscriptions() == [(agent(), "topic:u", "h1")]

    @scenario
    async def test_topics_and_groups_end_at_the_tenant(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        for tenant in ("default", "acme"):
            pen = await one.take(agent("a", tenant=tenant))
            await pen.write(subscribes=[Subscribe("topic:t", "h"), Subscribe("group:g", "")])
        sender = await one.take(agent("s", tenant="acme"))
        receipt = await sender.write(sends=[send("topic:t"), send("group:g")])
        assert [a.address for a in receipt.arrivals] == [agent("a", tenant="acme")] * 2
        receipt = await person.one(Commit(sends=[send("topic:t", sender="default/person/p")]))
        assert [a.address for a in receipt.arrivals] == [agent("a")]

    @scenario
    async def test_subscribers_held_elsewhere_are_told(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two", store=await c.second())
        pen, far = await one.take(agent()), await two.take(agent("far"))
        await far.write(subscribes=[Subscribe("topic:t", "h")])
        [arrival] = (await pen.write(sends=[send("topic:t")])).arrivals
        assert (arrival.address, arrival.mine) == (agent("far"), False)
        await two.hears("arrived", agent("far"))

    @scenario
    async def test_a_repeated_publication_is_delivered_once(self, c: Case) -> None:
        one = await c.member()
        pen, far = await one.take(agent()), await one.take(agent("far"))
        await far.write(subscribes=[Subscribe("topic:t", "h"), Subscribe("topic:>", "h2")])
        commit = pen.commit(sends=[send(agent("x")), send("topic:t"), send(agent("y"))])
        first, again = await one.one(commit), await one.one(commit)
        assert again.ids == first.ids
        assert len(await c.store.messages(statuses=[Status.QUEUED])) == 4
