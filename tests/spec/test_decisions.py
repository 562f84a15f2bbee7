"""What the gate said of late, newest first: refused, asked about, let through by somebody, changed; yes on demand."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from approval_ground import acting, asked, person
from heart_world import World
from holdfast import Agent, Context
from holdfast.control.operations import Operations
from holdfast.domain.errors import HoldfastError
from holdfast.domain.principal import Principal

POLICY = """
kind: Policy
name: money
spec:
  rules:
    - {name: never eve, does: run wire, when: "args['0'] == 'eve'", then: deny, reason: eve is not paid}
    - {name: large, does: run wire, when: "args['1'] > 100", then: ask, reason: a person looks}
    - {name: cap, does: run wire, when: "args['1'] > 50", then: transform, transform: {cap: {"1": 50}}}
  tests:
    - {name: eve is refused, given: {run: wire, args: [eve, 5]}, expect: {outcome: deny, rule: never eve}}
    - {name: a wrong one, given: {run: wire, args: [ada, 5]}, expect: deny}
"""

cashier = Agent("cashier")


async def wire(to: str, cents: int) -> str:
    return f"paid {cents}"


@cashier.handler
async def pay(ctx: Context, to: str, cents: int) -> str:
    return await ctx.run(wire, to, cents)


async def told(ops: Operations, **given: Any) -> list[tuple[str, str, list[str]]]:
    return [(d.outcome, d.address, d.rules) for d in (await ops.decisions(**given)).found]


async def test_recent_decisions_are_listed_with_why(world: World, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    async with world.runtime(cashier, policies=(str(file),)) as runtime:
        ops = runtime.operations
        assert await told(ops) == []
        assert await runtime.call(cashier["a"].pay, "ada", 5) == "paid 5"
        assert await told(ops) == [], "a plain yes is nothing to tell of"
        with pytest.raises(HoldfastError):
            await runtime.call(cashier["a"].pay, "eve", 5)
        assert await runtime.call(cashier["b"].pay, "ada", 70) == "paid 50"
        large = asyncio.ensure_future(runtime.call(cashier["b"].pay, "ada", 700))
        [question] = await asked(runtime)
        waiting = await ops.why("cashier/b")
        assert (waiting.verdict, waiting.rules, waiting.now) == ("ask", ["money/large"], "ask")
        assert waiting.args == {"0": "ada", "1": 700}, "as it was before a rule changed it"
        await acting(runtime, person("ann")).approve(question.id, why="agreed")
        assert await large == "paid 50"

        everything = [
            ("approved", "cashier/b", ["money/large"]),
            ("ask", "cashier/b", ["money/large"]),
            ("transform", "cashier/b", ["money/cap"]),
            ("deny", "cashier/a", ["money/never eve"]),
        ]
        assert await told(ops) == everything
        view = await ops.decisions()
        approved, _, _, denied = view.found
        assert approved.by == ["default/person:ann"] and "a person looks" in approved.reasons
        assert (denied.reasons, denied.name, denied.verb) == (["eve is not paid"], "wire", "run")
        assert denied.error.startswith("gate.denied") and view.before == 0
        why = await ops.why(denied.address, denied.turn, denied.path)
        assert (why.verdict, why.rules) == ("deny", denied.rules)

        assert [o for o, _, _ in await told(ops, outcomes=["deny", "ask"])] == ["ask", "deny"]
        assert [o for o, _, _ in await told(ops, rule="never")] == ["deny"]
        assert [o for o, _, _ in await told(ops, agent="cashier/a")] == ["deny"]
        assert await told(ops, outcomes=["allow"]) == [("allow", "cashier/a", [])]
        assert await told(ops, since=approved.at + 1) == []

        first = await ops.decisions(limit=2)
        rest = await ops.decisions(before=first.before, limit=50)
        assert [d.id for d in first.found + rest.found] == [d.id for d in view.found]
        assert await told(ops, after=view.newest) == []
        assert len(await told(ops, after=denied.id)) == 3, "what came since"

        elsewhere = ops.acting_for(Principal("person", "eve", "globex", frozenset({"read"})))
        assert (await elsewhere.decisions()).found == []
        with pytest.raises(HoldfastError, match=r"tenant.crossed"):
            await elsewhere.decisions(agent="default/cashier/a")
        with pytest.raises(HoldfastError, match=r"no outcome"):
            await ops.decisions(outcomes=["maybe"])


async def test_a_policy_in_force_runs_the_tests_beside_it(world: World, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    async with world.runtime(cashier, policies=(str(file),)) as runtime:
        good, bad = await runtime.operations.test_policy("money")
        assert (good.policy, good.test, good.passed, good.problems) == ("money", "eve is refused", True, [])
        assert (bad.passed, bad.problems[:2]) == (False, ["- expected deny", "+ got allow, no rule spoke"])
        assert await runtime.operations.test_policy() == [good, bad]
        mended = POLICY.replace("expect: deny", "expect: allow")
        assert [t.passed for t in await runtime.operations.test_policy(text=mended)] == [True, True]
        with pytest.raises(HoldfastError, match=r"policy.unknown"):
            await runtime.operations.test_policy("nothing")
        globex = Principal("person", "eve", "globex", frozenset({"read"}))
        assert await runtime.operations.acting_for(globex).test_policy() == [good, bad], "what binds everybody is shown"
