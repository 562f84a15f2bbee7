"""A grant answers the questions of its rules about its action within its bounds, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.domain.intent import Decision, Intent, Verdict
from holdfast.gate import Grant, Grants

ASK = Decision(Verdict.ASK, ("payments are asked about",), ("pay",))


def intent(args: dict[str, Any], agent: str = "default/desk/1", at: int = 0) -> Intent:
    return Intent(agent, 1, "1", "tool", "refund", args=(args,), at=at)


def grant(**bounds: Any) -> Grants:
    return Grants([Grant("small", "default/desk/*", "tool", "refund", ("pay",), by=("ann",), **bounds)])


def lifted(grants: Grants, what: Intent, decision: Decision = ASK) -> bool:
    return grants.lift(what, decision).verdict is Verdict.ALLOW


def test_it_lifts_within_its_bounds_and_says_who_granted_it() -> None:
    decision = grant(at_most={"amount": 50}, equal={"customer": "ada"}).lift(intent({"amount": 40, "customer": "ada"}), ASK)
    assert decision.verdict is Verdict.ALLOW
    assert decision.rules == ("pay", "grant:small")
    assert decision.reasons[-1] == "allowed by grant small of ann"


@pytest.mark.parametrize("args", [{"amount": 51}, {"amount": "40"}, {"amount": True}, {}])
def test_it_lifts_nothing_beyond_them(args: dict[str, Any]) -> None:
    assert not lifted(grant(at_most={"amount": 50}), intent(args))


def test_equal_means_the_same_value_and_not_a_similar_one() -> None:
    assert lifted(grant(equal={"n": 1}), intent({"n": 1}))
    assert not lifted(grant(equal={"n": 1}), intent({"n": True}))


def test_it_is_for_its_agents_its_time_and_its_rules_alone() -> None:
    assert not lifted(grant(), intent({}, agent="default/other/1"))
    assert not lifted(grant(until=10), intent({}, at=11))
    assert not lifted(grant(), intent({}), Decision(Verdict.ASK, ("x",), ("pay", "another")))
    assert not lifted(grant(), intent({}), Decision(Verdict.ASK, ("nobody says which rule",)))


def test_its_uses_are_counted_in_one_window_whenever_they_are() -> None:
    grants = grant(uses=3, until=10 * 86_400_000)
    windows = {grants.lift(intent({}, at=day * 86_400_000), ASK).counts[0].window_ms for day in (0, 5, 9)}
    assert len(windows) == 1
    assert windows.pop() >= 10 * 86_400_000


def test_it_is_not_used_up_by_the_action_that_it_was_granted_with() -> None:
    grants = grant(approval="default/desk/1#1.1")
    assert not lifted(grants, intent({}))
    assert lifted(grants, Intent("default/desk/1", 2, "1", "tool", "refund", args=({},)))
