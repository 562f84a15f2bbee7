"""Resources as people read and write them: YAML with errors at their lines, versions side by side, rollbacks foreseen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import Agent, Context, Runtime
from holdfast.control.operations import Operations
from holdfast.control.resources.texts import read_text, write_text
from holdfast.domain.errors import HoldfastError

desk = Agent("desk")


@desk.handler
async def open_case(ctx: Context, text: str = "") -> str:
    return text


@pytest.fixture
async def ops(tmp_path: Path) -> AsyncIterator[Operations]:
    async with Runtime([desk], f"sqlite:///{tmp_path}/store.db") as runtime:
        yield runtime.operations


BUDGET = """\
kind: Budget
name: small
scope: agent:desk
per: day
usd: 5
"""
GROUP = "kind: Group\nname: leads\nmembers: [person:ada]\n"


async def refused(what: Any) -> HoldfastError:
    with pytest.raises(HoldfastError) as caught:
        await what
    return caught.value


async def test_a_text_is_planned_and_applied_as_its_documents_are(ops: Operations) -> None:
    plan = await ops.plan(text=f"{BUDGET}---\n{GROUP}")
    assert [(c.action, c.kind, c.name) for c in plan.results] == [
        ("create", "Group", "leads"),
        ("create", "Budget", "small"),
    ]
    done = await ops.apply(text=f"{BUDGET}---\n{GROUP}", plan=plan.digest, reason="the first ones", by="ann")
    assert done.digest == plan.digest
    assert (await ops.resource("Budget", "small")).text == BUDGET.replace("usd: 5", "usd: 5.0").replace(
        "scope: agent:desk\nper: day\n", "per: day\nscope: agent:desk\n"
    )
    again = await ops.plan(text=(await ops.export_text()).text)
    assert (again.changes, again.unchanged) == (0, 2), "what is exported is what is there"


POLICY = "kind: Policy\nname: p\nspec:\n  rules:\n    - name: a\n      does: tool mail\n"
TESTED = """\
kind: Policy
name: p
spec:
  rules:
    - {name: a, does: tool mail, then: deny}
  tests:
    - {name: good, given: {tool: mail, agent: desk/1}, expect: deny}
    - {name: bad, given: {tool: mail, agent: desk/1}, expect: allow}
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("kind: Budget\nname: [", 2),
        ("- a\n- b\n", 1),
        ("name: nobody\n", 1),
        ("kind: Budgie\nname: small\n", 1),
        (BUDGET.replace("usd: 5", "usd: five"), 5),
        (BUDGET + "colour: red\n", 6),
        (f"{GROUP}---\n{BUDGET}---\n{BUDGET}", 11),
        (f"{GROUP}---\nkind: Route\nname: smart\ntargets: [nowhere]\n", 5),
        (f"{POLICY}      than: deny\n", 7),
        (f"{POLICY}      when: args.(\n      then: deny\n", 7),
        (TESTED, 8),
        ("   \n", 1),
    ],
)
async def test_what_is_wrong_is_told_at_its_line(ops: Operations, text: str, line: int) -> None:
    error = await refused(ops.plan(text=text))
    assert error.details.get("line") == line, error
    assert (await refused(ops.apply(text=text))).code == error.code
    assert await ops.resources() == []


async def test_all_that_is_wrong_is_told_at_once(ops: Operations) -> None:
    text = f"{BUDGET.replace('5', 'five')}---\n{GROUP}colour: red\n---\nkind: Budgie\nname: a\n"
    assert [(f.line, f.code) for f in await ops.check_resources(text=text)] == [
        (5, "resource.malformed"),
        (10, "resource.malformed"),
        (12, "resource.kind"),
    ]
    assert [f.line for f in await ops.check_resources(text="kind: [")] == [1]
    together = await ops.check_resources(text=f"{GROUP}---\nkind: Route\nname: smart\ntargets: [nowhere]\n")
    assert [(f.line, f.code) for f in together] == [(5, "resource.malformed")]
    assert await ops.check_resources(text=GROUP) == []
    assert await ops.resources() == []


async def test_aliases_that_unfold_without_end_are_refused(ops: Operations) -> None:
    bomb = "kind: Group\nname: g\na: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for one, other in zip("bcdefgh", "abcdefg", strict=True):
        bomb += f"{one}: &{one} [{', '.join([f'*{other}'] * 10)}]\n"
    assert (await refused(ops.plan(text=bomb))).code == "resource.malformed"
    assert (await refused(ops.plan(text="kind: Group\nname: &g [*g]\n"))).code == "resource.malformed"
    assert (await refused(ops.plan(text="x: y\n" * 300_000))).code == "resource.too_large"


@pytest.mark.parametrize(
    "text",
    [
        "kind: \x00",
        "kind: !!int x",
        "kind: !!int ''",
        "kind: !!bool x",
        "kind: !!timestamp x",
        "kind: !!binary x",
        "kind: [Group]\nname: g",
        "? [a]\n: b",
        "<<: 5\nkind: Group",
        "!!python/object:os.system x",
        "x: " + "[" * 5_000,
    ],
)
async def test_what_is_hardly_yaml_is_refused_as_such(ops: Operations, text: str) -> None:
    assert [f.code for f in await ops.check_resources(text=text)] == ["resource.malformed"]
    assert (await refused(ops.plan(text=text))).code == "resource.malformed"
    assert (await refused(ops.test_policy(text=text))).code == "policy.malformed"


def test_text_comes_back_as_it_was_meant() -> None:
    meant = [{"kind": "Group", "name": "on", "labels": {"since": "2024-01-01", "yes": "no"}, "members": ["äöü", "1e3"]}]
    assert [w.document for w in read_text(write_text(meant))] == meant


def test_what_has_a_name_begins_with_it() -> None:
    rules = [{"does": "tool mail", "name": "no mail", "then": "deny"}]
    assert write_text([{"kind": "Policy", "name": "p", "spec": {"rules": rules}}]).splitlines()[4] == "  - name: no mail"


async def test_two_versions_are_compared_line_by_line(ops: Operations) -> None:
    await ops.apply(text=GROUP, reason="first")
    await ops.apply(text=GROUP.replace("ada", "bob") + "labels: {team: care}\n", reason="bob takes over")
    await ops.delete_resource("Group", "leads", reason="nobody leads")
    changed = await ops.resource_diff("Group", "leads", before=1, after=2)
    assert [(line.mark, line.text) for line in changed.lines if line.mark != " "] == [
        ("+", "labels:"),
        ("+", "  team: care"),
        ("-", "- person:ada"),
        ("+", "- person:bob"),
    ]
    assert {f.path for f in changed.fields} == {"members", "labels"}
    last = await ops.resource_diff("Group", "leads")
    assert (last.before, last.after, {line.mark for line in last.lines}) == (2, 3, {"-"})
    first = await ops.resource_diff("Group", "leads", after=1)
    assert (first.before, {line.mark for line in first.lines}) == (0, {"+"})
    assert (await refused(ops.resource_diff("Group", "leads", before=7))).code == "resource.no_version"
    assert "bob" in (await ops.resource("Group", "leads", version=2)).text
    assert (await refused(ops.resource("Group", "leads"))).code == "resource.unknown"


async def test_a_rollback_is_foreseen_and_does_what_was_foreseen_or_nothing(ops: Operations) -> None:
    await ops.apply(text=BUDGET, reason="small")
    await ops.apply(text=BUDGET.replace("5", "50"), reason="large")
    plan = await ops.plan_rollback("Budget", "small", version=1)
    [change] = plan.results
    assert [(f.path, f.before, f.after) for f in change.fields] == [("usd", 50.0, 5.0)]
    assert (await ops.resource("Budget", "small")).version == 2, "looking changed nothing"

    await ops.apply(text=BUDGET.replace("5", "70"), reason="meanwhile")
    stale = await refused(ops.rollback("Budget", "small", version=1, plan=plan.digest))
    assert (stale.code, stale.details["plan"]) == ("plan.stale", plan.digest)
    assert (await ops.resource("Budget", "small")).spec["usd"] == 70.0

    plan = await ops.plan_rollback("Budget", "small", version=1)
    done = await ops.rollback("Budget", "small", version=1, plan=plan.digest, reason="too dear", by="ann")
    assert done.digest == plan.digest
    seen = await ops.resource("Budget", "small")
    assert (seen.version, seen.spec["usd"], seen.reason) == (4, 5.0, "too dear")
    assert (await ops.plan_rollback("Budget", "small", version=1)).changes == 0, "it is so already"
    await ops.set_budget("small", "agent:desk", "day", usd=8)
    assert (await ops.plan_rollback("Budget", "small", version=1)).changes == 1, "what holds is not what was declared"


async def test_a_rollback_foresees_what_an_apply_does(ops: Operations) -> None:
    schedule = "kind: Schedule\nname: r\nto: desk/1\nhandler: open_case\ncron: 0 9 * * *\n"
    await ops.apply(text=schedule)
    await ops.apply(text=schedule.replace("9", "10"))
    [change] = (await ops.plan_rollback("Schedule", "r")).results
    assert change.effects[0].note.count("09:00:00") == 3
    whole = await ops.plan_rollback(revision=1)
    assert [c.fields for c in whole.results] == [change.fields]


async def test_what_was_rolled_back_is_not_what_the_files_say(ops: Operations) -> None:
    await ops.apply(text=GROUP)
    await ops.apply(text=GROUP.replace("ada", "bob"))
    assert await ops.drift() == []
    await ops.rollback("Group", "leads", reason="a mistake")
    [strayed] = await ops.drift()
    assert [(f.path, f.before, f.after) for f in strayed.strayed] == [("members", ["person:bob"], ["person:ada"])]
    assert strayed.drift == [], "and yet what was declared last holds"
    await ops.apply(text=GROUP)
    assert await ops.drift() == []
