"""Policies rule what really happens: in a runtime, from files and from the store, and after they changed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from heart_world import World, until
from holdfast import Agent, Context, Rejected, Runtime
from holdfast.control.policies import checked
from holdfast.domain.intent import Decision, Intent, Verdict
from holdfast.journal.codec import ANY, encode, error_of
from holdfast.ports.resources import Change


def teller(world: World) -> Agent:
    agent = Agent("teller")

    async def pay(amount: int, customer: str) -> str:
        await world.effect((amount, customer))
        return "paid"

    async def look(what: str) -> str:
        return f"{what}: nothing special"

    @agent.handler
    async def refund(ctx: Context, amount: int, customer: str, key: str = "pay") -> str:
        try:
            return await ctx.run(pay, amount, customer, name=key)
        except Rejected as error:
            return f"{error.code}: {error.message}"

    @agent.handler
    async def read_then_pay(ctx: Context) -> str:
        await ctx.run(look, "crm")
        try:
            return await ctx.run(pay, 1, "ada")
        except Rejected as error:
            return error.code

    return agent


def no_risk(args: Any) -> int:
    return 1


def policy(name: str, *rules: dict[str, Any], **head: Any) -> str:
    return json.dumps({"kind": "Policy", "name": name, "spec": {**head, "rules": list(rules)}})


async def asked(runtime: Runtime, handler: str, key: str, *args: Any) -> Any:
    outcome = await runtime.channel.request(
        "call", to=f"default/teller/{key}", handler=handler, payload=encode((list(args), {}), "arguments")
    )
    if outcome.failure is not None:
        raise error_of(outcome.failure)
    return ANY.decode(outcome.value, "answer")


async def apply(runtime: Runtime, name: str, spec: Any, tenant: str = "") -> int:
    body = None if spec is None else json.dumps(spec).encode()
    revision = await runtime.store.apply_resources([Change("Policy", name, tenant, body)], "test", "", 1)
    await until(lambda: _reached(runtime, revision))
    return revision


async def _reached(runtime: Runtime, revision: int) -> bool:
    return runtime.engine.worker.resources.revision >= revision


async def test_a_policy_from_a_file_denies_before_the_effect(world: World, tmp_path: Path) -> None:
    agent = teller(world)
    large = {"name": "large", "does": "run pay", "when": "args['0'] > 100", "then": "deny", "reason": "{args} is too much"}
    often = {"name": "often", "does": "run pay", "at_most": {"count": 2, "per": "day", "by": "args.1"}}
    (tmp_path / "refunds.json").write_text(policy("refunds", large, often))
    async with world.runtime(agent, policies=[str(tmp_path)]) as runtime:
        assert "gate.denied" in await asked(runtime, "refund", "1", 500, "ada")
        assert await asked(runtime, "refund", "1", 5, "ada") == "paid"
        assert await asked(runtime, "refund", "1", 6, "ada") == "paid"
    async with world.runtime(agent, policies=[str(tmp_path)]) as runtime:  # the past is read from the journal again
        third = await asked(runtime, "refund", "1", 7, "ada")
        assert "2 so far and 1 now, of at most 2 per day" in third
        assert await asked(runtime, "refund", "1", 8, "bob") == "paid"
        assert await asked(runtime, "refund", "2", 9, "ada") == "paid", "another agent's past is its own"
    assert [amount for amount, _ in world.effects] == [5, 6, 8, 9]


async def test_what_all_agents_do_together_is_limited(world: World, tmp_path: Path) -> None:
    agent = teller(world)
    rule = {"name": "all", "does": "run pay", "at_most": {"sum": "args.0", "limit": 100, "per": "day", "among": "all"}}
    (tmp_path / "p.json").write_text(policy("refunds", rule))
    async with world.runtime(agent, policies=[str(tmp_path)]) as runtime:
        assert await asked(runtime, "refund", "1", 60, "ada") == "paid"
        assert "gate.limit" in await asked(runtime, "refund", "2", 60, "ada")
        assert await asked(runtime, "refund", "3", 40, "ada") == "paid", "what was refused does not count"


async def test_a_change_of_a_policy_takes_effect_and_its_end_too(world: World) -> None:
    agent = teller(world)
    rule = {"name": "never", "does": "run pay", "then": "deny"}
    async with world.runtime(agent) as runtime:
        assert await asked(runtime, "refund", "1", 1, "ada") == "paid"
        await apply(runtime, "never", {"rules": [rule]})
        assert "gate.denied" in await asked(runtime, "refund", "1", 2, "ada")
        await apply(runtime, "never", {"rules": [{**rule, "when": "args['0'] > 5"}]})
        assert await asked(runtime, "refund", "1", 3, "ada") == "paid"
        await apply(runtime, "never", {"rules": [rule]}, tenant="acme")
        assert await asked(runtime, "refund", "1", 4, "ada") == "paid", "another tenant's policy"
        assert [p.name for p in await runtime.policies()] == ["never", "never"]
        await apply(runtime, "never", None)
        assert await asked(runtime, "refund", "1", 9, "ada") == "paid"
    assert [amount for amount, _ in world.effects] == [1, 3, 4, 9]


async def test_a_policy_that_cannot_be_used_changes_nothing_or_lets_nothing_pass(world: World) -> None:
    agent = teller(world)
    rule = {"name": "never", "does": "run pay", "when": "args['0'] > 5", "then": "deny"}
    broken = {"rules": [{**rule, "when": "risk(args) > 5"}]}
    async with world.runtime(agent) as runtime:
        await apply(runtime, "risk", {"rules": [rule]})
        await apply(runtime, "risk", broken)
        assert await asked(runtime, "refund", "1", 1, "ada") == "paid", "the one before stays"
        assert "gate.denied" in await asked(runtime, "refund", "1", 6, "ada")
    async with world.runtime(agent) as runtime:  # here nothing was there before
        with pytest.raises(Rejected, match="risk"):
            await asked(runtime, "refund", "1", 1, "ada")
    async with world.runtime(agent, lookups={"risk": no_risk}) as runtime:
        assert await asked(runtime, "refund", "1", 1, "ada") == "paid"


async def test_a_broken_file_starts_nothing(world: World, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("kind: Policy\nname: p\nspec: {rules: [{name: r, when: amount > 3, then: deny}]}")
    for file, code in (("p.yaml", "policy.expression"), ("none.yaml", "policy.file")):
        with pytest.raises(Rejected) as caught:
            async with world.runtime(teller(world), policies=[str(tmp_path / file)]):
                pass
        assert caught.value.code == code


async def test_plugins_and_lookups_are_part_of_it(world: World, tmp_path: Path) -> None:
    agent = teller(world)

    def judge(intent: Intent) -> Decision | None:
        return Decision(Verdict.DENY, ("not bob",)) if intent.arguments.get("1") == "bob" else None

    rule = {"name": "gold", "does": "run pay", "unless": "tier(args['1']) == 'gold'", "then": "deny", "reason": "not gold"}
    (tmp_path / "p.json").write_text(policy("p", rule))
    tiers = {"ada": "gold", "bob": "gold", "cy": "none"}
    given: dict[str, Any] = {"plugins": {"judge": judge}, "lookups": {"tier": tiers.__getitem__}}
    async with world.runtime(agent, policies=[str(tmp_path)], **given) as runtime:
        assert await asked(runtime, "refund", "1", 1, "ada") == "paid"
        assert "not bob" in await asked(runtime, "refund", "1", 1, "bob")
        assert "not gold" in await asked(runtime, "refund", "1", 1, "cy")
        assert "gate.error" in await asked(runtime, "refund", "1", 1, "unknown")


async def test_why_and_dry_run_read_the_journal(world: World, tmp_path: Path) -> None:
    agent = teller(world)
    large = {"name": "large", "does": "run pay", "when": "args['0'] > 100", "then": "deny", "reason": "too much"}
    (tmp_path / "p.json").write_text(policy("refunds", large))
    async with world.runtime(agent, policies=[str(tmp_path)]) as runtime:
        await asked(runtime, "refund", "1", 5, "ada")
        await asked(runtime, "refund", "1", 500, "ada")
        await asked(runtime, "refund", "1", 50, "bob")
        why = await runtime.why("teller/1")
        assert (why.verdict, why.rules, why.reasons, why.now) == ("deny", ["refunds/large"], ["too much"], "deny")
        assert why.args == {"0": 500, "1": "ada"}
        assert [(c.rule, c.said) for c in why.considered] == [("refunds/large", "matched")]
        assert "args['0'] > 100 is true" in why.considered[0].why
        allowed = await runtime.why("teller/1", turn=1)
        assert (allowed.verdict, allowed.now) == ("allow", "allow")
        with pytest.raises(Exception, match=r"why\.unknown"):
            await runtime.why("teller/1", turn=900)

        new = policy(
            "new",
            {"name": "ten", "does": "run pay", "when": "args['0'] > 10", "then": "ask"},
            {"name": "once", "does": "run pay", "at_most": {"count": 1, "per": "day", "by": "args.1"}},
            {"name": "odd", "does": "run pay", "when": "args.nothing == 3", "then": "deny"},
        )
        view = await runtime.dry_run_policy(new)
        assert view.actions == 3
        assert view.outcomes == {"error": 2, "deny": 1}, "what cannot be judged is told apart"
        one, two = (json.dumps({**json.loads(new), "spec": {"rules": json.loads(new)["spec"]["rules"][:n]}}) for n in (1, 2))
        view = await runtime.dry_run_policy(one)
        assert (view.outcomes, view.rules) == ({"allow": 1, "ask": 2}, {"new/ten": 2})
        assert [(j.outcome, j.was) for j in view.found] == [("ask", "deny"), ("ask", "allow")]
        assert (await runtime.dry_run_policy(two)).outcomes == {"allow": 1, "deny": 1, "ask": 1}
        assert (await runtime.dry_run_policy(one, agent="other")).actions == 0
        assert (await runtime.dry_run_policy(one, until=1)).actions == 0
        together = {"name": "all", "does": "run pay", "at_most": {"count": 1, "per": "day", "among": "all"}}
        assert (await runtime.dry_run_policy(policy("all", together))).outcomes == {"allow": 1, "deny": 2}
        with pytest.raises(Rejected):
            await runtime.dry_run_policy("kind: Policy\nname: p\nspec: {rules: 3}")


async def test_after_a_read_in_the_same_turn(world: World, tmp_path: Path) -> None:
    agent = teller(world)
    rule = {"name": "r", "does": "run pay", "after": {"read": "run:look"}, "then": "deny"}
    (tmp_path / "p.json").write_text(policy("p", rule))
    async with world.runtime(agent, policies=[str(tmp_path)]) as runtime:
        assert await asked(runtime, "refund", "1", 5, "ada") == "paid"
        assert await asked(runtime, "read_then_pay", "1") == "gate.denied"
        assert "gate.denied" in await asked(runtime, "refund", "1", 5, "ada"), "in later turns too"
        assert await asked(runtime, "refund", "2", 5, "ada") == "paid"


async def test_a_turn_sees_all_of_itself(world: World, tmp_path: Path) -> None:
    agent = Agent("teller")

    async def pay(amount: int) -> str:
        return str(await world.effect(amount))

    async def fail() -> None:
        raise ValueError("no")

    @agent.handler
    async def several(ctx: Context, amounts: list[int]) -> list[str]:
        found: list[str] = []
        for amount in amounts:
            try:
                found.append(await ctx.run(pay, amount))
            except Rejected as error:
                found.append(error.code)
        return found

    @agent.handler
    async def fail_then_pay(ctx: Context) -> str:
        with contextlib.suppress(Exception):
            await ctx.run(fail)
        try:
            return await ctx.run(pay, 1)
        except Rejected as error:
            return error.code

    rules = [
        {"name": "two", "does": "run pay", "at_most": {"count": 2, "per": "turn"}},
        {"name": "failed", "does": "run pay", "after": {"failed": "run fail", "in": "turn"}, "then": "deny"},
    ]
    (tmp_path / "p.json").write_text(policy("p", *rules))
    async with world.runtime(agent, policies=[str(tmp_path)]) as runtime:
        for _ in range(2):
            assert await asked(runtime, "several", "1", [1, 2, 3]) == ["1", "2", "gate.denied"]
        assert await asked(runtime, "fail_then_pay", "1") == "gate.denied"
        assert await asked(runtime, "several", "1", [1, 2, 3]) == ["1", "2", "gate.denied"]


async def test_whoever_a_rule_names_is_told(world: World, tmp_path: Path) -> None:
    agent, ops = teller(world), Agent("ops")

    @ops.handler
    async def begin(ctx: Context) -> None:
        await ctx.subscribe("notify.ops", "hear")

    @ops.handler
    async def hear(ctx: Context, news: dict[str, Any]) -> None:
        await ctx.state.set("heard", [*await ctx.state.get("heard", []), news])

    rules = [
        {"name": "large", "does": "run pay", "when": "args['0'] > 100", "then": "deny", "reason": "no", "notify": "ops"},
        {"name": "seen", "does": "run pay", "when": "args['0'] > 10", "then": "allow", "notify": ["ops", "nobody"]},
    ]
    (tmp_path / "p.json").write_text(policy("p", *rules))
    async with world.runtime(agent, ops, policies=[str(tmp_path)]) as runtime:
        await runtime.call(begin["1"])
        for amount in (5, 50, 500):
            await asked(runtime, "refund", "1", amount, "ada")

        async def heard() -> Any:
            found = (await runtime.state("ops/1")).get("heard", [])
            return found if len(found) == 2 else None

        allowed, denied = await until(heard)
    assert (allowed["verdict"], allowed["rules"]) == ("allow", ["p/seen"])
    assert (denied["verdict"], denied["rules"], denied["reasons"]) == ("deny", ["p/large"], ["no"])
    assert denied["agent"] == "default/teller/1" and denied["verb"] == "run" and denied["turn"] > 0


async def test_what_is_to_be_applied_is_checked_and_tested_first(world: World) -> None:
    rule = {"name": "never", "does": "run pay", "when": "args['0'] > 5", "then": "deny"}
    much = {"name": "much", "given": {"run": "pay", "args": [9]}, "expect": "deny"}
    async with world.runtime(teller(world), lookups={"risk": no_risk}) as runtime:
        worker = runtime.engine.worker
        assert checked(worker, "p", {"rules": [rule], "tests": [much]}, "acme").tenant == "acme"
        checked(worker, "p", {"rules": [{**rule, "when": "risk(args) > 5"}]})
        for spec, code in (
            ({"rules": [rule], "tests": [{**much, "expect": "allow"}]}, "policy.test"),
            ({"rules": [{**rule, "when": "rsk(args) > 5"}]}, "policy.expression"),
            ({"rules": [{**rule, "whn": "true"}]}, "policy.malformed"),
            ({"rules": 3}, "policy.malformed"),
        ):
            with pytest.raises(Rejected) as caught:
                checked(worker, "p", spec)
            assert caught.value.code == code
        assert (await runtime.policies()) == []


async def test_files_that_change_are_read_again_and_broken_ones_change_nothing(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "p.json"
    rule = {"name": "large", "does": "run pay", "when": "args['0'] > 100", "then": "deny"}
    file.write_text(policy("p", rule))
    async with world.runtime(teller(world), policies=[str(tmp_path)]) as runtime:
        policies = runtime.engine.policies
        assert policies is not None
        assert await asked(runtime, "refund", "1", 50, "ada") == "paid"
        file.write_text(policy("p", {**rule, "when": "args['0'] > 10"}))
        policies.look()
        assert "gate.denied" in await asked(runtime, "refund", "1", 50, "ada")
        file.write_text(policy("p", {**rule, "when": "arg > 10000"}))
        policies.look()
        assert "policy.expression" in caplog.text
        assert "gate.denied" in await asked(runtime, "refund", "1", 50, "ada"), "what was in force still is"
        (tmp_path / "q.json").write_text(policy("p", rule))
        policies.look()
        assert "policy.twice" in caplog.text


async def test_a_limit_among_all_holds_over_workers_that_act_at_once(postgres_url: str, tmp_path: Path) -> None:
    """Twelve payments on two workers at once, of which five are within bounds: five are made, whoever was faster."""
    world = World(f"{postgres_url}?schema=limit_two")
    agent = teller(world)
    rule = {"name": "five", "does": "run pay", "at_most": {"count": 5, "per": "hour", "by": "args.1", "among": "all"}}
    (tmp_path / "p.json").write_text(policy("p", rule))
    places = {"policies": (str(tmp_path / "p.json"),)}
    async with world.runtime(agent, name="one", **places) as one, world.runtime(agent, name="two", **places) as two:
        paying = [asked((one, two)[n % 2], "refund", str(n), n, "ada") for n in range(12)]
        found = await asyncio.gather(*paying)
        assert await asked(two, "refund", "other", 1, "bob") == "paid", "another customer is counted by himself"
    assert found.count("paid") == 5
    assert all("gate.limit" in answer for answer in found if answer != "paid")
    assert len(world.effects) == 6
