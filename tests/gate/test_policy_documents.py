"""Policies that are wrong are refused before they are in force, with the place."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.domain.errors import Rejected
from holdfast.gate.rules import compile_policy, from_resource, read_documents
from holdfast.gate.rules.expression.expression import Problem, read
from holdfast.gate.rules.expression.types import BOOL
from holdfast.gate.rules.facts import VARIABLES
from policies import book, intent

GOOD = """\
kind: Policy
name: refunds
spec:
  rules:
    - name: large
      does: tool refund
      when: args.amount > 100
      then: ask
      approval:
        within: 2h
    - name: often
      at_most:
        count: 3
        per: day
"""


def refused(text: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        for document in read_documents(text, "refunds.yaml"):
            compile_policy(document)
    return caught.value


@pytest.mark.parametrize(
    ("before", "after", "line", "told"),
    [
        ("kind: Policy", "kind: Polizei", 1, "'Polizei'"),
        ("name: refunds", "name: re funds", 0, "'re funds' is no name"),
        ("spec:", "spec:\n  defualt: deny", 4, "did you mean 'default'?"),
        ("spec:", "extra: 1\nspec:", 3, "no 'extra'"),
        ("spec:", "spec:\n  zone: Berlin", 4, "time zone"),
        ("name: large", "name: la/rge", 5, "is no name"),
        ("name: often", "name: large", 11, "two rules named 'large'"),
        ("does: tool refund", "does: tol refund", 6, "'tol refund'"),
        ("does: tool refund", "does: any thing", 6, "'any thing'"),
        ("when: args", "whn: args", 7, "did you mean 'when'?"),
        ("then: ask", "then: maybe", 8, "'maybe'"),
        ("then: ask", "then: allow", 9, "approval belongs to then: ask"),
        ("then: ask", "then: transform", 9, "approval belongs to then: ask"),
        ("within: 2h", "within: 2 hours", 10, "length of time"),
        ("within: 2h", "needed: 0", 10, "at least one"),
        ("count: 3", "count: many", 13, "expected `int"),
        ("count: 3", "sum: args.amount", 12, "count, or sum with limit"),
        ("count: 3", "sum: amount\n        limit: 4", 13, "names no value"),
        ("count: 3", "count: 3\n        among: all\n        per: turn", 16, "there twice"),
        ("per: day", "per: turn\n        among: all", 14, "no turn"),
        ("per: day", "per: day\n      then: allow", 15, "what is too much"),
        ("at_most:", "after: {}\n      at_most:", 12, "one of read, done and failed"),
        ("at_most:", "after: {done: tool x, read: y}\n      at_most:", 12, "one of read, done and failed"),
        ("at_most:", "transform: {drop: x}\n      at_most:", 0, "belongs to then: transform"),
        ("then: ask", "then: ask\n      then: deny", 9, "there twice"),
        ("spec:", "spec: [", 0, "not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(before: str, after: str, line: int, told: str) -> None:
    error = refused(GOOD.replace(before, after))
    assert error.code == "policy.malformed"
    assert "refunds.yaml" in error.message
    assert told in error.message, error.message
    if line:
        assert f"line {line}" in error.message, error.message


@pytest.mark.parametrize(
    ("expression", "column", "told"),
    [
        ("args.amount >", 14, "too early"),
        ("args.amount > 100)", 18, "not expected"),
        ("(args.amount > 1", 17, "')' is missing"),
        ("args.amount > 1 # x", 17, "does not belong"),
        ("amount > 100", 1, "there is no 'amount'"),
        ("arg.amount > 100", 1, "did you mean 'args'"),
        ("who.agnet == 'x'", 4, "did you mean 'agent'"),
        ("declared.roles == {}", 9, "no 'roles'"),
        ("args.to.startWith('x')", 9, "did you mean 'startsWith'"),
        ("verb > 3", 6, "cannot be compared"),
        ("verb == 3", 6, "never equals"),
        ("labels == 'x'", 8, "never equals"),
        ("3 in labels", 3, "is never in"),
        ("'x' in verb", 5, "looks into a list"),
        ("hour + 'x' == 'y'", 6, "cannot add"),
        ("hour + 1.5 > 2.0", 6, "cannot add"),
        ("verb && untrusted", 1, "joins conditions"),
        ("!verb", 2, "joins conditions"),
        ("args.amount", 0, ""),
        ("hour", 1, "has to be a bool"),
        ("untrusted ? 1 : 2", 1, "has to be a bool"),
        ("verb ? true : false", 1, "stands a condition"),
        ("verb.exists(v, v == 'x')", 6, "goes over a list"),
        ("labels.exists(l, size(l))", 18, "needs a condition"),
        ("labels.exists('l', true)", 8, "list.exists(item"),
        ("labels.exists(l, l == 3)", 20, "never equals"),
        ("labels['x'] == 'y'", 7, "no parts"),
        ("who.agent.name == 'x'", 10, "has no parts"),
        ("size(1, 2) == 3", 1, "write size("),
        ("has(args)", 1, "has(args.amount)"),
        ("times('tool refund') > 3", 1, "write times("),
        ("at > 5", 4, "cannot be compared"),
        ("_x_(1) == 2", 1, "no function"),
        ("{'a': 1}.a == 1 && verb", 20, "joins conditions"),
        ("-verb == 'x'", 1, "no negative"),
    ],
)
def test_an_expression_that_cannot_work_is_refused_with_its_place(expression: str, column: int, told: str) -> None:
    try:
        read(expression, VARIABLES, BOOL, what="when:")
    except Problem as problem:
        assert told in problem.message, problem.message
        assert problem.column == column, (problem.column, problem.message)
    else:
        assert not column, "it has to be refused"
    if column:
        error = refused(GOOD.replace("args.amount > 100", f'"{expression}"'))
        assert error.code == "policy.expression"
        assert "line 7 (rules[0].when)" in error.message


def test_a_place_in_an_expression_of_several_lines() -> None:
    error = refused(GOOD.replace("when: args.amount > 100", "when: |\n        args.amount > 100\n        && verb > 3"))
    assert error.details["line"] == 2
    assert error.details["column"] == 9


def test_expressions_in_reasons_and_transforms_are_checked_too() -> None:
    for words in ("reason: '{whn}'", "transform: {set: {to: whn}}\n      then: transform", "unless: whn"):
        text = GOOD.replace("when: args.amount > 100", words)
        if "transform" in words:
            text = text.replace("      then: ask\n      approval:\n        within: 2h\n", "")
        assert refused(text).code == "policy.expression"


def test_yes_no_on_and_dates_are_texts() -> None:
    rules = book("- {name: r, on: tool refund, after: {done: tool book, with: {full: no, day: 2024-05-15}}, then: deny}")
    (condition,) = rules.rules[0].conditions
    event: Any = condition
    assert event.event.with_args == {"full": "no", "day": "2024-05-15"}
    other: Any = {"rules": [{"name": "r", True: "tool refund", "then": "deny"}]}
    policy = compile_policy(from_resource("p", other))
    assert [act.text for act in policy.rules[0].acts] == ["tool refund"], "a YAML reader that takes on for true"


def test_documents_that_never_end_are_refused() -> None:
    assert refused("kind: Policy\nname: p\nspec: &a\n  rules: [*a]\n").code == "policy.malformed"
    bomb = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))
    assert refused(f"a0: &a0 [1]\n{bomb}\n").code == "policy.malformed"
    deep = "(" * 500 + "true" + ")" * 500
    assert refused(GOOD.replace("args.amount > 100", deep)).code == "policy.expression"


def test_several_policies_in_one_text_and_an_empty_one() -> None:
    text = f"---\n{GOOD}---\nkind: Policy\nname: empty\nspec:\n"
    assert [d.name for d in read_documents(text)] == ["refunds", "empty"]
    assert read_documents("") == []
    assert refused("- 1").code == "policy.malformed"
    assert refused("3").code == "policy.malformed"


def test_what_works_is_let_through() -> None:
    for expression in (
        "args.amount * 2 > 100 || args.a.b[0].c == null",
        "labels.filter(l, l.startsWith('x')).size() > 0 && [1, 2].all(n, n > 0)",
        "args.exists(k, k == 'x') && {'a': 1}['a'] == 1 && 'a' in {'a': 1}",
        "timestamp('2026-01-01T00:00:00Z').getFullYear() == 2026 && at.getHours() < 3",
        "(hour > 3 ? 'a' : 'b') == 'a' && 1 < 2.5 && int('3') % 2 == 1 && -hour < 0",
        'args.note == "it\'s" && args.raw == r"\\d" && """x""" != \'\'\'y\'\'\' // a remark',
        "who.tags['team'] == 'x' && type(args.a) == int && b'x' == bytes('x')",
    ):
        assert read(expression, VARIABLES, BOOL).found.type == BOOL
    rules = book("- {name: r, when: 'args.a == null', then: deny}")
    assert rules.decide(intent(args={"a": None})).rules == ("p/r",)
