"""The index, what is kept between decisions and the shared contexts change nothing: every answer is that of all rules, asked
one by one, by a rulebook that was never asked before."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.domain.intent import Decision, Intent, Verdict
from holdfast.gate.rules import Rulebook, compile_policy, from_resource
from holdfast.gate.rules.facts import Facts
from policies import done, intent

_ARGS: list[Any] = [{}, {"n": 1}, {"n": 7}, {"n": 7.5, "list": [1, 2]}, {"n": "x"}, {"list": []}, {"n": True}]
ACTS = [
    "tool a",
    "tool b*",
    "tool",
    "run a",
    "send x to desk",
    "send",
    "any action",
    "any change",
    "any sending",
    "anything",
]
WHO: list[dict[str, Any] | None] = [
    None,
    {"agent": "support"},
    {"agent": "d*/1"},
    {"tags": {"team": "red"}},
    {"sender": "user:*"},
    {"not": {"agent": "support/2"}},
]
WHEN = [
    "",
    "args.n > 3",
    "has(args.n)",
    "'untrusted' in labels",
    "endorsed",
    "untrusted && verb == 'tool'",
    "who.key == '1' && hour < 12",
    "goal.contains('please')",
    "times('tool a', '1d') > 1",
    "args.list.exists(x, x == 2)",
]


@st.composite
def rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 12))):
        rule: dict[str, Any] = {"name": f"r{number}", "then": draw(st.sampled_from(["deny", "ask", "allow"]))}
        rule["does"] = draw(st.lists(st.sampled_from(ACTS[:9]), min_size=1, max_size=2, unique=True))
        if (who := draw(st.sampled_from(WHO))) is not None:
            rule["who"] = who
        if when := draw(st.sampled_from(WHEN)):
            rule[draw(st.sampled_from(["when", "unless"]))] = when
        if draw(st.integers(0, 5)) == 0:
            rule["after"] = {"read": "untrusted"}
        if rule["then"] != "allow" and draw(st.integers(0, 5)) == 0:
            rule["at_most"] = {"count": draw(st.integers(0, 2)), "per": "1h", "of": "tool a"}
        found.append(rule)
    return found


@st.composite
def intents(draw: st.DrawFn) -> Intent:
    verb = draw(st.sampled_from(["tool", "run", "send"]))
    args = draw(st.sampled_from(_ARGS))
    return intent(
        verb,
        draw(st.sampled_from(["a", "b", "bc", "x"])),
        args,
        to="default/desk/1" if verb == "send" else "",
        agent=draw(st.sampled_from(["default/support/1", "default/support/2", "default/desk/1", "acme/desk/1"])),
        labels=draw(st.sampled_from([("user",), ("untrusted",), ()])),
        endorsed=draw(st.sampled_from([(), ("default/desk/1", 7)])),
        goal=draw(st.sampled_from(["", "please do"])),
        tags=draw(st.sampled_from([{}, {"team": "red"}])),
        effects=draw(st.booleans()),
        past=[done("a")] * draw(st.integers(0, 3)),
    )


def one_by_one(book: Rulebook, act: Intent) -> tuple[Verdict, set[str]]:
    """The answer without an index."""
    spoke: dict[str, Verdict] = {}
    for rule in book.rules:
        try:
            if rule.is_about(act) and rule.holds(Facts(act, book.shared((rule,)))):
                spoke[rule.name] = rule.verdict
        except Exception:
            spoke[rule.name] = Verdict.DENY
    strongest = max(spoke.values(), default=Verdict.ALLOW)
    return strongest, {name for name, verdict in spoke.items() if verdict == strongest}


def plain(decision: Decision) -> tuple[Verdict, set[str]]:
    return decision.verdict, set(decision.rules)


@settings(max_examples=200, deadline=None)
@given(rules(), st.lists(intents(), min_size=1, max_size=6))
def test_every_answer_is_that_of_all_rules(given_rules: list[dict[str, Any]], acts: list[Intent]) -> None:
    def made() -> Rulebook:
        return Rulebook([compile_policy(from_resource("p", {"rules": given_rules}))])

    used = made()
    for act in acts:
        decision = used.decide(act)
        assert plain(decision) == one_by_one(made(), act)
        assert decision == made().decide(act), "what was asked before leaves nothing behind"
        if any(rule.looks_back and rule.is_about(act) for rule in used.rules):
            assert used.needs_past(act.verb, act.name), "the runtime would not have had the past at hand"
