"""The ledger: usage that belongs to its commit, and what it adds up to."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from ...domain.errors import Rejected
from ...ports.ledger import Amounts, Bounds, Budget, Charge, CostRow, UsageRow
from ...ports.store import Commit
from .case import NOW, Case, Contract, Member, agent, scenario, send, until_dead

DAY_MS = 86_400_000
FULL = UsageRow(
    NOW,
    agent(),
    17,
    "3.1",
    "trace\0",
    (agent("boss", "desk"), agent("x\x1b")),
    {"team": "sales", 'k"\0\x1b': "v\0é"},
    "smart",
)
"""A row with something in every column, once the rest is set."""


class Usage(Contract):
    """``Commit.usage``, ``usage`` and ``cost``."""

    @scenario
    async def test_usage_is_written_with_its_commit_and_read_back_whole(self, c: Case) -> None:
        pen = await (await c.member()).take(agent())
        full = msgspec.structs.replace(FULL, target="t\0", vendor="v", model="m", input=1, output=2, cached=3, written=4)
        full = msgspec.structs.replace(
            full, reasoning=5, nanos=2**62, took_ms=6, first_ms=7, attempts=8, outcome="o", reason="r"
        )
        await pen.write(usage=[full, UsageRow(NOW, agent())])
        rows = await c.store.usage()
        assert [msgspec.structs.replace(row, id=0) for row in rows] == [full, UsageRow(NOW, agent())]
        assert 0 < rows[0].id < rows[1].id

    @scenario
    async def test_usage_belongs_to_its_commit(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        await pen.write(sends=[send(agent("b"), key="k")])
        refused = pen.commit(sends=[send(agent("b"), key="k")], usage=[FULL])
        assert (await one.refused(refused)).code == "message.duplicate"
        assert await c.store.usage() == []
        pen = await one.take(agent())
        commit = pen.commit(usage=[FULL])
        for _ in range(3):
            await one.one(commit)
        assert len(await c.store.usage()) == 1, "a commit that was applied already is not applied again"

    @scenario
    async def test_a_stale_lease_writes_no_usage(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two")
        old = await one.take(agent())
        await old.release()
        new = await two.take(agent())
        neighbour = await one.take(agent("n"))
        receipts = await c.store.commit(one.token, [old.commit(usage=[FULL]), neighbour.commit(usage=[used("n")])])
        assert [r.error.code if r.error else "" for r in receipts] == ["lease.lost", ""]
        await new.write()
        assert [row.agent for row in await c.store.usage()] == [agent("n")]

    @scenario
    async def test_usage_is_read_by_page_time_and_agent(self, c: Case) -> None:
        one = await c.member()
        for n in range(6):
            pen = await one.take(agent("ab"[n % 2]))
            await pen.write(usage=[used("ab"[n % 2], at=NOW + n, nanos=n), used("c", at=NOW - n, nanos=n + 10)])
        every = await c.store.usage()
        assert [row.id for row in every] == sorted({row.id for row in every})
        seen: list[UsageRow] = []
        while page := await c.store.usage(after=seen[-1].id if seen else 0, limit=5):
            assert len(page) <= 5
            seen += page
        assert seen == every and len(every) == 12
        assert [row.nanos for row in await c.store.usage(agent=agent("a"))] == [0, 2, 4]
        assert [row.nanos for row in await c.store.usage(since=NOW + 2, until=NOW + 5)] == [2, 3, 4]
        assert [row.nanos for row in await c.store.usage(until=NOW - 3, agent=agent("c"))] == [14, 15]
        assert await c.store.usage(agent=agent("nobody")) == []

    @scenario
    async def test_whoever_reads_page_by_page_misses_nothing(self, c: Case) -> None:
        """While several sessions write, no row may appear below an id that was read."""
        members = [await c.member(str(n), store=await c.second() if n % 2 else None) for n in range(4)]
        seen: list[UsageRow] = []
        async with asyncio.TaskGroup() as group:
            writing = [group.create_task(self._write(m, n)) for n, m in enumerate(members)]
            while not all(task.done() for task in writing):
                seen += await c.store.usage(after=seen[-1].id if seen else 0, limit=50)
                await asyncio.sleep(0)
        seen += await c.store.usage(after=seen[-1].id if seen else 0)
        assert len(seen) == 4 * 100
        assert sorted((row.agent, row.nanos) for row in seen) == sorted(
            (agent(str(n)), i) for n in range(4) for i in range(100)
        )

    async def _write(self, member: Member, n: int) -> None:
        pen = await member.take(agent(str(n)))
        for i in range(0, 100, 2):
            await pen.write(usage=[used(str(n), nanos=i), used(str(n), nanos=i + 1)])
            await asyncio.sleep(0)

    @scenario
    async def test_usage_outlives_retention_and_a_restart(self, c: Case) -> None:
        pen = await (await c.member()).take(agent())
        await pen.write(usage=[FULL])
        await c.store.compact(NOW * 2, 100)
        assert len(await c.store.usage()) == 1
        await c.restart()
        assert len(await c.store.usage()) == (0 if self.volatile else 1)

    @scenario
    async def test_an_operator_may_write_usage_without_a_lease(self, c: Case) -> None:
        await (await c.client()).one(Commit(usage=[FULL]))
        assert len(await c.store.usage()) == 1


class Costs(Contract):
    """``cost``."""

    @scenario
    async def test_nothing_costs_nothing(self, c: Case) -> None:
        assert await c.store.cost() == [] == await c.store.cost(["agent"])

    @scenario
    async def test_costs_are_sums_of_everything(self, c: Case) -> None:
        one = await c.member()
        rows = [used("a", input=n, output=2, cached=3, written=4, reasoning=5, nanos=6, took_ms=7) for n in range(3)]
        await (await one.take(agent())).write(usage=rows)
        assert await c.store.cost() == [CostRow((), 3, 3, 6, 9, 12, 15, 18, 21)]
        assert await c.store.cost(["agent"]) == [CostRow((agent("a"),), 3, 3, 6, 9, 12, 15, 18, 21)]

    @scenario
    async def test_costs_are_grouped_by_every_key(self, c: Case) -> None:
        await self._use(c)
        expected = {
            "agent": {agent("a"): 2, agent("b", "desk"): 4, "acme/desk/a": 8},
            "name": {"counter": 2, "desk": 12},
            "model": {"m1": 2, "m2": 12},
            "vendor": {"v1": 6, "v2": 8},
            "target": {"": 14},
            "route": {"smart": 2, "cheap\0": 12},
            "day": {"2027-01-15": 6, "2027-01-16": 8},
            "hour": {"2027-01-15T08": 2, "2027-01-15T09": 4, "2027-01-16T08": 8},
            "minute": {"2027-01-15T08:00": 2, "2027-01-15T09:00": 4, "2027-01-16T08:00": 8},
            "root": {agent("a"): 2, agent("boss", "desk"): 12},
            "outcome": {"ok": 6, "timeout": 8},
            "trace": {"t": 14},
            "label:team": {"sales": 6, "": 8},
            'label:k"\0': {"x\0": 4, "": 10},
            "label:it's": {"": 6, "é": 8},
        }
        for key, sums in expected.items():
            rows = await c.store.cost([key])
            assert {row.keys: row.nanos for row in rows} == {(k,): n for k, n in sums.items()}, key
            for value, nanos in sums.items():
                [total] = await c.store.cost(where={key: value})
                assert (total.keys, total.nanos) == ((), nanos), (key, value)
            assert await c.store.cost(where={key: "nothing like it"}) == [], key

    @scenario
    async def test_several_keys_a_span_of_time_and_conditions_go_together(self, c: Case) -> None:
        await self._use(c)
        by = ["vendor", "label:team", "day"]
        assert [(row.keys, row.nanos, row.calls) for row in await c.store.cost(by)] == [
            (("v2", "", "2027-01-16"), 8, 1),
            (("v1", "sales", "2027-01-15"), 6, 2),
        ]
        assert [(row.keys, row.nanos) for row in await c.store.cost(["model"], since=NOW, until=NOW + DAY_MS)] == [
            (("m2",), 4),
            (("m1",), 2),
        ]
        narrowed = await c.store.cost(["label:team"], NOW, 0, {"label:team": "sales", "model": "m2", 'label:k"\0': "x\0"})
        assert [(row.keys, row.nanos) for row in narrowed] == [(("sales",), 4)]
        assert [row.nanos for row in await c.store.cost(["agent"], limit=2)] == [8, 4]

    @scenario
    async def test_what_costs_cannot_be_told_apart_by_is_refused(self, c: Case) -> None:
        for by, where in ((["team"], {}), ([], {"nanos": "1"}), (["label:"], {}), (["agent", "1; DROP TABLE usage"], {})):
            with pytest.raises(Rejected) as caught:
                await c.store.cost(by, where=where)
            assert caught.value.code == "cost.by"

    async def _use(self, c: Case) -> None:
        boss = agent("boss", "desk")
        rows = [
            used("a", nanos=2, model="m1", vendor="v1", route="smart", labels={"team": "sales"}),
            used(
                "b",
                at=NOW + 3_600_000,
                nanos=4,
                vendor="v1",
                chain=(boss, agent("c")),
                labels={"team": "sales", 'k"\0': "x\0"},
            ),
            used("c", at=NOW + DAY_MS, nanos=8, vendor="v2", chain=(boss,), labels={"it's": "é"}, outcome="timeout"),
        ]
        rows[1].agent, rows[2].agent = agent("b", "desk"), "acme/desk/a"
        for row in rows:
            row.trace, row.model, row.route = "t", row.model or "m2", row.route or "cheap\0"
        await (await (await c.member()).take(agent())).write(usage=rows)


class Charges(Contract):
    """``Commit.charges``: exactly once, fenced, and never more than the truth."""

    @scenario
    async def test_a_charge_belongs_to_its_commit(self, c: Case) -> None:
        one = await c.member()
        await c.store.set_budget(budget(nanos=100))
        pen = await one.take(agent())
        await pen.write(sends=[send(agent("b"), key="k")])
        refused = pen.commit(sends=[send(agent("b"), key="k")], charges=[charge(5)])
        assert (await one.refused(refused)).code == "message.duplicate"
        assert await c.store.spending() == []
        pen = await one.take(agent())
        commit = pen.commit(charges=[charge(5), charge(1), charge(2, "tomorrow")])
        for _ in range(3):
            await one.one(commit)
        spent = {s.window: s.spent for s in await c.store.spending("b")}
        assert spent == {"today": Amounts(6, 2, 2), "tomorrow": Amounts(2, 1, 1)}

    @scenario
    async def test_a_stale_lease_charges_nothing(self, c: Case) -> None:
        store = await c.second()
        stalled, healthy = await c.member("stalled", lease_seconds=0.2, store=store), await c.member("healthy")
        await c.store.set_budget(budget(nanos=100))
        pen = await stalled.take(agent())
        await until_dead(healthy, stalled)
        assert (await stalled.refused(pen.commit(charges=[charge(5)]))).code == "lease.lost"
        again = await healthy.take(agent())
        await again.write(charges=[charge(7)])
        [window] = await c.store.spending()
        assert window.spent.nanos == 7

    @scenario
    async def test_charges_of_many_commits_and_sessions_add_up(self, c: Case) -> None:
        members = [await c.member(str(n), store=await c.second() if n % 2 else None) for n in range(3)]
        await c.store.set_budget(budget(nanos=100))
        pens = [await m.take(agent(str(n))) for n, m in enumerate(members)]
        commits = [[pen.commit(charges=[charge(1), charge(2, str(n % 5))]) for n in range(50)] for pen in pens]
        await asyncio.gather(*(m.apply(*mine) for m, mine in zip(members, commits, strict=True)))
        spent = {s.window: s.spent.nanos for s in await c.store.spending("b")}
        assert spent == {"today": 150, **{str(n): 60 for n in range(5)}}

    @scenario
    async def test_a_charge_to_no_budget_is_ignored(self, c: Case) -> None:
        pen = await (await c.member()).take(agent())
        await pen.write(charges=[charge(5)])
        await c.store.set_budget(budget(nanos=100))
        assert await c.store.spending() == [], "nothing is taken over from before"

    @scenario
    async def test_an_operator_charges_what_was_before_and_corrects_what_was_wrong(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        await c.store.set_budget(budget(nanos=100))
        outside = Member(c.store)
        await outside.one(Commit(charges=[charge(90)]))
        await person.one(Commit(charges=[charge(5)]))
        share = await c.store.take_share(one.token, "b", "today", Amounts(50), Amounts(5))
        assert (share.granted.nanos, share.left.nanos, share.spent) == (5, 0, Amounts())
        await outside.one(Commit(charges=[charge(-20)]))
        share = await c.store.take_share(one.token, "b", "today", Amounts(50), Amounts(5))
        assert (share.granted.nanos, share.held.nanos) == (20, 25)
        await c.store.leave(person.token)
        [window] = await c.store.spending()
        assert (window.spent.nanos, window.outstanding.nanos) == (75, 25)


def used(key: str, *, at: int = NOW, **parts: Any) -> UsageRow:
    """A row of usage of an agent."""
    return UsageRow(at, agent(key), **parts)


def budget(name: str = "b", per: str = "day", **limit: int) -> Budget:
    """A budget; dimensions that are not given have no bound."""
    return Budget(name, "system", per, Bounds(**limit))


def charge(nanos: int, window: str = "today", name: str = "b") -> Charge:
    """A call with a token that cost so much."""
    return Charge(name, window, Amounts(nanos, 1, 1))
