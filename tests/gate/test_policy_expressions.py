"""The checker and the library that runs expressions agree: what one reads the other reads, and what is checked works."""

from __future__ import annotations

from typing import Any

import cel
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.domain.intent import Done
from holdfast.gate.past import MOST, History
from holdfast.gate.rules.expression import SyntaxProblem, TypeProblem, check, parse
from holdfast.gate.rules.facts import VARIABLES
from policies import book, done, intent

NUMBERS = st.sampled_from(["1", "2", "hour", "size(labels)", "size(verb)"])
TEXTS = st.sampled_from(["'a'", "verb", "name", "who.agent", "labels[0]", "verb + 'x'", "verb.lower()"])


def truths(deeper: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(deeper, st.sampled_from(["&&", "||"]), deeper).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        deeper.map(lambda t: f"!({t})"),
        st.tuples(deeper, deeper, deeper).map(lambda t: f"({t[0]} ? {t[1]} : {t[2]})"),
        deeper.map(lambda t: f"labels.exists(l, l == 'user' && {t})"),
    )


CONDITIONS = st.recursive(
    st.one_of(
        st.tuples(NUMBERS, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), NUMBERS).map(" ".join),
        st.tuples(TEXTS, st.sampled_from(["==", "!=", "<"]), TEXTS).map(" ".join),
        st.tuples(TEXTS, st.sampled_from(["startsWith", "contains", "endsWith"]), TEXTS).map(
            lambda t: f"({t[0]}).{t[1]}({t[2]})"
        ),
        st.sampled_from(["true", "false", "has(args.a)", "'user' in labels", "args.a == 1", "idempotent"]),
        st.tuples(NUMBERS, st.sampled_from("+-*"), NUMBERS).map(lambda t: f"{t[0]} {t[1]} {t[2]} > 1"),
    ),
    truths,
    max_leaves=8,
)


@settings(max_examples=150)
@given(CONDITIONS)
def test_what_is_checked_can_be_judged(condition: str) -> None:
    """An expression without surprises in its arguments never fails: its rule either speaks or does not."""
    quoted = condition.replace('"', '\\"')
    rules = book(f'- {{name: r, when: "{quoted}", then: ask}}')
    decision = rules.decide(intent(args={"a": 1}))
    assert decision.code != "gate.error", (condition, decision.reasons)


@settings(max_examples=300)
@given(st.text(alphabet="ab1.()[]{}<>=!&|?:+-*/%,'\" inhas_\n", max_size=24))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    """Nothing but a refusal comes out, and what the checker lets through the library compiles, too."""
    try:
        check(parse(text), VARIABLES)
    except (SyntaxProblem, TypeProblem) as problem:
        assert 0 <= problem.at <= len(text)
        return
    cel.compile(text)


def test_a_past_finds_by_name_what_it_has_and_forgets_what_is_too_much() -> None:
    past = History()
    for n in range(MOST + 10):
        past.begin(n, "1", Done(n + 1, n, "", "tool", f"t{n % 3}"))
        past.finish(n, "1", ("web",) if n == 0 else (), n % 2 == 0)
    assert len(past) == MOST and past.since == 11
    assert "web" in past.labels, "what was read stays known"
    for name in ("t0", "t1", "t2", "none"):
        assert list(past.named("tool", name)) == [d for d in past if d.name == name]
    past.forget(MOST + 9, "1")
    assert len(list(past.named("tool", f"t{(MOST + 9) % 3}"))) == len([d for d in past if d.name == f"t{(MOST + 9) % 3}"])


def test_a_thousand_actions_and_windows_agree_with_counting_by_hand() -> None:
    past = [done(f"t{n % 4}", {"amount": n % 7, "who": f"c{n % 5}"}, ago=n / 60, failed=n % 6 == 0) for n in range(1, 1000)]
    wanted: Any = sum(
        1 for d in past if d.name == "t1" and not d.failed and d.arguments["who"] == "c2" and d.at >= past[299].at
    )
    args = {"amount": 1, "who": "c2"}
    for limit, verdict in ((wanted, "deny"), (wanted + 1, "allow")):
        rules = book(f"- {{name: r, does: tool t1, at_most: {{count: {limit}, per: 300m, by: args.who}}}}")
        assert rules.decide(intent("tool", "t1", args, past=past)).verdict.name.lower() == verdict
    total: Any = sum(d.arguments["amount"] for d in past if d.name in ("t1", "t2") and not d.failed and d.at >= past[299].at)
    for limit, verdict in ((total, "deny"), (total + 1, "allow")):
        rules = book(f"- {{name: r, does: [tool t1, tool t2], at_most: {{sum: args.amount, limit: {limit}, per: 5h}}}}")
        assert rules.decide(intent("tool", "t1", args, past=past)).verdict.name.lower() == verdict
