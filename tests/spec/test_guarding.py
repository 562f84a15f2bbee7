"""Breakers, habits and holds in a running system: who is stopped stops before the next effect and loses nothing, here and on
other workers; what is unusual is asked about; what is held is not forgotten."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from heart_world import is_doing, until
from holdfast import Agent, Context, HoldfastError, NotFound, Rejected, Runtime
from holdfast.domain.intent import Approval
from holdfast.domain.principal import Principal
from holdfast.gate.behaviour import Behaviour
from holdfast.ports.resources import Change
from holdfast.ports.store import Store

walker = Agent("walker")
STEPS: list[str] = []


async def mark(what: str) -> str:
    STEPS.append(what)
    await asyncio.sleep(0.005)
    return what


@walker.handler
async def walk(ctx: Context, steps: int) -> int:
    for n in range(steps):
        await ctx.run(mark, ctx.key + f" {n}")
    return steps


@walker.handler
async def mail(ctx: Context, to: str) -> str:
    return await ctx.run(mark, to, name="mail")


@walker.handler
async def loop(ctx: Context, times: int) -> int:
    for _ in range(times):
        await ctx.run(mark, "same")
    return times


@walker.handler
async def slowly(ctx: Context) -> str:
    async def slow() -> str:
        await asyncio.sleep(0.5)
        return "slow"

    return await ctx.run(slow, name="slow_mail")


@walker.handler
async def export(ctx: Context) -> str:
    return await ctx.run(mark, "everything", name="export_all")


@pytest.fixture(autouse=True)
def _nothing_done() -> None:
    STEPS.clear()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return f"{request.getfixturevalue('postgres_url')}?schema=guarding_{abs(hash(tmp_path))}"


async def test_a_stop_holds_every_turn_before_its_next_effect_and_nothing_is_lost(url: str) -> None:
    async with Runtime([walker], url) as runtime:
        calls = [asyncio.ensure_future(runtime.call(walker[str(n)].walk, 40)) for n in range(20)]
        await until(lambda: _reach(100))
        await runtime.stop_all(reason="fire drill", by="anna")
        await asyncio.sleep(0.1)
        stopped = len(STEPS)
        await asyncio.sleep(0.3)
        assert len(STEPS) == stopped < 800
        [breaker] = await runtime.breakers()
        assert (breaker.name, breaker.state, breaker.reason, breaker.by) == ("system", "open", "fire drill", "anna")
        await runtime.reset_breaker("system", reason="over", by="anna")
        assert await asyncio.gather(*calls) == [40] * 20
    assert len(set(STEPS)) == 800


async def _reach(n: int) -> bool:
    return len(STEPS) >= n


async def test_a_stop_is_in_force_on_other_workers_within_a_second(postgres_url: str) -> None:
    url = f"{postgres_url}?schema=guarding_two"
    async with Runtime([walker], url, name="one") as one, Runtime([], url, name="two") as two:
        call = asyncio.ensure_future(one.call(walker["1"].walk, 400))
        await until(lambda: _reach(5))
        began = time.monotonic()
        await two.stop_all(agent="walker/1", reason="from elsewhere")
        before = -1
        while len(STEPS) != before:
            before = len(STEPS)
            await asyncio.sleep(0.05)
        assert time.monotonic() - began < 1.0
        assert len(STEPS) < 400
        assert await one.call(walker["2"].walk, 1) == 1, "others go on"
        await two.reset_breaker("agent:default/walker/1")
        assert await call == 400


async def test_a_tool_that_is_switched_off_is_denied_and_tried_again_later(url: str) -> None:
    async with Runtime([walker], url) as runtime:
        await runtime.trip_breaker("tool", "mail", reason="complaints")
        with pytest.raises(Rejected) as caught:
            await runtime.call(walker["1"].mail, "bob")
        assert caught.value.code == "gate.breaker_open" and "complaints" in caught.value.message
        assert await runtime.call(walker["1"].walk, 1) == 1
        await runtime.trip_breaker("tool", "mail", reason="complaints", probe_seconds=0.2)
        await asyncio.sleep(0.3)
        assert await runtime.call(walker["1"].mail, "bob") == "bob"
        await until(lambda: _no_breakers(runtime))
        assert STEPS.count("bob") == 1


async def _no_breakers(runtime: Runtime) -> bool:
    return not await runtime.breakers()


async def test_killed_turns_end_for_good(url: str) -> None:
    async with Runtime([walker], url) as runtime:
        call = asyncio.ensure_future(runtime.call(walker["1"].walk, 400))
        await until(lambda: _reach(3))
        done = await runtime.stop_all(agent="walker/1", reason="compromised", kill=True)
        assert done.count == 1
        with pytest.raises(Exception, match="switched off"):
            await call
        await runtime.reset_breaker("agent:default/walker/1")
        assert await runtime.call(walker["1"].walk, 1) == 1


async def test_what_does_not_exist_is_not_switched(tmp_path: Path) -> None:
    async with Runtime([walker], f"sqlite:///{tmp_path}/store.db") as runtime:
        for scope, what in (("planet", "earth"), ("system", "x"), ("tool", "")):
            with pytest.raises(Rejected) as caught:
                await runtime.trip_breaker(scope, what)
            assert caught.value.code == "breaker.malformed"
        with pytest.raises(NotFound):
            await runtime.reset_breaker("tool:mail")


# -- behaviour ------------------------------------------------------------------------------------------------------


async def test_habits_are_learned_kept_and_judged(url: str) -> None:
    async with Runtime([walker], url) as runtime:
        await runtime.set_behaviour(Behaviour(minimum=20, alarms_per_day=1000.0, ask=Approval(to=("anna",))))
        for n in range(60):
            await runtime.call(walker[str(n)].mail, f"customer {n % 3}")
    async with Runtime([walker], url) as runtime:
        [mails] = [b for b in await runtime.behaviour() if b.action == "run mail"]
        assert mails.times == 60, "what was learned outlives the process"
        await runtime.send(walker["new"].mail, "customer 1")
        await until(lambda: is_doing(runtime, "walker/new", "idle"))
        await asyncio.sleep(1.2)  # the keeper reads what is known of a kind that it meets
        await runtime.send(walker["new"].export)
        await until(lambda: is_doing(runtime, "walker/new", "waiting for person"))
        [question] = await runtime.approvals()
        assert question.approval is not None and question.approval.rules == ["behaviour.novel"]
        assert "everything" not in STEPS


async def test_habits_can_be_learned_from_the_journal_alone(url: str) -> None:
    async with Runtime([walker], url) as runtime:
        for n in range(10):
            await runtime.call(walker[str(n)].walk, 3)
        assert await runtime.behaviour() == []
        assert (await runtime.rebuild_behaviour()).count == 1
        [walks] = await runtime.behaviour("walker")
        assert (walks.action, walks.times) == ("run mark", 30)
        await runtime.rebuild_behaviour()
        [again] = await runtime.behaviour("walker")
        assert again.times == 30


async def test_an_anomaly_may_trip_a_breaker(url: str) -> None:
    async with Runtime([walker], url) as runtime:
        await runtime.set_behaviour(Behaviour(repeats=5, trip=("repeat",)))
        call = asyncio.ensure_future(runtime.call(walker["1"].loop, 9))
        breakers = await until(runtime.breakers)
        assert [(b.name, b.by) for b in breakers] == [("agent:default/walker/1", "behaviour")]
        assert "5 times in a row" in breakers[0].reason
        assert STEPS.count("same") == 4
        assert await runtime.call(walker["2"].walk, 1) == 1, "others of its kind go on"
        await runtime.set_behaviour(reason="they may loop")
        await runtime.reset_breaker("agent:default/walker/1")
        assert await call == 9
        assert STEPS.count("same") == 9


POLICY = """
kind: Policy
name: careful
spec:
  rules:
    - name: no exports
      does: run export_all
      then: deny
      reason: nobody exports everything
      notify: breaker:agent
"""


async def test_a_rule_may_trip_a_breaker(url: str, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    async with Runtime([walker], url, policies=(str(tmp_path / "policy.yaml"),)) as runtime:
        with pytest.raises(Rejected, match="nobody exports everything"):
            await runtime.call(walker["1"].export)
        [breaker] = await until(runtime.breakers)
        assert (breaker.name, breaker.by) == ("agent:default/walker/1", "careful/no exports")
        held = asyncio.ensure_future(runtime.call(walker["1"].walk, 1))
        assert await runtime.call(walker["2"].walk, 1) == 1
        assert not held.done() and "1 0" not in STEPS
        await runtime.reset_breaker(breaker.name)
        assert await held == 1


async def test_of_all_workers_one_lets_one_action_pass(postgres_url: str) -> None:
    url = f"{postgres_url}?schema=guarding_probe"
    async with Runtime([walker], url, name="one") as one, Runtime([walker], url, name="two") as two:
        await one.trip_breaker("tool", "slow_mail", reason="complaints", probe_seconds=0.2)
        await until(lambda: _has_breaker(two))
        await asyncio.sleep(0.3)
        calls = [
            asyncio.ensure_future(runtime.call(walker[f"{runtime.engine.name}-{n}"].slowly))
            for runtime in (one, two)
            for n in range(5)
        ]
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert [e for e in ended if not isinstance(e, Rejected)] == ["slow"]
        await until(lambda: _no_breakers(two))


async def _has_breaker(runtime: Runtime) -> bool:
    return bool(runtime.guarding and runtime.guarding.breakers.all)


# -- holds ----------------------------------------------------------------------------------------------------------


async def test_what_is_held_is_not_forgotten(url: str) -> None:
    async with Runtime([walker], url) as runtime:
        for key in "ab":
            await runtime.call(walker[key].walk, 2)
        with pytest.raises(Rejected) as caught:
            await runtime.add_hold("", agent="walker/a")
        assert caught.value.code == "hold.no_reason"
        await runtime.add_hold("case 12", agent="walker/a", by="anna")
        assert [(h.what, h.reason, h.by) for h in await runtime.holds()] == [("default/walker/a", "case 12", "anna")]
        await until(lambda: _gone(runtime, "b"))
        assert await _entries(runtime.store, "a") > 0
        await runtime.remove_hold("settled", agent="walker/a")
        await until(lambda: _gone(runtime, "a"))
        with pytest.raises(NotFound):
            await runtime.remove_hold("again", agent="walker/a")


async def _gone(runtime: Runtime, key: str) -> bool:
    await runtime.compact()
    return await _entries(runtime.store, key) == 0


async def _entries(store: Store, key: str) -> int:
    return len(await store.entries(f"default/walker/{key}", 0, 100))


async def test_a_hold_is_its_tenants_and_can_be_rolled_back_there(url: str) -> None:
    async with Runtime([walker], url) as runtime:
        ann = runtime.operations.acting_for(Principal("person", "ann", "default", frozenset({"*"})))
        await ann.add_hold("case 12", agent="walker/a")
        await ann.remove_hold("settled", agent="walker/a")
        assert await ann.holds() == []
        await ann.rollback("Hold", "default/walker/a", reason="not settled after all")
        assert [(h.what, h.reason) for h in await ann.holds()] == [("default/walker/a", "not settled after all")]
        eve = runtime.operations.acting_for(Principal("person", "eve", "acme", frozenset({"*"})))
        assert await eve.holds() == []
        with pytest.raises(HoldfastError):
            await eve.rollback("Hold", "default/walker/a", tenant="default")


async def test_a_hold_made_before_holds_had_tenants_is_lifted_too(url: str) -> None:
    async with Runtime([walker], url) as runtime:
        old = Change("Hold", "default/walker/a", "", b'{"what":"default/walker/a"}')
        await runtime.store.apply_resources([old], "anna", "case 12", 1)
        await runtime.remove_hold("settled", agent="walker/a")
        assert await runtime.holds() == []
