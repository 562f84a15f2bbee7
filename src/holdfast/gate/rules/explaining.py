"""Why: every rule of a rulebook and what it made of one intent. The answer is the rulebook's own; this only tells more."""

from __future__ import annotations

from typing import Literal

import msgspec

from ...domain.intent import Decision, Intent
from .facts import Facts
from .rule import Rule
from .rulebook import Rulebook

Said = Literal["matched", "not matched", "error", "not about this"]


class Considered(msgspec.Struct, frozen=True):
    """One rule and an intent. ``then`` is what the rule says where it matches."""

    rule: str
    said: Said
    then: str
    why: str = ""


class Explanation(msgspec.Struct, frozen=True):
    """A decision and all rules behind it, those that spoke first."""

    decision: Decision
    considered: tuple[Considered, ...]


def explain(book: Rulebook, intent: Intent) -> Explanation:
    """See the module. Costs what evaluating everything costs: for people, not for turns."""
    told = [_considered(book, rule, intent) for rule in book.rules]
    order = {"matched": 0, "error": 1, "not matched": 2, "not about this": 3}
    return Explanation(book.decide(intent), tuple(sorted(told, key=lambda c: order[c.said])))


def _considered(book: Rulebook, rule: Rule, intent: Intent) -> Considered:
    then = rule.verdict.name.lower()
    if not rule.is_about(intent):
        return Considered(rule.name, "not about this", then, _aside(rule, intent))
    facts = Facts(intent, book.shared((rule,)), book.everyone)
    reasons: list[str] = []
    for condition in rule.conditions:
        try:
            holds, why = condition.holds(facts), condition.why(facts)
        except Exception as error:
            return Considered(rule.name, "error", "deny", f"it could not be judged: {error}")
        if not holds:
            return Considered(rule.name, "not matched", then, why)
        reasons.append(why)
    return Considered(rule.name, "matched", then, "; ".join(reasons) or "it has no further condition")


def _aside(rule: Rule, intent: Intent) -> str:
    if any(act.may(intent.verb, intent.name) and act.is_about(intent) for act in rule.acts):
        return "it is about somebody else"
    return f"it is about {', '.join(act.text for act in rule.acts)}"
