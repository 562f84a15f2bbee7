"""Messages: arrivals, exactly once, order, bounds, and what a leased agent reads."""

from __future__ import annotations

import asyncio

from ...domain.errors import Conflict, LimitExceeded
from ...domain.limits import Limits
from ...domain.message import Kind, Status
from ...ports.store import Commit, Mark
from .case import NOW, Case, Contract, agent, scenario, send, wait


class Mailboxes(Contract):
    """Sends, marks, ``consumed``, ``load``, and the bounds of a mailbox."""

    @scenario
    async def test_a_free_receiver_goes_to_the_sender_that_serves_it(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        receipt = await pen.write(sends=[send(agent("b")), send(agent("b"))])
        first, second = receipt.arrivals
        assert first.mine and second.mine and second.lease is None
        assert first.lease is not None and first.lease.address == agent("b") and first.lease.fresh
        assert [a.id for a in receipt.arrivals] == receipt.ids
        await one.one(Commit(lease=first.lease))

    @scenario
    async def test_a_receiver_with_a_past_is_granted_with_it(self, c: Case) -> None:
        one = await c.member()
        pen, b = await one.take(agent()), await one.take(agent("b"))
        await b.write(3)
        await b.release()
        [arrival] = (await pen.write(sends=[send(agent("b"))])).arrivals
        assert arrival.lease is not None
        assert (arrival.lease.seq, arrival.lease.head, arrival.lease.fresh) == (3, b.head, False)

    @scenario
    async def test_a_receiver_that_one_holds_is_mine_without_a_new_lease(self, c: Case) -> None:
        one = await c.member()
        pen, held = await one.take(agent()), await one.take(agent("b"))
        receipt = await pen.write(sends=[send(agent("b")), send(agent())])
        assert [(a.address, a.mine, a.lease) for a in receipt.arrivals] == [(agent("b"), True, None), (agent(), True, None)]
        await held.write()

    @scenario
    async def test_a_receiver_held_elsewhere_is_not_mine(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two")
        pen = await one.take(agent())
        await two.take(agent("b"))
        [arrival] = (await pen.write(sends=[send(agent("b"))])).arrivals
        assert (arrival.mine, arrival.lease) == (False, None)

    @scenario
    async def test_a_receiver_that_the_sender_does_not_serve_stays_free(self, c: Case) -> None:
        one, two = await c.member("one", counter="v1"), await c.member("two", desk="v1")
        pen = await one.take(agent())
        [arrival] = (await pen.write(sends=[send(agent("b", "desk"))])).arrivals
        assert (arrival.mine, arrival.lease) == (False, None)
        assert await two.claimed() == [agent("b", "desk")]

    @scenario
    async def test_a_turn_may_insert_its_own_message_late(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        receipt = await pen.write(2, sends=[send(agent(), status=Status.DONE, turn=1, ended=NOW)])
        assert receipt.arrivals == []
        stored = await c.store.message(receipt.ids[0])
        assert stored is not None
        assert (stored.status, stored.turn, stored.version, stored.ended) == (Status.DONE, 1, "v1", NOW)
        assert (await c.store.load(pen.lease, 10)).open == []

    @scenario
    async def test_a_key_is_delivered_once_to_one_receiver(self, c: Case) -> None:
        person = await c.client()
        [first] = (await person.one(Commit(sends=[send(agent(), key="k")]))).ids
        error = await person.refused(Commit(sends=[send(agent(), key="k", body=b"other")]))
        assert isinstance(error, Conflict) and error.code == "message.duplicate"
        assert error.details["id"] == first
        await person.apply(Commit(sends=[send(agent("b"), key="k")]), Commit(sends=[send(agent(), key="K")]))
        found = await c.store.find_message(agent(), "k")
        assert found is not None and (found.id, found.body) == (first, b"body")
        assert await c.store.find_message(agent(), "other") is None

    @scenario
    async def test_messages_without_a_key_are_never_duplicates(self, c: Case) -> None:
        person = await c.client()
        await person.apply(*(Commit(sends=[send(agent())]) for _ in range(3)))
        assert len(await c.store.messages(statuses=[Status.QUEUED])) == 3
        assert await c.store.find_message(agent(), "") is None

    @scenario
    async def test_the_same_key_twice_in_one_call(self, c: Case) -> None:
        person = await c.client()
        receipts = await c.store.commit(person.token, [Commit(sends=[send(agent(), key="k")]) for _ in range(3)])
        assert [r.error.code if r.error else "" for r in receipts] == ["", "message.duplicate", "message.duplicate"]
        assert len(await c.store.messages(statuses=[Status.QUEUED])) == 1

    @scenario
    async def test_a_key_is_remembered_after_its_turn_ended_or_it_was_consumed(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        [request] = (await person.one(Commit(sends=[send(agent(), key="r")]))).ids
        [event] = (await person.one(Commit(sends=[send(agent(), "e", key="e", kind=Kind.EVENT)]))).ids
        turn = await pen.begin(request)
        await pen.write(1, turn, consumed=[event])
        await pen.end(request, turn)
        for key, kind in (("r", Kind.REQUEST), ("e", Kind.EVENT)):
            error = await person.refused(Commit(sends=[send(agent(), key=key, kind=kind)]))
            assert error.code == "message.duplicate"

    @scenario
    async def test_odd_names_and_keys_survive(self, c: Case) -> None:
        person = await c.client()
        for key in ("a\0b", "\x1b0", "ünï\n☃", " ", "'; --", "x" * 500):
            [id] = (await person.one(Commit(sends=[send(agent(), f"n{key}", key=key)]))).ids
            found = await c.store.find_message(agent(), key)
            assert found is not None and (found.id, found.name) == (id, f"n{key}")

    @scenario(limits=Limits(mailbox_depth=3))
    async def test_a_full_mailbox_refuses_requests_until_some_began(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        ids = (await person.one(Commit(sends=[send(agent()) for _ in range(3)]))).ids
        error = await person.refused(Commit(sends=[send(agent())]))
        assert isinstance(error, LimitExceeded) and error.code == "mailbox.full" and error.retry
        await person.one(Commit(sends=[send(agent("b"))]))
        await pen.begin(ids[0])
        await person.one(Commit(sends=[send(agent())]))
        assert (await person.refused(Commit(sends=[send(agent())]))).code == "mailbox.full"

    @scenario(limits=Limits(mailbox_depth=3))
    async def test_a_bound_holds_within_one_call_commit_by_commit(self, c: Case) -> None:
        person = await c.client()
        sizes = [2, 2, 1, 1]
        receipts = await c.store.commit(person.token, [Commit(sends=[send(agent())] * n) for n in sizes])
        assert [r.error.code if r.error else "" for r in receipts] == ["", "mailbox.full", "", "mailbox.full"]
        assert len(await c.store.messages(statuses=[Status.QUEUED])) == 3

    @scenario(limits=Limits(mailbox_depth=1))
    async def test_replies_events_and_orders_always_fit(self, c: Case) -> None:
        person = await c.client()
        await person.one(Commit(sends=[send(agent())]))
        kinds = (Kind.REPLY, Kind.ANSWER, Kind.CONTROL, Kind.EVENT)
        await person.apply(*(Commit(sends=[send(agent(), kind=kind, turn=1)]) for kind in kinds))

    @scenario(limits=Limits(mailbox_depth=2))
    async def test_the_bound_is_remembered_over_a_restart(self, c: Case) -> None:
        person = await c.client()
        await person.one(Commit(sends=[send(agent()), send(agent())]))
        await c.restart()
        person = await c.client()
        [receipt] = await c.store.commit(person.token, [Commit(sends=[send(agent())])])
        assert (receipt.error is None) is self.volatile

    @scenario
    async def test_a_loaded_mailbox_is_ordered_by_priority_then_age(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        for name, priority in (("c", 0), ("e", -9), ("a", 100), ("d", 0), ("b", 100)):
            await person.one(Commit(sends=[send(agent(), name, priority=priority)]))
        loaded = await c.store.load(pen.lease, 10)
        assert [m.name for m in loaded.open] == list("abcde")
        assert not loaded.more

    @scenario
    async def test_the_limit_bounds_queued_requests_and_nothing_else(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        turns = (await person.one(Commit(sends=[send(agent()) for _ in range(3)]))).ids
        for id in turns:
            await pen.begin(id, Status.WAITING)
        await person.one(Commit(sends=[send(agent(), f"q{n}") for n in range(9)]))
        await person.one(Commit(sends=[send(agent(), f"r{n}", kind=Kind.REPLY, turn=1) for n in range(5)]))
        loaded = await c.store.load(pen.lease, 4)
        assert [m.name for m in loaded.open if m.status == Status.QUEUED and m.kind == Kind.REQUEST] == [
            "q0",
            "q1",
            "q2",
            "q3",
        ]
        assert [m.name for m in loaded.open if m.kind == Kind.REPLY] == [f"r{n}" for n in range(5)]
        assert [m.id for m in loaded.open if m.status == Status.WAITING] == turns
        assert loaded.more
        assert not (await c.store.load(pen.lease, 9)).more

    @scenario
    async def test_a_load_has_the_waits_and_entries_of_open_turns_only(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        first, second, third = (await person.one(Commit(sends=[send(agent()) for _ in range(3)]))).ids
        done = await pen.begin(first)
        await pen.end(first, done)
        waiting = await pen.begin(second, Status.WAITING, waits=[wait(3, "1", NOW + 5), wait(3, "1.2", 0, "ask")])
        running = await pen.begin(third)
        await pen.write(1, waiting)
        loaded = await c.store.load(pen.lease, 10)
        assert [(m.id, m.status, m.turn, m.version) for m in sorted(loaded.open, key=lambda m: m.id)] == [
            (second, Status.WAITING, waiting, "v1"),
            (third, Status.RUNNING, running, "v1"),
        ]
        assert loaded.entries == {
            waiting: [b"default/counter/a#3", b"default/counter/a#5"],
            running: [b"default/counter/a#4"],
        }
        assert sorted((w.turn, w.path, w.verb, w.due) for w in loaded.waits) == [
            (3, "1", "wait", NOW + 5),
            (3, "1.2", "ask", 0),
        ]

    @scenario
    async def test_loading_many_agents_at_once_mixes_nothing_up(self, c: Case) -> None:
        one = await c.member()
        pens = [await one.take(agent(str(n))) for n in range(100)]
        await one.apply(*(p.commit(sends=[send(p.address, f"m{p.address}")]) for p in pens))
        loaded = await asyncio.gather(*(c.store.load(p.lease, 10) for p in pens))
        assert [[m.name for m in x.open] for x in loaded] == [[f"m{p.address}"] for p in pens]
        assert all(m.address == p.address for p, x in zip(pens, loaded, strict=True) for m in x.open)

    @scenario
    async def test_consumed_messages_are_gone_from_the_mailbox(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        ids = (await person.one(Commit(sends=[send(agent(), kind=Kind.EVENT), send(agent(), kind=Kind.REPLY)]))).ids
        await pen.write(consumed=ids)
        assert (await c.store.load(pen.lease, 10)).open == []
        await pen.release()
        assert await one.claimed() == []

    @scenario
    async def test_events_may_be_kept_for_later(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        [id] = (await person.one(Commit(sends=[send(agent(), "paid", kind=Kind.EVENT)]))).ids
        await pen.write(marks=[Mark(id, Status.BUFFERED)])
        await pen.release()
        assert await one.claimed() == []
        pen = await one.take(agent())
        assert [(m.id, m.status, m.name) for m in (await c.store.load(pen.lease, 1)).open] == [(id, Status.BUFFERED, "paid")]

    @scenario
    async def test_waits_are_replaced_and_removed_by_place(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        await pen.write(waits=[wait(1, "1", NOW + 5), wait(1, "2", 0, "ask", "Refund?")])
        await pen.write(1, 1, waits=[wait(1, "1", NOW + 9, "sleep")])
        await pen.write(1, 1, waits=[wait(1, "3")], unwaits=[(1, "3"), (1, "2"), (1, "never")])
        assert [(w.path, w.verb, w.due) for w in (await c.store.load(pen.lease, 1)).waits] == [("1", "sleep", NOW + 9)]
        again, gone = pen.commit(1, 1, unwaits=[(1, "1")]), pen.commit(1, 1, waits=[wait(1, "1", NOW + 1)])
        await one.apply(again, gone)
        assert [(w.path, w.due) for w in (await c.store.load(pen.lease, 1)).waits] == [("1", NOW + 1)]
