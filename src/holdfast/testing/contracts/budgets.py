"""Budgets: limits that hold however many ask at the same moment."""

from __future__ import annotations

import asyncio
import random

import pytest

from ...domain.errors import Conflict, NotFound, Rejected
from ...ports.ledger import FOREVER, Amounts, Bounds, Budget, Charge, Share, Spending
from ...ports.store import Store
from .case import NOW, Case, Contract, Member, Pen, agent, scenario, until_dead
from .ledger import budget, charge

NONE = Amounts()
AHEAD = NOW * 2
"""A time after everything that happens in a test, on any clock."""


class Budgets(Contract):
    """``set_budget``, ``drop_budget``, ``budgets``, ``spending``."""

    @scenario
    async def test_budgets_are_set_changed_listed_and_dropped(self, c: Case) -> None:
        full = Budget("b\0é", "agent:desk/42\0", "month", Bounds(1, 0, 2**63 - 1), "Europe/Berlin", "why\0")
        await c.store.set_budget(full)
        await c.store.set_budget(budget("a", tokens=5))
        assert await c.store.budgets() == [budget("a", tokens=5), full]
        await c.store.set_budget(budget("a", per="hour", calls=6))
        assert await c.store.budgets() == [budget("a", per="hour", calls=6), full]
        assert await c.store.drop_budget("b\0é")
        assert not await c.store.drop_budget("b\0é")
        assert [b.name for b in await c.store.budgets()] == ["a"]
        await c.restart()
        assert [b.name for b in await c.store.budgets()] == ([] if self.volatile else ["a"])

    @scenario
    async def test_a_limit_below_nothing_cannot_be_written(self, c: Case) -> None:
        for wrong in (-1, 2**63):
            with pytest.raises(Rejected) as caught:
                await c.store.set_budget(Budget("b", "system", "day", Bounds(tokens=wrong)))
            assert caught.value.code == "budget.malformed"

    @scenario
    async def test_spending_is_listed_by_budget_and_window(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        for name in "ab":
            await c.store.set_budget(budget(name, nanos=100))
        await pen.write(charges=[charge(1, "x", "a"), charge(2, "y\0", "a"), charge(3, "x", "b")])
        await take(one, 10, 10, window="z\0", name="b")
        found = {(s.budget, s.window): (s.spent.nanos, s.outstanding.nanos) for s in await c.store.spending()}
        assert found == {("a", "x"): (1, 0), ("a", "y\0"): (2, 0), ("b", "x"): (3, 0), ("b", "z\0"): (0, 10)}
        assert {s.window for s in await c.store.spending("a")} == {"x", "y\0"}
        assert await c.store.spending("a", ["y\0", "none"]) == [Spending("a", "y\0", Amounts(2, 1, 1), NONE)]
        assert {s.budget for s in await c.store.spending(windows=["x"])} == {"a", "b"}
        assert len(await c.store.spending(limit=3)) == 3
        assert await c.store.spending("none") == []

    @scenario
    async def test_a_dropped_budget_is_forgotten_and_ignored(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        await c.store.set_budget(budget(nanos=10))
        await take(one, 10)
        await pen.write(charges=[charge(5)])
        await c.store.drop_budget("b")
        with pytest.raises(NotFound) as caught:
            await take(one, 1)
        assert caught.value.code == "budget.unknown"
        await pen.write(charges=[charge(5)])
        await c.store.give_back(one.token, "b", "today", Amounts(1))
        assert await c.store.spending() == []
        await c.store.set_budget(budget(nanos=10))
        assert await c.store.spending() == []
        assert (await take(one, 10, 10)).granted.nanos == 10, "set anew it starts at zero"

    @scenario
    async def test_old_windows_are_forgotten_unless_somebody_holds_of_them_or_they_are_for_ever(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two")
        pen = await one.take(agent())
        await c.store.set_budget(budget(nanos=100))
        await c.store.set_budget(budget("all", FOREVER, nanos=100))
        await pen.write(charges=[charge(1, "old"), charge(1, "held"), charge(2, "old", "all")])
        await take(two, 5, window="held")
        await c.store.compact(1, 100)
        assert len(await c.store.spending()) == 3
        while await c.store.compact(AHEAD, 100):
            pass
        assert {(s.budget, s.window) for s in await c.store.spending()} == {("b", "held"), ("all", "old")}
        await c.store.give_back(two.token, "b", "held", Amounts(5))
        assert await c.store.compact(AHEAD, 100) > 0
        assert {(s.budget, s.window) for s in await c.store.spending()} == {("all", "old")}
        assert (await take(one, 100, 100, window="old")).granted.nanos == 100


class Shares(Contract):
    """``take_share`` and ``give_back``: what all have spent and the living hold never exceeds the limit."""

    @scenario
    async def test_a_share_is_what_was_wanted_as_far_as_it_is_free(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two", store=await c.second())
        await c.store.set_budget(budget(nanos=100, calls=3))
        share = await one.store.take_share(one.token, "b", "w", Amounts(70, 500, 2), Amounts(1, 1, 1))
        assert share == Share("b", "w", Amounts(70, 500, 2), Amounts(70, 500, 2), NONE, Bounds(30, None, 1))
        share = await two.store.take_share(two.token, "b", "w", Amounts(70, 500, 2), Amounts(1, 1, 1))
        assert share == Share("b", "w", Amounts(30, 500, 1), Amounts(30, 500, 1), NONE, Bounds(0, None, 0))
        [window] = await c.store.spending("b", ["w"])
        assert (window.spent, window.outstanding) == (NONE, Amounts(100, 1000, 3))

    @scenario
    async def test_if_the_least_does_not_fit_nothing_is_granted_and_the_rest_is_told(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two")
        await c.store.set_budget(budget(nanos=100, calls=3))
        await take(one, 60)
        share = await two.store.take_share(two.token, "b", "today", Amounts(70, 0, 1), Amounts(41, 0, 1))
        assert (share.granted, share.held, share.left) == (NONE, NONE, Bounds(40, None, 3))
        share = await two.store.take_share(two.token, "b", "today", Amounts(10, 0, 4), Amounts(1, 0, 4))
        assert (share.granted, share.left) == (NONE, Bounds(40, None, 3))
        share = await two.store.take_share(two.token, "b", "today", NONE, Amounts(40))
        assert (share.granted, share.left) == (Amounts(40), Bounds(0, None, 3)), "the least is wanted in any case"

    @scenario
    async def test_a_limit_of_nothing_grants_nothing(self, c: Case) -> None:
        one = await c.member()
        await c.store.set_budget(budget(nanos=0))
        assert (await take(one, 1)).granted == NONE
        share = await c.store.take_share(one.token, "b", "today", Amounts(5, 5, 5), NONE)
        assert (share.granted, share.left.nanos) == (Amounts(0, 5, 5), 0)

    @scenario
    async def test_windows_and_budgets_have_nothing_to_do_with_each_other(self, c: Case) -> None:
        one = await c.member()
        for name in "ab":
            await c.store.set_budget(budget(name, nanos=10))
        for name, window in (("a", "x"), ("a", "y"), ("b", "x")):
            assert (await take(one, 10, 10, window=window, name=name)).granted.nanos == 10

    @scenario
    async def test_a_charge_is_taken_off_what_its_session_holds(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two")
        pen = await one.take(agent())
        await c.store.set_budget(budget(nanos=100))
        await take(one, 50)
        await take(two, 50)
        await pen.write(charges=[charge(20)])
        share = await take(one, 0)
        assert (share.held.nanos, share.spent, share.left.nanos) == (30, Amounts(20, 1, 1), 0)
        share = await take(two, 0)
        assert (share.held.nanos, share.spent, share.left.nanos) == (50, NONE, 0)

    @scenario
    async def test_more_than_was_granted_is_recorded_as_it_is(self, c: Case) -> None:
        one = await c.member()
        pen = await one.take(agent())
        await c.store.set_budget(budget(nanos=100))
        await take(one, 50)
        await pen.write(charges=[charge(120)])
        share = await take(one, 1)
        assert (share.granted, share.held.nanos, share.spent.nanos, share.left.nanos) == (NONE, 0, 120, 0)
        [window] = await c.store.spending()
        assert (window.spent.nanos, window.outstanding.nanos) == (120, 0)

    @scenario
    async def test_what_is_given_back_is_free_for_others(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two", store=await c.second())
        await c.store.set_budget(budget(nanos=100))
        await take(one, 100)
        assert (await take(two, 30)).granted == NONE
        await one.store.give_back(one.token, "b", "today", Amounts(30, 7, 7))
        assert (await take(two, 100, 30)).granted.nanos == 30
        await one.store.give_back(one.token, "b", "today", Amounts(1_000))
        await one.store.give_back(one.token, "b", "never", Amounts(1_000))
        share = await take(one, 0)
        assert (share.held.nanos, share.left.nanos) == (0, 70), "no more than it held"

    @scenario
    async def test_a_lowered_limit_holds_at_once_and_a_raised_one_too(self, c: Case) -> None:
        one = await c.member("one", store=await c.second())
        await c.store.set_budget(budget(nanos=100))
        await take(one, 40)
        await c.store.set_budget(budget(nanos=30))
        share = await take(one, 1)
        assert (share.granted, share.held.nanos, share.left.nanos) == (NONE, 40, 0), "what is held stays held"
        await c.store.set_budget(budget(nanos=60))
        assert (await take(one, 100, 20)).granted.nanos == 20
        await c.store.set_budget(Budget("b", "system", "day", Bounds()))
        assert (await take(one, 10**15)).granted.nanos == 10**15

    @scenario
    async def test_when_a_session_ends_its_share_is_free_and_what_it_spent_stays(self, c: Case) -> None:
        await c.store.set_budget(budget(nanos=100))
        last = await c.member("last")
        for died in (False, True):
            one = await c.member("one", store=await c.second())
            pen = await one.take(agent())
            await take(one, 30)
            await pen.write(charges=[charge(10)])
            await one.store.leave(one.token, died=died)
        share = await take(last, 100, 80)
        assert share.granted.nanos == 80
        [window] = await c.store.spending()
        assert (window.spent.nanos, window.outstanding.nanos) == (20, 80)
        with pytest.raises(Conflict) as caught:
            await take(one, 1)
        assert caught.value.code == "session.lost"
        await one.store.give_back(one.token, "b", "today", Amounts(1))

    @scenario
    async def test_the_share_of_a_session_that_fell_silent_comes_free(self, c: Case) -> None:
        store = await c.second()
        dead, healthy = await c.member("dead", lease_seconds=0.2, store=store), await c.member("healthy")
        await c.store.set_budget(budget(nanos=100))
        await take(dead, 100)
        assert (await take(healthy, 1)).granted == NONE
        await until_dead(healthy, dead)
        assert (await take(healthy, 100)).granted.nanos == 100

    @scenario
    async def test_what_was_spent_outlives_many_sessions_and_a_restart(self, c: Case) -> None:
        await c.store.set_budget(budget(nanos=1_000))
        for n in range(80):
            one = await c.member(str(n))
            await (await one.take(agent())).write(charges=[charge(10)])
            await c.store.leave(one.token)
        for _ in range(2):
            one = await c.member()
            share = await take(one, 1_000, 0)
            assert (share.granted.nanos, share.left.nanos) == (200, 0)
            [window] = await c.store.spending()
            assert (window.spent, window.outstanding) == (Amounts(800, 80, 80), Amounts(200))
            await c.store.leave(one.token)
        await c.restart()
        if not self.volatile:
            assert await c.store.spending() == [Spending("b", "today", Amounts(800, 80, 80), NONE)]

    @scenario
    async def test_shares_never_overshoot_and_all_of_the_limit_can_be_spent(self, c: Case) -> None:
        """Eight sessions ask for thousands of small shares of two windows at once, spend some, return some, and die."""
        limit = Amounts(10_000, 4_500, 1_500)
        await c.store.set_budget(budget(nanos=limit.nanos, tokens=limit.tokens, calls=limit.calls))
        second = await c.second()
        looks = 0
        async with asyncio.TaskGroup() as group:
            spenders = [group.create_task(self._spend(c, second if n % 2 else c.store, n)) for n in range(8)]
            while not all(task.done() for task in spenders):
                looks += 1
                await asyncio.sleep(0)
                for s in await c.store.spending("b", ["x", "y"]):
                    sums = zip(parts(s.spent), parts(s.outstanding), parts(limit), strict=True)
                    assert all(spent + held <= most for spent, held, most in sums), s
        spent = [task.result() for task in spenders]
        assert looks > 3
        last = await c.member("last")
        for window in "xy":
            taken = Amounts(*(sum(parts(mine[window])[d] for mine in spent) for d in range(3)))
            share = await c.store.take_share(last.token, "b", window, limit, NONE)
            left = (most - gone for most, gone in zip(parts(limit), parts(taken), strict=True))
            assert share.granted == Amounts(*left), "to the last bit, and no bit more"
            assert taken.nanos > limit.nanos / 2 and share.left == Bounds(0, 0, 0)

    async def _spend(self, c: Case, store: Store, seed: int) -> dict[str, Amounts]:
        dice = random.Random(seed)
        spent = {"x": NONE, "y": NONE}
        me, pen = await self._begin(c, store, seed)
        failed = 0
        while failed < 3:
            await asyncio.sleep(0)
            window = dice.choice("xy")
            want = Amounts(dice.randint(1, 40), dice.randint(0, 18), dice.randint(0, 6))
            share = await me.store.take_share(me.token, "b", window, want, Amounts(1))
            if not share.granted.nanos:
                failed += 1
                continue
            bought = Amounts(*(dice.randint(0, n) for n in parts(share.granted)))
            if dice.random() < 0.8:
                await pen.write(charges=[Charge("b", window, bought)])
                spent[window] = Amounts(*(a + b for a, b in zip(parts(spent[window]), parts(bought), strict=True)))
            rest = (a - b for a, b in zip(parts(share.granted), parts(bought), strict=True))
            if dice.random() < 0.8:
                await me.store.give_back(me.token, "b", window, Amounts(*rest))
            if dice.random() < 0.02:
                await me.store.leave(me.token, died=dice.random() < 0.5)
                me, pen = await self._begin(c, store, seed)
        await me.store.leave(me.token)
        return spent

    async def _begin(self, c: Case, store: Store, seed: int) -> tuple[Member, Pen]:
        me = await c.member(str(seed), store=store)
        return me, await me.take(agent(str(seed)))


async def take(member: Member, want: int, least: int = 1, *, window: str = "today", name: str = "b") -> Share:
    """Ask for money only."""
    return await member.store.take_share(member.token, name, window, Amounts(want), Amounts(min(least, want)))


def parts(amounts: Amounts) -> tuple[int, int, int]:
    """As a tuple."""
    return amounts.nanos, amounts.tokens, amounts.calls
