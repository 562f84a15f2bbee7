"""What files say is made so: all of it or nothing, with what others did meanwhile in sight, and a way back."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import Agent, Context, Runtime
from holdfast.control.operations import Operations
from holdfast.control.resources.views import AppliedView, ChangeView
from holdfast.domain.errors import Conflict, HoldfastError, NotFound, Rejected, Unavailable
from holdfast.domain.principal import Principal
from holdfast.ports.ledger import UsageRow
from holdfast.ports.store import Commit

_SCHEMAS = itertools.count(1)

desk = Agent("desk")


@desk.handler
async def open_case(ctx: Context, text: str = "") -> str:
    return await ctx.wait("news") if text == "wait" else text


@desk.handler
async def passes_on(ctx: Context, text: str) -> None:
    await ctx.send(desk[f"{ctx.key}-next"].open_case, text)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return f"{request.getfixturevalue('postgres_url')}?schema=resources_{next(_SCHEMAS)}"


@pytest.fixture
async def runtime(url: str) -> AsyncIterator[Runtime]:
    async with Runtime([desk], url) as runtime:
        yield runtime


@pytest.fixture
def ops(runtime: Runtime) -> Operations:
    return runtime.operations


def budget(usd: float = 5, name: str = "small", **more: Any) -> dict[str, Any]:
    return {"kind": "Budget", "name": name, "scope": "agent:desk", "per": "day", "usd": usd, **more}


def group(*members: str, name: str = "leads", **more: Any) -> dict[str, Any]:
    return {"kind": "Group", "name": name, "members": list(members), **more}


def schedule(every: str = "10m", name: str = "report") -> dict[str, Any]:
    return {"kind": "Schedule", "name": name, "spec": {"to": "desk/1", "handler": "open_case", "every": every}}


def told(applied: AppliedView) -> list[tuple[str, str, str]]:
    return [(c.action, c.kind, c.name) for c in applied.results]


async def refused(code: str, what: Any) -> HoldfastError:
    with pytest.raises(HoldfastError) as caught:
        await what
    assert caught.value.code == code, caught.value
    return caught.value


async def only(ops: Operations, documents: list[dict[str, Any]], **given: Any) -> ChangeView:
    [change] = (await ops.plan(documents, **given)).results
    return change


# -- apply --------------------------------------------------------------------------------------------------------


async def test_what_is_applied_holds_and_has_an_author_and_a_reason(ops: Operations) -> None:
    done = await ops.apply([group("person:ada"), budget(), schedule()], reason="the first ones", by="ann")
    assert told(done) == [("create", "Group", "leads"), ("create", "Budget", "small"), ("create", "Schedule", "report")]
    assert done.failed == []
    [held] = await ops.budgets()
    assert (held.name, held.limit_usd, held.per) == ("small", 5.0, "day")
    [planned] = await ops.schedules()
    assert (planned.name, planned.when, planned.to) == ("report", "every 600 s", "desk/1")
    found = await ops.resources()
    assert [(r.kind, r.version, r.author, r.reason, r.managed) for r in found] == [
        (kind, 1, "ann", "the first ones", "default") for kind in ("Group", "Budget", "Schedule")
    ]
    assert found[0].revision == done.revision == found[2].revision


async def test_applying_again_changes_nothing(ops: Operations) -> None:
    documents = [group("person:ada"), budget(), schedule()]
    first = await ops.apply(documents)
    plan = await ops.plan(documents)
    assert (plan.changes, plan.unchanged, plan.results) == (0, 3, [])
    again = await ops.apply(documents)
    assert again.revision == first.revision and again.results == []


async def test_the_same_thing_in_other_words_is_no_change(ops: Operations) -> None:
    await ops.apply([schedule("10m"), group("a", labels={"x": "1"})])
    plan = await ops.plan(
        [
            schedule("600s"),
            {"kind": "Group", "metadata": {"name": "leads", "labels": {"x": "1"}}, "spec": {"members": ["a"]}},
        ]
    )
    assert plan.changes == 0


async def test_one_bad_document_holds_up_all(ops: Operations) -> None:
    bad: list[dict[str, Any]] = [
        budget(-1, name="bad"),
        {"kind": "Budget", "name": "bad", "scope": "agent:desk", "per": "fortnight", "usd": 1},
        {"kind": "Budget", "name": "bad", "scope": "agent:desk", "usd": 1, "typo": 2},
        {"kind": "Schedule", "name": "bad", "to": "desk/1", "handler": "x", "cron": "no"},
        {"kind": "Group", "name": "a b", "members": []},
        {"kind": "Group", "members": []},
        {"name": "x"},
        {"kind": "Group", "name": "x", "tenant": 5, "members": []},
        {"kind": "Group", "name": "x", "members": [], "labels": {"holdfast/applied": "1"}},
        {"kind": "Group", "name": "x", "spec": {"members": []}, "members": []},
        {"kind": "Group", "name": "x", "spec": [1]},
        {"kind": "Budget", "name": "x", "tenant": "acme", "scope": "system", "usd": 1},
        {"kind": "Secret", "name": "x", "from": "sk-abcdef"},
        {"kind": "Target", "name": "x", "url": "https://x", "key": "sk-abcdef"},
        {"kind": "Route", "name": "x", "targets": ["nobody"]},
        {"kind": "Breaker", "name": "x"},
    ]
    for wrong in bad:
        error = await refused("resource.malformed", ops.apply([group("a"), wrong], sources=["one.yaml:1", "two.yaml:7"]))
        assert "two.yaml:7" in error.message, error.message
    assert isinstance(await refused("resource.kind", ops.apply([{"kind": "Nonsense", "name": "x"}])), Rejected)
    await refused("resource.twice", ops.apply([group("a"), group("b")]))
    assert await ops.resources() == [] and await ops.budgets() == []


async def test_a_change_touches_only_what_it_names(ops: Operations) -> None:
    await ops.apply([budget(note="because"), group("a")])
    change = await only(ops, [budget(9, note="because"), group("a")])
    assert [(f.path, f.before, f.after) for f in change.fields] == [("usd", 5.0, 9.0)]
    assert (change.action, change.version) == ("change", 1)
    await ops.apply([budget(9, note="because"), group("a")])
    assert [b.limit_usd for b in await ops.budgets()] == [9.0]
    assert [r.version for r in await ops.resources()] == [1, 2]


async def test_pruning_removes_what_the_files_have_no_more_and_nothing_else(ops: Operations) -> None:
    await ops.apply([budget(), group("a"), schedule()])
    await ops.apply([group("b", name="others")], set="another")
    await ops.set_budget("by_hand", "system", "day", usd=1)
    plan = await ops.plan([group("a")], prune=True)
    assert [(c.action, c.name) for c in plan.results] == [("delete", "small"), ("delete", "report")]
    assert (await ops.plan([group("a")])).changes == 0
    await ops.apply([group("a")], prune=True)
    assert [b.name for b in await ops.budgets()] == ["by_hand"] and await ops.schedules() == []
    assert [r.name for r in await ops.resources()] == ["leads", "others"]


# -- three ways ---------------------------------------------------------------------------------------------------


async def test_what_others_changed_stays_and_is_shown(ops: Operations) -> None:
    await ops.apply([budget(note="ours")])
    await ops.set_budget("small", "agent:desk", "day", usd=7, note="ours")
    change = await only(ops, [budget(note="ours")])
    assert change.action == "none"
    assert [(d.path, d.before, d.after) for d in change.drift] == [("usd", 5.0, 7.0)]
    [drifted] = await ops.drift()
    assert [(d.path, d.before, d.after) for d in drifted.drift] == [("usd", 5.0, 7.0)]
    done = await ops.apply([budget(note="new words")])
    assert told(done) == [("change", "Budget", "small")]
    [held] = await ops.budgets()
    assert (held.limit_usd, held.note) == (7.0, "new words"), "their change and ours"
    [strayed] = await ops.drift()
    assert (strayed.drift, [(d.path, d.before, d.after) for d in strayed.strayed]) == ([], [("usd", 5.0, 7.0)])
    change = await only(ops, [budget(note="new words")])
    assert [d.path for d in change.drift] == ["usd"] and change.action == "none", "it is shown until the files say so"


async def test_what_both_changed_is_a_clash_and_nothing_is_applied(ops: Operations) -> None:
    await ops.apply([budget(), group("a")])
    await ops.set_budget("small", "agent:desk", "day", usd=7)
    plan = await ops.plan([budget(9), group("a", "b")])
    assert plan.clashes == 1
    clash = next(c for c in plan.results if c.clashes).clashes[0]
    assert (clash.path, clash.applied, clash.live, clash.wanted) == ("usd", 5.0, 7.0, 9.0)
    error = await refused("resource.clash", ops.apply([budget(9), group("a", "b")]))
    assert "Budget small: " in error.message and isinstance(error, Conflict)
    assert (await ops.resource("Group", "leads")).version == 1
    await ops.apply([budget(9), group("a", "b")], force=True)
    assert [b.limit_usd for b in await ops.budgets()] == [9.0]


async def test_files_that_agree_with_what_others_did_are_recorded(ops: Operations) -> None:
    await ops.apply([budget()])
    await ops.set_budget("small", "agent:desk", "day", usd=7)
    assert (await only(ops, [budget(7)])).action == "record"
    await ops.apply([budget(7)])
    assert (await ops.plan([budget(7)])).results == []
    assert [(f.path, f.after) for f in (await only(ops, [budget(8)])).fields] == [("usd", 8.0)]


async def test_force_puts_back_what_others_changed(ops: Operations) -> None:
    await ops.apply([budget()])
    await ops.set_budget("small", "agent:desk", "day", usd=7)
    change = await only(ops, [budget()], force=True)
    assert [(f.path, f.before, f.after) for f in change.fields] == [("usd", 7.0, 5.0)]
    await ops.apply([budget()], force=True)
    assert [b.limit_usd for b in await ops.budgets()] == [5.0]


async def test_what_was_there_before_any_files_is_taken_over(ops: Operations) -> None:
    await ops.set_budget("small", "agent:desk", "day", usd=7)
    change = await only(ops, [budget()])
    assert (change.action, [(f.path, f.before, f.after) for f in change.fields]) == ("change", [("usd", 7.0, 5.0)])
    await ops.apply([budget()])
    assert [b.limit_usd for b in await ops.budgets()] == [5.0]


async def test_what_did_not_take_effect_is_made_up_for(
    runtime: Runtime, ops: Operations, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ops.apply([budget(5), group("a")])

    async def unreachable(_: Any) -> None:
        raise Unavailable("store.unreachable", "The store did not answer.")

    with monkeypatch.context() as broken:  # as if this process died right after the change was durable
        broken.setattr(runtime.store, "set_budget", unreachable)
        done = await ops.apply([budget(9), group("b")])
    assert done.failed == ["Budget small: The store did not answer."]
    assert [b.limit_usd for b in await ops.budgets()] == [5.0] and (await ops.resource("Budget", "small")).spec["usd"] == 9.0
    change = await only(ops, [budget(9), group("b")])
    assert (change.action, [(f.before, f.after) for f in change.fields], change.drift) == ("change", [(5.0, 9.0)], [])
    await ops.apply([budget(9), group("b")])
    assert [b.limit_usd for b in await ops.budgets()] == [9.0]
    await ops.set_budget("small", "agent:desk", "day", usd=7)
    assert [d.path for d in (await only(ops, [budget(9), group("b")])).drift] == ["usd"], "from here on it is others' doing"


# -- plans --------------------------------------------------------------------------------------------------------


async def test_what_was_planned_is_applied_or_nothing(ops: Operations) -> None:
    plan = await ops.plan([budget()])
    assert (await ops.plan([budget()])).digest == plan.digest, "the same plan has the same name"
    await refused("plan.stale", ops.apply([budget(6)], plan=plan.digest))
    done = await ops.apply([budget()], plan=plan.digest)
    assert done.digest == plan.digest and told(done) == [("create", "Budget", "small")]
    stale = await ops.plan([budget(9)])
    await ops.set_budget("small", "agent:desk", "hour", usd=5)
    assert isinstance(await refused("plan.stale", ops.apply([budget(9)], plan=stale.digest)), Conflict)
    assert [b.limit_usd for b in await ops.budgets()] == [5.0]


async def test_somebody_else_at_the_same_moment_is_noticed(runtime: Runtime, ops: Operations) -> None:
    await ops.apply([group("a")])
    apply = runtime.store.apply_resources

    async def slow(*args: Any) -> int:
        runtime.store.apply_resources = apply  # type: ignore[method-assign]
        await ops.apply([group("b")], by="bob")
        return await apply(*args)

    runtime.store.apply_resources = slow  # type: ignore[method-assign]
    error = await refused("resource.changed", ops.apply([group("c")]))
    assert error.details["version"] == 2 and "bob" in error.message


async def test_a_dry_run_does_nothing(ops: Operations) -> None:
    dry = await ops.invoke("apply", {"documents": [budget(), group("a")], "dry_run": True})
    assert dry.would == "write Group leads, write Budget small"
    assert await ops.resources() == [] and await ops.budgets() == []


async def test_a_plan_says_which_windows_a_budget_would_have_stopped(runtime: Runtime, ops: Operations) -> None:
    now, day = await ops.now(), 86_400_000
    rows = [UsageRow(now - n * day, "default/desk/1", n, nanos=int(n * 2e9), input=10) for n in range(4)]
    rows.append(UsageRow(now, "default/other/1", 1, chain=("default/desk/2",), nanos=int(1e9)))
    rows.append(UsageRow(now, "default/other/1", 1, nanos=int(99e9)))
    await runtime.store.commit("", [Commit(usage=rows)])
    effects = {e.kind: e for e in (await only(ops, [budget(3)])).effects}
    assert effects["agents"].agents == ["default/desk/1", "default/other/1"]
    assert effects["budget"].count == 2 and "6.0000 USD" in effects["budget"].note
    [fine] = [e for e in (await only(ops, [budget(50)])).effects if e.kind == "budget"]
    assert fine.count == 0 and "no window" in fine.note


async def test_a_plan_says_when_a_schedule_runs(ops: Operations) -> None:
    document = {"kind": "Schedule", "name": "r", "to": "desk/1", "handler": "open_case", "cron": "0 9 * * *"}
    [effect] = (await only(ops, [document])).effects
    assert effect.count == 3 and effect.note.count("09:00:00") == 3


# -- back ---------------------------------------------------------------------------------------------------------


async def test_a_rollback_is_a_new_version_and_takes_effect(ops: Operations) -> None:
    for usd in (5, 6, 7):
        await ops.apply([budget(usd)])
    await ops.rollback("Budget", "small")
    assert [b.limit_usd for b in await ops.budgets()] == [6.0]
    await ops.rollback("Budget", "small", version=1, reason="too dear", by="ann")
    assert [b.limit_usd for b in await ops.budgets()] == [5.0]
    history = await ops.resource_history("Budget", "small")
    assert [(v.version, v.spec["usd"], v.author) for v in history[:2]] == [(5, 5.0, "ann"), (4, 6.0, "person")]
    assert history[0].reason == "too dear" and "version" in history[1].reason
    change = await only(ops, [budget(7)])
    assert change.action == "none" and [d.path for d in change.drift] == ["usd"], "no pipeline undoes it in silence"


async def test_what_was_deleted_comes_back(ops: Operations) -> None:
    await ops.apply([budget(), group("a")])
    await ops.delete_resource("Budget", "small", reason="no more", by="ann")
    assert await ops.budgets() == []
    await refused("resource.unknown", ops.resource("Budget", "small"))
    await ops.rollback("Budget", "small")
    assert [b.limit_usd for b in await ops.budgets()] == [5.0]
    assert [v.deleted for v in await ops.resource_history("Budget", "small")] == [False, True, False]
    assert isinstance(await refused("resource.no_version", ops.rollback("Group", "leads", version=9)), NotFound)


async def test_everything_goes_back_to_a_revision(ops: Operations) -> None:
    then = (await ops.apply([budget(), group("a"), schedule()])).revision
    await ops.apply([budget(9), group("a", "b")])
    await ops.apply([group("c", name="late")])
    await ops.delete_resource("Schedule", "report")
    done = await ops.rollback(revision=then)
    assert sorted(told(done)) == [
        ("change", "Budget", "small"), ("change", "Group", "leads"), ("create", "Schedule", "report"),
        ("delete", "Group", "late"),
    ]  # fmt: skip
    assert [b.limit_usd for b in await ops.budgets()] == [5.0]
    assert [s.name for s in await ops.schedules()] == ["report"]
    assert [r.name for r in await ops.resources("Group")] == ["leads"]
    assert (await ops.rollback(revision=done.revision)).results == []


async def test_what_is_exported_can_be_applied(ops: Operations) -> None:
    documents = [group("a", labels={"team": "x"}), budget(), schedule()]
    await ops.apply(documents)
    exported = await ops.export()
    assert exported[1] == {"kind": "Budget", "name": "small", "scope": "agent:desk", "per": "day", "usd": 5.0}
    assert (await ops.plan(exported)).results == []
    assert await ops.export("Group") == [{"kind": "Group", "name": "leads", "labels": {"team": "x"}, "members": ["a"]}]


async def test_a_subscription_brings_what_is_published(runtime: Runtime, ops: Operations) -> None:
    wanted = {"kind": "Subscription", "name": "paid", "topic": "orders.*.paid", "to": "desk/7", "handler": "open_case"}
    done = await ops.apply([wanted])
    assert done.failed == []
    await runtime.publish("orders.1.paid", "order 1")
    entries: list[Any] = []
    for _ in range(500):
        entries = [e for a in await ops.agents("desk/") for e in await ops.journal(a.address)]
        if any(e.value == "order 1" for e in entries):
            break
        await runtime.engine.worker.clock.sleep(0.01)
    assert any(e.value == "order 1" for e in entries)
    moved = {**wanted, "topic": "orders.*.cancelled"}
    await ops.apply([moved])
    assert [s[1] for s in await runtime.store.subscriptions()] == ["topic:orders.*.cancelled"]
    await ops.delete_resource("Subscription", "paid")
    assert await runtime.store.subscriptions() == []


# -- policies -----------------------------------------------------------------------------------------------------


async def test_a_policy_that_is_applied_judges_at_once_and_its_tests_come_first(runtime: Runtime, ops: Operations) -> None:
    sends = {"name": "no-mail", "does": "send open_case", "then": "deny"}
    document = {"kind": "Policy", "name": "words", "spec": {"rules": [sends]}}
    assert (await ops.apply([document])).failed == []
    assert [p.name for p in await ops.policies()] == ["words"]
    test = {"name": "mail is fine", "given": {"send": "open_case"}, "expect": "allow"}
    broken = {"kind": "Policy", "name": "words", "spec": {"rules": [sends], "tests": [test]}}
    error = await refused("policy.test", ops.apply([broken]))
    assert "mail is fine" in error.message
    wrong = {"kind": "Policy", "name": "words", "spec": {"rules": [{"name": "x", "when": "(", "then": "deny"}]}}
    await refused("policy.expression", ops.apply([wrong]))
    await refused("resource.malformed", ops.apply([{**wrong, "spec": {"rules": 7}}]))
    await ops.delete_resource("Policy", "words")
    assert await ops.policies() == []


async def test_a_plan_says_what_a_policy_would_have_said(runtime: Runtime, ops: Operations) -> None:
    for n in range(3):
        await runtime.call(desk[str(n)].passes_on, "x")
    rule = {"name": "no-mail", "does": "send open_case", "then": "deny"}
    document = {"kind": "Policy", "name": "mail", "spec": {"rules": [rule]}}
    effects = (await only(ops, [document])).effects
    [denied] = [e for e in effects if "deny" in e.note]
    assert denied.count == 3 and denied.agents == [f"default/desk/{n}" for n in range(3)]
    await ops.apply([document])
    softer = {"kind": "Policy", "name": "mail", "spec": {"rules": [{**rule, "then": "ask"}]}}
    change = await only(ops, [softer])
    assert [(f.path, f.before, f.after) for f in change.fields] == [("rules.no-mail.then", "deny", "ask")]
    [asked] = [e for e in change.effects if "ask" in e.note]
    assert asked.count == 3 and "until now 0" in asked.note


# -- tenants ------------------------------------------------------------------------------------------------------


async def test_what_a_tenants_people_apply_is_their_own(ops: Operations) -> None:
    acme = ops.acting_for(Principal("person", "ada", "acme", frozenset({"*"})))
    globex = ops.acting_for(Principal("person", "eve", "globex", frozenset({"*"})))
    await acme.apply([group("ada")])
    await globex.apply([group("eve")])
    assert [(r.tenant, r.author) for r in await acme.resources()] == [("acme", "acme/person:ada")]
    assert [r.tenant for r in await ops.resources()] == ["acme", "globex"]
    await refused("tenant.crossed", globex.apply([group("eve", tenant="acme")]))
    await refused("tenant.crossed", globex.apply([budget()]))
    await refused("resource.unknown", globex.resource_history("Group", "leads", "acme"))
    await refused("resource.unknown", globex.rollback("Group", "leads", tenant="acme"))
    await refused("resource.unknown", globex.delete_resource("Group", "leads", "acme"))
    await globex.apply([], prune=True)
    assert [r.tenant for r in await ops.resources()] == ["acme"]


async def test_who_may_configure_cannot_go_round_the_operations_of_what_governs(ops: Operations) -> None:
    await ops.trip_breaker("agent", "desk/1", "fire drill")
    configurer = ops.acting_for(Principal("person", "ada", "*", frozenset({"configure"})))
    (breaker,) = [b.name for b in await ops.breakers()]
    for kind in ("Breaker", "Grant", "Hold", "Behaviour"):
        for work in (configurer.delete_resource(kind, breaker), configurer.rollback(kind, breaker)):
            with pytest.raises(Rejected) as caught:
                await work
            assert caught.value.code == "auth.scope"
    assert [b.name for b in await ops.breakers()] == [breaker]
    await ops.delete_resource("Breaker", breaker)
    assert await ops.breakers() == []
