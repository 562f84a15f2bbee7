"""Tests beside policies, explanations, and policies in Cedar."""

from __future__ import annotations

import pytest

from holdfast.domain.errors import Rejected
from holdfast.domain.intent import Verdict
from holdfast.gate.rules import read_documents
from holdfast.gate.rules.cedar import cedar_plugin
from holdfast.gate.rules.explaining import explain
from holdfast.gate.rules.trial import run_tests
from policies import book, done, intent

POLICY = """
kind: Policy
name: refunds
spec:
  who: {agent: support}
  rules:
    - name: large
      does: tool refund
      when: args.amount > limit(args.customer)
      then: ask
      reason: "{args.amount} is more than {limit(args.customer)}"
    - name: often
      does: tool refund
      at_most: {count: 2, per: day, by: args.customer}
    - name: together
      does: tool refund
      at_most: {sum: args.amount, limit: 100, per: day, among: all}
    - name: short
      does: tool mail
      then: transform
      transform: {redact: {body: '[0-9]{4}'}}
    - name: strangers
      does: any sending
      unless: endorsed
      then: deny
  tests:
"""

GOOD = """
    - name: small ones pass
      given: {agent: support/1, tool: refund, args: {amount: 5, customer: ada}}
      lookups: &limits {limit: {ada: 10, bob: 1000}}
      expect: allow
    - name: large ones are asked about
      given: {agent: support/1, tool: refund, args: {amount: 50, customer: ada}}
      lookups: *limits
      expect: {outcome: ask, rule: large, reason: 50 is more than 10}
    - name: the third is too much
      given: {agent: support/1, tool: refund, args: {amount: 5, customer: ada}}
      past:
        - {tool: refund, args: {customer: ada, amount: 1}, ago: 2h}
        - {tool: refund, args: {customer: ada, amount: 1}, ago: 3h}
        - {tool: refund, args: {customer: bob, amount: 1}, ago: 3h}
      lookups: *limits
      expect: {outcome: deny, rule: refunds/often}
    - name: others count where all do
      given: {agent: support/1, tool: refund, args: {amount: 5, customer: bob}}
      past:
        - {agent: support/2, tool: refund, args: {customer: bob, amount: 98}}
        - {agent: support/2, tool: refund, args: {customer: bob, amount: 98}, ago: 2d}
      lookups: *limits
      expect: {outcome: deny, rule: together}
    - name: a number is blacked out
      given: {agent: support/1, tool: mail, args: {to: ada, body: pin 1234}, roles: {to: destination}, endorsed: [ada]}
      expect: {outcome: transform, args: {to: ada, body: 'pin [redacted]'}}
    - name: nobody vouches for it
      given: {agent: support/1, tool: mail, args: {to: eve, body: x}, roles: {to: destination}, labels: [untrusted]}
      expect: {outcome: deny, code: gate.denied}
    - name: a lookup without an answer denies
      given: {agent: support/1, tool: refund, args: {amount: 50, customer: cy}}
      lookups: *limits
      expect: {outcome: deny, code: gate.error}
    - name: other agents are not meant
      given: {agent: desk, tool: refund}
      lookups: *limits
      expect: allow
    - name: at night
      given: {send: hello, to: default/o/1, at: 2026-03-02T23:00:00, agent: other/1}
      lookups: *limits
      expect: allow
"""


def limit(customer: str) -> int:
    """A lookup as it would be installed; tests make up their own answers."""
    raise AssertionError(customer)


def test_tests_beside_a_policy_pass() -> None:
    (document,) = read_documents(POLICY + GOOD.replace("*limits", "{limit: {ada: 10, bob: 1000}}"), "refunds.yaml")
    for result in run_tests(document, lookups={"limit": limit}):
        assert result.passed, result


def test_a_test_that_fails_says_what_came_instead_and_why() -> None:
    bad = """
    - name: wrong
      given: {agent: support/1, tool: refund, args: {amount: 50, customer: ada}}
      lookups: {limit: {ada: 10}}
      expect: {outcome: deny, rule: often, reason: never, code: x, args: {}}
"""
    (document,) = read_documents(POLICY + bad, "refunds.yaml")
    (result,) = run_tests(document)
    assert not result.passed
    assert result.place == "refunds.yaml, line 28 (tests[0])"
    told = "\n".join(result.problems)
    for part in (
        "- expected deny\n+ got ask by refunds/large: 50 is more than 10",
        "- expected rule often\n+ got refunds/large",
        "- expected a reason with 'never'",
        '- expected args {}\n+ got {"amount": 50',
        "  refunds/large: matched (args.amount > limit(args.customer) is true",
        "  refunds/often: not matched (0 so far and 1 now, of at most 2 per day)",
    ):
        assert part in told, told


@pytest.mark.parametrize(
    "given",
    [
        "{agent: support/1}",
        "{tool: refund, send: x}",
        "{tool: refund, amount: 5}",
        "{tool: refund, at: noon}",
    ],
)
def test_a_malformed_test_is_refused(given: str) -> None:
    (document,) = read_documents(
        POLICY + f"    - {{name: t, given: {given}, lookups: {{limit: {{}}}}, expect: allow}}\n", "p"
    )
    with pytest.raises(Rejected) as caught:
        run_tests(document)
    assert caught.value.code == "policy.malformed"
    assert "tests[0]" in caught.value.message


def test_an_explanation_has_every_rule() -> None:
    rules = book(
        "- {name: a, does: tool refund, when: args.amount > 5, then: deny}\n"
        "- {name: b, does: tool refund, when: args.nope > 5, then: ask}\n"
        "- {name: c, does: tool refund, before: {done: tool verify, within: 1h}, then: ask}\n"
        "- {name: d, does: tool other, then: deny}\n- {name: e, who: {agent: desk}, then: deny}\n"
        "- {name: f, does: tool refund, simulate_first: {argument: dry}}\n- {name: g, then: allow}\n"
        "- {name: h, does: tool refund, at_most: {count: 1, per: day, among: all}}"
    )
    told = explain(rules, intent(args={"amount": 4}, past=[done("verify", ago=0.5)]))
    said = {c.rule: (c.said, c.why) for c in told.considered}
    assert said == {
        "p/a": ("not matched", "args.amount > 5 is false (args.amount is 4)"),
        "p/b": ("error", "it could not be judged: 'nope'"),
        "p/c": ("not matched", "it has done tool verify within 1h"),
        "p/d": ("not about this", "it is about tool other"),
        "p/e": ("not about this", "it is about somebody else"),
        "p/f": ("matched", "it is not simulated before (dry: True, within 1h)"),
        "p/g": ("matched", "it has no further condition"),
        "p/h": ("not matched", "counted in the store: at most 1 per day"),
    }
    assert told.decision.verdict is Verdict.DENY
    assert [c.said for c in told.considered][:3] == ["matched", "matched", "error"]


CEDAR = """
@id("reads") permit(principal, action == Action::"tool:read", resource);
@id("pays") permit(principal == Agent::"default/support/1", action == Action::"tool:pay", resource)
  when { context.args.amount < 100 && context.args.share.lessThan(decimal("0.6")) };
@id("mine") permit(principal, action == Action::"send:hello", resource == Resource::"default/o/1");
@id("web") forbid(principal, action, resource) when { context.labels.contains("web") };
"""


def test_cedar_policies_judge_too() -> None:
    rules = book("- {name: r, does: tool read, when: 'has(args.no)', then: deny}", plugins={"cedar": cedar_plugin(CEDAR)})

    def decided(verb: str, name: str, args: object = None, **more: object) -> tuple[Verdict, tuple[str, ...], str]:
        found = rules.decide(intent(verb, name, args, **more))  # pyright: ignore[reportArgumentType]
        return found.verdict, found.reasons, found.code

    assert decided("tool", "read")[0] is Verdict.ALLOW
    assert decided("tool", "read", {"no": 1})[0] is Verdict.DENY
    assert decided("tool", "pay", {"amount": 5, "share": 0.5})[0] is Verdict.ALLOW
    assert decided("tool", "pay", {"amount": 500, "share": 0.5})[1] == ("no Cedar policy permits it",)
    assert decided("send", "hello", to="default/o/1")[0] is Verdict.ALLOW
    assert decided("send", "hello", to="default/o/2")[0] is Verdict.DENY
    assert decided("sleep", "")[0] is Verdict.ALLOW
    assert decided("tool", "read", labels=("web",))[1] == ("Cedar forbids it: web",)
    verdict, reasons, code = decided("tool", "pay", {})
    assert (verdict, code) == (Verdict.DENY, "gate.error"), "Cedar itself would leave the policy out"
    assert "attribute" in reasons[0]


def test_cedar_policies_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(Rejected) as caught:
        cedar_plugin("permit(principal")
    assert caught.value.code == "policy.cedar"
