"""Budgets that hold, and the ledger that says what was spent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from holdfast import Agent, Context, HoldfastError, Runtime
from holdfast.models.routes import Models, Price, Target
from holdfast.ports.ledger import Amounts, Bounds, Budget
from holdfast.testing import models as bad
from holdfast.testing.models import Call, Reply, Vendor

MILLION = 1_000_000


@asynccontextmanager
async def running(agents: list[Agent], script: Any, store: str = "memory://") -> AsyncGenerator[tuple[Runtime, Vendor]]:
    async with Vendor(script) as vendor:
        price = Price(input=1.0, output=1.0, cached=0.5)
        target = Target(name="m", vendor="v", url=vendor.url, model="m1", price=price, max_output=100)
        async with Runtime(agents, store, models=Models(targets=[target]), lease_seconds=2.0) as runtime:
            yield runtime, vendor


async def until(condition: Any, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_every_answer_is_in_the_ledger_with_who_it_was_for() -> None:
    helper = Agent("helper", model="m", labels={"team": "back"})
    front = Agent("front", model="m", labels={"team": "front"}, tools=[helper.as_tool()])

    def script(call: Call) -> Reply:
        if call.messages[-1]["role"] == "tool" or not call.body.get("tools"):
            return Reply("done", input_tokens=100, output_tokens=10, cached_tokens=40)
        return Reply(tool_calls=[("a", "helper", {"content": "x"})], input_tokens=50, output_tokens=5)

    async with running([front, helper], script) as (runtime, _):
        await runtime.call(front["1"].chat, "hi")
        rows = await runtime.usage()
        assert [(r.agent, r.chain, r.input, r.cached, r.output) for r in rows] == [
            ("default/front/1", (), 50, 0, 5),
            ("default/helper/1", ("default/front/1",), 100, 40, 10),
            ("default/front/1", (), 100, 40, 10),
        ]
        assert rows[1].nanos == (60 + 20 + 10) * 1_000 and rows[1].model == "m1" and rows[1].reason
        by_name = {r.keys[0]: r for r in await runtime.cost(by=["name"])}
        assert by_name["front"].calls == 2 and by_name["helper"].calls == 1
        by_root = await runtime.cost(by=["root"])
        assert [(r.keys, r.calls) for r in by_root] == [(["default/front/1"], 3)]
        by_team = {r.keys[0]: r.calls for r in await runtime.cost(by=["team"])}
        assert by_team == {"front": 2, "back": 1}
        made = await runtime.route_decisions(limit=2)
        assert [(r.agent, r.outcome) for r in made] == [("default/front/1", "ok"), ("default/helper/1", "ok")], (
            "newest first"
        )
        assert all(r.reason and r.target for r in made) and await runtime.route_decisions(route="none") == []
        foreseen = await runtime.forecast()
        assert foreseen.forecast_usd > foreseen.spent_usd > 0
        with pytest.raises(HoldfastError, match="cannot be told apart"):
            await runtime.cost(by=["label:"])


async def test_a_looping_agent_stops_at_its_limit_and_nothing_else_is_harmed() -> None:
    def look() -> str:
        return "nothing yet"

    loop = Agent("loop", model="m", tools=[look], rounds=1_000)
    other = Agent("other", model="m")

    def script(call: Call) -> Reply:
        return Reply(tool_calls=[("a", "look", {})]) if call.body.get("tools") else Reply("fine")

    async with running([loop, other], script) as (runtime, vendor):
        await runtime.set_budget("small", "agent:loop", "day", calls=5)
        await runtime.send(loop["1"].chat, "go")

        async def paused() -> bool:
            return (await runtime.describe("loop/1")).mode == "paused"

        await until(paused)
        view = await runtime.describe("loop/1")
        assert "budget small" in view.reason
        assert len(vendor.calls) == 5
        assert await runtime.call(other["1"].chat, "hi") == "fine"
        await runtime.set_budget("small", "agent:loop", "day", calls=8)
        await asyncio.sleep(0.1)
        assert (await runtime.describe("loop/1")).mode == "paused"  # never by itself
        await runtime.resume("loop/1")

        async def again() -> bool:
            return len(vendor.calls) == 9 and await paused()

        await until(again)
        (budget,) = await runtime.budgets()
        assert (budget.spent_calls, budget.limit_calls) == (8, 8)


async def test_what_an_agent_has_others_do_counts_for_it() -> None:
    worker = Agent("worker", model="m")
    boss = Agent("boss")

    @boss.handler
    async def have(ctx: Context, times: int) -> int:
        for n in range(times):
            await ctx.call(worker[str(n)].chat, "x")
        return times

    async with running([boss, worker], bad.always(Reply("ok"))) as (runtime, vendor):
        await runtime.set_budget("bosss", "agent:boss/1", "ever", calls=3)
        await runtime.send(have["1"], 5)

        async def stopped() -> bool:
            return [a.address for a in await runtime.agents(like="worker/", mode="paused")] == ["worker/3"]

        await until(stopped)
        assert len(vendor.calls) == 3
        assert await runtime.call(worker["9"].chat, "mine") == "ok"


async def test_money_and_tokens_and_turns_bound_too() -> None:
    agent = Agent("a", model="m")
    async with running([agent], bad.always(Reply("ok", input_tokens=50, output_tokens=50))) as (runtime, vendor):
        await runtime.set_budget("dollars", "system", "month", usd=0.0)
        await runtime.send(agent["1"].chat, "x")

        async def paused() -> bool:
            return (await runtime.describe("a/1")).mode == "paused"

        await until(paused)
        assert not vendor.calls
        await runtime.drop_budget("dollars")
        await runtime.set_budget("per turn", "agent:a", "turn", calls=1)
        await runtime.resume("a/1")
        await until(lambda: _idle(runtime))
        assert await runtime.call(agent["1"].chat, "again") == "ok"  # each turn has its own
        assert len(vendor.calls) == 2
    with pytest.raises(HoldfastError, match="is no scope"):
        async with running([agent], bad.always(Reply("x"))) as (runtime, _):
            await runtime.set_budget("x", "everybody", "day", calls=1)


async def _idle(runtime: Runtime) -> bool:
    return (await runtime.describe("a/1")).doing == "idle"


async def test_a_crash_between_call_and_settlement_neither_leaks_nor_charges_twice(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'a.db'}"
    asked = asyncio.Event()
    slow = True

    def script(call: Call) -> Reply:
        asked.set()
        return Reply("ok", delay=60.0 if slow else 0.0, input_tokens=10, output_tokens=10)

    agent = Agent("a", model="m")
    async with Vendor(script) as vendor:
        price = Price(input=1.0, output=1.0)
        models = Models(targets=[Target(name="m", vendor="v", url=vendor.url, model="m1", price=price, max_output=100)])
        first = Runtime([agent], store, models=models)
        await first.start()
        await first.set_budget("two", "agent:a", "ever", calls=2)
        await first.send(agent["1"].chat, "x")
        await asyncio.wait_for(asked.wait(), 5)
        assert (await first.store.spending("two"))[0].outstanding.calls >= 1
        await first.stop(0)
        slow = False
        async with Runtime([agent], store, models=models) as second:
            await until(lambda: _idle(second))
            (row,) = await second.store.spending("two")
            assert row.spent == Amounts(20_000, 20, 1)
            assert len(await second.usage()) == 1
            assert await second.call(agent["1"].chat, "y") == "ok"  # the whole limit can be used


async def test_many_at_once_never_overshoot() -> None:
    agent = Agent("a", model="m")
    async with running([agent], bad.always(Reply("ok", input_tokens=1, output_tokens=1))) as (runtime, vendor):
        await runtime.set_budget("all", "agent:a", "ever", calls=50)
        for n in range(200):
            await runtime.send(agent[str(n)].chat, "x")

        async def settled() -> bool:
            return len(await runtime.agents(like="a/", mode="paused", limit=500)) == 150

        await until(settled, 30)
        assert len(vendor.calls) == 50
        (budget,) = await runtime.budgets()
        assert budget.spent_calls == 50


async def test_a_budget_foresees_when_it_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    quarter_past = 1_800_000_000_000 + 15 * 60_000  # 2027-01-15 08:15
    async with Runtime([], "memory://") as runtime:
        operations = runtime.operations
        monkeypatch.setattr(operations.worker.clock, "now_ms", lambda: quarter_past)

        def foreseen(per: str, spent: Amounts, **limits: int) -> tuple[Any, ...]:
            view = operations._budget(Budget("b", "system", per, Bounds(**limits)), spent, Amounts())  # pyright: ignore[reportPrivateUsage]
            return view.forecast_share, view.forecast_usd, view.runs_out - quarter_past if view.runs_out else 0

        half = Amounts(nanos=500_000_000, tokens=10)
        assert foreseen("hour", half, nanos=1_000_000_000) == (2.0, 2.0, 15 * 60_000)
        assert foreseen("hour", half, nanos=4_000_000_000) == (0.5, 2.0, 0)
        assert foreseen("hour", half, nanos=4_000_000_000, tokens=10)[0] == 4.0, "the dimension that comes nearest"
        assert foreseen("hour", Amounts(), nanos=0)[0] == 4.0, "of nothing, everything is used"
        assert foreseen("ever", half, nanos=1_000_000_000) == (None, None, 0)
        [share, usd, _] = foreseen("month", half, nanos=1_000_000_000)
        assert 1.0 < share < 1.2 and usd == share
        assert (await operations.set_budget("b", "system", "day", usd=1)).ends == 1_800_000_000_000 + 16 * 3_600_000
