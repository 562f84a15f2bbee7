"""What people read: listings, definitions, retention, and life over a restart."""

from __future__ import annotations

import hashlib
import os
import tempfile

import pytest

from ...domain.errors import HoldfastError, NotFound, Rejected
from ...domain.message import Kind, Status
from ...ports.store import INSTALLATION, Commit, Definition, Mark, Subscribe
from .case import NOW, Case, Contract, Member, agent, scenario, send, wait


class Readings(Contract):
    """Listings, their filters and their pages."""

    @scenario
    async def test_entries_come_in_order_page_by_page_and_by_turn(self, c: Case) -> None:
        pen = await (await c.member()).take(agent())
        await pen.write(3)
        await pen.write(2)
        await pen.write(2, 1)
        assert [r.seq for r in await c.store.entries(agent(), 0, 100)] == [1, 2, 3, 4, 5, 6, 7]
        assert [r.seq for r in await c.store.entries(agent(), 2, 3)] == [3, 4, 5]
        assert [r.seq for r in await c.store.entries(agent(), 7, 3)] == []
        assert [r.seq for r in await c.store.entries(agent(), 0, 100, turn=1)] == [1, 2, 3, 6, 7]
        assert [r.seq for r in await c.store.entries(agent(), 3, 100, turn=1)] == [6, 7]
        assert [r.seq for r in await c.store.entries(agent(), 0, 100, turn=4)] == [4, 5]
        assert await c.store.entries(agent(), 0, 100, turn=99) == []

    @scenario
    async def test_the_journal_of_an_agent_that_never_was(self, c: Case) -> None:
        with pytest.raises(NotFound) as caught:
            await c.store.entries(agent("never"), 0, 10)
        assert caught.value.code == "agent.unknown"
        assert await c.store.agent(agent("never")) is None

    @scenario
    async def test_agents_are_listed_by_address_with_what_they_do(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent("b"))
        ids = (await person.one(Commit(sends=[send(agent("b")) for _ in range(4)]))).ids
        running = await pen.begin(ids[0])
        waiting = await pen.begin(ids[1], Status.WAITING, waits=[wait(2, "1", NOW + 5, "sleep", "24h")])
        await person.one(Commit(sends=[send(agent("a")), send(agent("b"), kind=Kind.EVENT)]))
        a, b = await c.store.agents()
        assert (a.address, a.mode, a.seq, a.queued, a.open, a.waits, a.owner) == (agent("a"), "active", 0, 1, [], [], "")
        assert (b.address, b.seq, b.queued, b.owner) == (agent("b"), 2, 2, one.token)
        assert {(m.id, m.status, m.turn) for m in b.open} == {
            (ids[0], Status.RUNNING, running),
            (ids[1], Status.WAITING, waiting),
        }
        assert [(w.turn, w.path, w.verb, w.name, w.due) for w in b.waits] == [(2, "1", "sleep", "24h", NOW + 5)]
        single = await c.store.agent(agent("b"))
        assert single is not None and (single.seq, single.queued, len(single.open)) == (2, 2, 2)

    @scenario
    async def test_agents_are_found_by_prefix_and_paged(self, c: Case) -> None:
        one = await c.member(counter="v1", count="v1")
        names = ["default/count/x", *(agent(f"{n:02d}") for n in range(7)), "zeta/counter/a", agent("é"), agent("_%")]
        await one.apply(*[(await one.take(name)).commit() for name in names])
        expected = sorted(names)
        assert [r.address for r in await c.store.agents()] == expected
        assert [r.address for r in await c.store.agents(like="default/counter/")] == [
            n for n in expected if "t/counter/" in n
        ]
        assert [r.address for r in await c.store.agents(like="default/counter/0")] == [agent(f"{n:02d}") for n in range(7)]
        assert [r.address for r in await c.store.agents(like=agent("_"))] == [agent("_%")]
        seen: list[str] = []
        while page := await c.store.agents(like="default/counter/0", after=seen[-1] if seen else "", limit=3):
            assert len(page) <= 3
            seen += [r.address for r in page]
        assert seen == [agent(f"{n:02d}") for n in range(7)]
        assert [r.address for r in await c.store.agents(after="default/counter/05", limit=1)] == [agent("06")]

    @scenario
    async def test_messages_are_found_by_standing_and_paged(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        ids = (await person.one(Commit(sends=[send(agent(), f"m{n}") for n in range(6)]))).ids
        [other] = (await person.one(Commit(sends=[send(agent("b"))]))).ids
        for n, status in enumerate((Status.RUNNING, Status.WAITING, Status.DONE, Status.DEAD, Status.FAILED)):
            await pen.write(marks=[Mark(ids[n], status, pen.seq + 1, "v1", NOW if status >= Status.DONE else 0)])
        by = {s: [m.id for m in await c.store.messages(statuses=[s])] for s in Status}
        assert by[Status.QUEUED] == [ids[5], other]
        assert (by[Status.RUNNING], by[Status.WAITING], by[Status.DONE]) == ([ids[0]], [ids[1]], [ids[2]])
        assert (by[Status.DEAD], by[Status.FAILED], by[Status.KILLED]) == ([ids[3]], [ids[4]], [])
        [dead] = await c.store.messages(statuses=[Status.DEAD])
        assert (dead.name, dead.address, dead.version, dead.ended, dead.kind) == ("m3", agent(), "v1", NOW, Kind.REQUEST)
        assert [m.id for m in await c.store.messages(statuses=list(Status), limit=3)] == ids[:3]
        assert [m.id for m in await c.store.messages(statuses=list(Status), after=ids[2], limit=3)] == ids[3:]
        assert [m.id for m in await c.store.messages(statuses=list(Status), address=agent("b"))] == [other]
        assert await c.store.messages(statuses=[]) == []
        assert await c.store.message(10**9) is None

    @scenario
    async def test_waits_are_listed_by_verb_and_paged(self, c: Case) -> None:
        one = await c.member()
        for key in "ba":
            pen = await one.take(agent(key))
            await pen.write(
                waits=[wait(1, "2", 0, "ask", "Refund?"), wait(1, "1", NOW + 1, "sleep"), wait(1, "10", 0, "ask")]
            )
        every = [(w.address, w.turn, w.path) for w in await c.store.waits()]
        assert every == [(agent(k), 1, p) for k in "ab" for p in ("1", "10", "2")]
        asks = await c.store.waits(verb="ask")
        assert [(w.address, w.path) for w in asks] == [(agent(k), p) for k in "ab" for p in ("10", "2")]
        assert (asks[1].name, asks[1].detail, asks[1].since, asks[1].verb) == ("Refund?", b"detail\0", NOW, "ask")
        seen: list[tuple[str, int, str]] = []
        while page := await c.store.waits(after=seen[-1] if seen else None, limit=2):
            seen += [(w.address, w.turn, w.path) for w in page]
        assert seen == every
        assert [w.path for w in await c.store.waits(verb="ask", after=(agent("a"), 1, "10"), limit=1)] == ["2"]

    @scenario
    async def test_definitions_are_published_once_newest_first(self, c: Case) -> None:
        old = Definition("counter", "v1", {"add": {"shared": False, "doc": "x\0"}}, NOW, "code-1")
        new = Definition("counter", "v2", {"add": {}, "sub": {}}, NOW + 5)
        await c.store.publish([old], {"code-1": b"zip\0"})
        await c.store.publish([new], {"code-1": b"other", "code-2": b""})
        assert await c.store.definitions() == [new, old]
        found = [await c.store.artifact(INSTALLATION, f"code-{n}") for n in (1, 2, 3)]
        assert found == [b"zip\0", b"", None]
        assert await c.store.artifact("default", "code-1") is None
        await c.store.publish([Definition("counter", "v1", old.handlers, NOW + 9)], {})
        first = (await c.store.definitions())[0]
        assert (first.version, first.published, first.source) == ("v1", NOW + 9, "code-1")
        await c.store.publish([], {})

    @scenario
    async def test_artifacts_are_kept_once_under_their_key(self, c: Case) -> None:
        large = bytes(range(256)) * 8192
        key = hashlib.sha256(large).hexdigest()
        await c.store.keep("t", {key: large, "empty": b""})
        await c.store.keep("t", {key: b"other", "second": b"2"})
        await c.store.keep("t", {})
        assert await c.store.artifact("t", key) == large
        assert [await c.store.artifact("t", k) for k in ("empty", "second", "none")] == [b"", b"2", None]

    @scenario
    async def test_an_artifact_is_its_tenants_own(self, c: Case) -> None:
        """No tenant reads, replaces, prolongs or drops what another has under the same key, nor sees that it has it."""
        await c.store.keep("a", {"k": b"of a", "only": b"a"}, NOW)
        await c.store.keep("b", {"k": b"of b"}, NOW + 5)
        await c.store.keep(INSTALLATION, {"k": b"code"})
        assert [await c.store.artifact(t, "k") for t in ("a", "b", INSTALLATION)] == [b"of a", b"of b", b"code"]
        assert [await c.store.artifact(t, "only") for t in ("a", "b", INSTALLATION, "A", "a/", "%")] == [b"a"] + [None] * 5
        assert await c.store.artifacts(NOW + 9) == [("a", "k", 4), ("a", "only", 1), ("b", "k", 4)]
        assert await c.store.artifacts(NOW + 9, ("a", "k"), 1) == [("a", "only", 1)]
        assert await c.store.artifacts(NOW + 9, ("a", "only")) == [("b", "k", 4)]
        await c.store.keep("b", {"k": b"of b"}, NOW + 20)
        assert await c.store.drop("b", ["k", "only"], NOW + 9) == 0  # b's own is wanted, a's is not b's
        assert await c.store.drop("a", ["k", "only"], NOW + 9) == 2
        assert [await c.store.artifact(t, "k") for t in ("a", "b", INSTALLATION)] == [None, b"of b", b"code"]

    @scenario
    async def test_blobs_that_nobody_wants_any_more_are_dropped(self, c: Case) -> None:
        await c.store.keep("t", {"code": b"1"})
        await c.store.keep("t", {"a": b"22", "b": b"333", "code": b"1"}, NOW)
        await c.store.keep("t", {"c": b"4"}, NOW + 10)
        await c.store.keep("t", {"b": b"333"}, NOW + 20)
        await c.store.keep("t", {"c": b"4"}, NOW)
        await c.store.keep("t", {"forever": b""}, NOW)
        await c.store.keep("t", {"forever": b""})
        assert await c.store.artifacts(NOW + 1) == [("t", "a", 2)]
        assert await c.store.artifacts(NOW + 21) == [("t", "a", 2), ("t", "b", 3), ("t", "c", 1)]
        assert await c.store.artifacts(NOW + 21, ("t", "a"), 1) == [("t", "b", 3)]
        assert await c.store.drop("t", ["a", "b", "code", "forever", "none"], NOW + 1) == 1
        assert [await c.store.artifact("t", k) for k in ("a", "b", "code", "forever")] == [None, b"333", b"1", b""]
        assert await c.store.drop("t", [], NOW + 1) == 0

    @scenario
    async def test_states_of_all_agents_are_read_in_pages(self, c: Case) -> None:
        one = await c.member()
        for key in "ba":
            pen = await one.take(agent(key))
            await pen.set("y", key.encode(), 1)
            await pen.set("x", b"1", 1)
        every = [(agent(k), s, v) for k in "ab" for s, v in (("x", b"1"), ("y", k.encode()))]
        assert [(a, k, s.value) for a, k, s in await c.store.states()] == every
        seen: list[tuple[str, str]] = []
        while page := await c.store.states(seen[-1] if seen else ("", ""), 3):
            seen += [(a, k) for a, k, _ in page]
        assert seen == [(a, k) for a, k, _ in every]

    @scenario
    async def test_who_waits_longest_is_told_for_each_name(self, c: Case) -> None:
        one = await c.member()
        for n, key in enumerate("dcba"):
            waits = [wait(1, "1", 0, "provider", "smart"), wait(1, "2", 0, "provider", "cheap"), wait(1, "3", 0, "ask", "?")]
            for w in waits:
                w.since = NOW + n
            await (await one.take(agent(key))).write(waits=waits)
        found = [(w.address, w.name, w.since) for w in await c.store.longest("provider", 2)]
        assert sorted(found) == sorted((agent(k), r, NOW + n) for n, k in enumerate("dc") for r in ("smart", "cheap"))
        assert [since for *_, since in found] == sorted(since for *_, since in found)
        assert [w.address for w in await c.store.longest("ask", 1)] == [agent("d")]
        assert await c.store.longest("sleep", 5) == []

    @scenario
    async def test_versions_in_use_are_those_of_open_turns(self, c: Case) -> None:
        one, person = await c.member(counter="v1", desk="v1"), await c.client()
        plan = [("counter", Status.RUNNING, "v1"), ("counter", Status.WAITING, "v1"), ("counter", Status.RUNNING, "v2")]
        plan += [("desk", Status.WAITING, "v1"), ("desk", Status.QUEUED, ""), ("counter", Status.DONE, "v0")]
        for n, (name, status, version) in enumerate(plan):
            address = agent(str(n), name)
            pen = await one.take(address)
            [id] = (await person.one(Commit(sends=[send(address)]))).ids
            if status != Status.QUEUED:
                await pen.write(marks=[Mark(id, status, 1, version, NOW if status == Status.DONE else 0)])
        assert sorted(await c.store.versions_in_use()) == [("counter", "v1", 2), ("counter", "v2", 1), ("desk", "v1", 1)]

    @scenario
    async def test_subscriptions_are_listed(self, c: Case) -> None:
        one = await c.member()
        for key in "ba":
            pen = await one.take(agent(key))
            await pen.write(subscribes=[Subscribe("topic:t.*", "h"), Subscribe("group:g", "")])
        every = [(agent(k), p, h) for k in "ab" for p, h in (("group:g", ""), ("topic:t.*", "h"))]
        assert await c.store.subscriptions() == every
        assert await c.store.subscriptions(agent("b")) == every[2:]

    @scenario
    async def test_counts_add_up(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        empty = await c.store.stats()
        assert set(empty) == {"agents", "queued", "running", "waiting", "dead", "entries", "bytes"}
        assert [empty[k] for k in ("agents", "queued", "running", "waiting", "dead", "entries")] == [0] * 6
        pen = await one.take(agent())
        ids = (await person.one(Commit(sends=[send(agent()) for _ in range(5)] + [send(agent("b"))]))).ids
        for id, status in zip(ids, (Status.RUNNING, Status.WAITING, Status.DEAD, Status.DONE), strict=False):
            await pen.write(2, marks=[Mark(id, status, pen.seq + 1, "v1", NOW if status >= Status.DONE else 0)])
        stats = await c.store.stats()
        assert {k: stats[k] for k in stats if k != "bytes"} == {
            "agents": 2,
            "queued": 2,
            "running": 1,
            "waiting": 1,
            "dead": 1,
            "entries": 8,
        }
        assert stats["bytes"] > 0


class Retention(Contract):
    """``compact``, ``backup``, and what a restart leaves."""

    @scenario
    async def test_ended_turns_are_forgotten_and_the_chain_goes_on(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        ids = (await person.one(Commit(sends=[send(agent(), key=f"k{n}") for n in range(3)]))).ids
        for n, id in enumerate(ids):
            turn = await pen.begin(id)
            await pen.end(id, turn, at=NOW + n)
        cut = pen.head
        assert await c.store.compact(NOW, 100) == 0
        assert await c.store.compact(NOW + 3, 100) == 3 + 6
        assert await c.store.entries(agent(), 0, 100) == []
        assert await c.store.message(ids[0]) is None
        row = await c.store.agent(agent())
        assert row is not None and row.seq == 6
        await pen.release()
        again = await one.take(agent())
        assert (again.lease.seq, again.lease.head) == (6, cut)
        await again.write()
        assert [r.seq for r in await c.store.entries(agent(), 0, 100)] == [7]
        await person.one(Commit(sends=[send(agent(), key="k0")]))

    @scenario
    async def test_nothing_is_cut_behind_a_turn_that_is_kept(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        old, open_, later = (await person.one(Commit(sends=[send(agent()) for _ in range(3)]))).ids
        await pen.end(old, await pen.begin(old))
        waiting = await pen.begin(open_, Status.WAITING)
        await pen.end(later, await pen.begin(later))
        assert await c.store.compact(NOW + 1, 100) == 2 + 2
        assert [r.seq for r in await c.store.entries(agent(), 0, 100)] == [3, 4, 5]
        assert (await c.store.load(pen.lease, 10)).entries == {waiting: [b"default/counter/a#3"]}
        await pen.end(open_, waiting, at=NOW + 2)
        assert await c.store.compact(NOW + 3, 100) == 1 + 4

    @scenario
    async def test_turns_that_ended_later_keep_their_journal(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        ids = (await person.one(Commit(sends=[send(agent()) for _ in range(3)]))).ids
        for n, id in enumerate(ids):
            await pen.end(id, await pen.begin(id), at=NOW + n * 100)
        assert await c.store.compact(NOW + 50, 100) == 1 + 2
        assert [r.seq for r in await c.store.entries(agent(), 0, 100)] == [3, 4, 5, 6]
        assert [m.id for m in await c.store.messages(statuses=[Status.DONE])] == ids[1:]

    @scenario
    async def test_compaction_works_in_bounded_bites_until_nothing_is_left(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        for n in range(20):
            pen = await one.take(agent(str(n)))
            [id] = (await person.one(Commit(sends=[send(agent(str(n)))]))).ids
            await pen.end(id, await pen.begin(id))
        await person.one(Commit(sends=[send(agent("queued"))]))
        total, bites = 0, 0
        while removed := await c.store.compact(NOW + 1, 6):
            assert removed <= 6 * 3
            total, bites = total + removed, bites + 1
        assert total == 20 * 3 and bites == 4
        assert [m.address for m in await c.store.messages(statuses=list(Status))] == [agent("queued")]

    @scenario
    async def test_open_messages_waits_and_state_survive_compaction(self, c: Case) -> None:
        pen = await (await c.member()).take(agent())
        await pen.set("k", b"1", 1)
        await pen.write(1, 1, waits=[wait(1)], sends=[send(agent(), status=Status.WAITING, turn=1)])
        await c.store.compact(NOW * 2, 100)
        assert len(await c.store.entries(agent(), 0, 9)) == 2
        assert len(await c.store.waits()) == 1 and set(await c.store.state(agent())) == {"k"}

    @scenario
    async def test_a_restart_loses_nothing_that_was_acknowledged(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        receipt = await pen.write(2, sends=[send(agent(), key="k")], waits=[wait(1, due=NOW + 5)])
        await pen.set("k", b"1", 1)
        await pen.write(subscribes=[Subscribe("topic:t", "h")], mode=(agent(), "paused", "why"))
        await c.store.publish([Definition("counter", "v1", {}, NOW)], {"code": b"zip"})
        await c.restart()
        if self.volatile:
            assert (await c.store.stats())["entries"] == 0 and await c.store.agents() == []
            return
        assert [r.hash for r in await c.store.entries(agent(), 3, 9)] == [pen.head]
        found = await c.store.find_message(agent(), "k")
        assert found is not None and found.id == receipt.ids[0]
        assert set(await c.store.state(agent())) == {"k"} and len(await c.store.waits()) == 1
        assert await c.store.subscriptions() == [(agent(), "topic:t", "h")]
        row = await c.store.agent(agent())
        assert row is not None and (row.mode, row.seq) == ("paused", 4)
        assert len(await c.store.definitions()) == 1 and await c.store.artifact(INSTALLATION, "code") == b"zip"

    @scenario
    async def test_after_a_restart_ids_and_epochs_still_ascend(self, c: Case) -> None:
        one = await c.member("one", lease_seconds=0.2)
        pen = await one.take(agent())
        [before] = (await pen.write(sends=[send(agent("b"))])).ids
        await c.store.leave(one.token)
        await c.restart()
        if self.volatile:
            return
        two = await c.member("two")
        new = await two.take(agent())
        assert new.lease.epoch > pen.lease.epoch and new.lease.ref == pen.lease.ref
        assert (new.lease.seq, new.lease.head) == (1, pen.head)
        [after] = (await new.write(sends=[send(agent("b"))])).ids
        assert after > before
        stale = Member(c.store)
        stale.token = one.token
        assert (await stale.refused(pen.commit())).code == "lease.lost"

    @scenario
    async def test_a_backup_is_written_or_the_right_tool_is_named(self, c: Case) -> None:
        await (await (await c.member()).take(agent())).write()
        with tempfile.TemporaryDirectory() as folder:
            target = os.path.join(folder, "copy")
            try:
                await c.store.backup(target)
            except HoldfastError as error:
                assert isinstance(error, Rejected) and error.code == "store.no_backup"
            else:
                assert os.path.getsize(target) > 0
