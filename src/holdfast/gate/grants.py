"""Grants: what people have said yes to once and for similar actions, within bounds.

Each is a resource that can be reviewed and taken back; it lifts an ask, never a denial.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from ..domain.intent import Count, Decision, Intent, Verdict
from ..journal.codec import encode

_MOST_MS = 366 * 86_400_000
"""For which uses are counted: one window for all of them, or early ones would be forgotten before the end."""


class Grant(msgspec.Struct, frozen=True):
    """Similar actions that need no more asking.

    Attributes:
        agent: address pattern (``default/desk/*``).
        verb, action: what; an action's name exactly.
        rules: whose questions it answers; never those of other rules.
        equal: arguments that must be just this.
        at_most: numbers that may not be larger.
        until: milliseconds since 1970, 0 for no end.
        uses: how often in all, among all agents; 0 for any number.
        by: who granted it.
    """

    name: str
    agent: str
    verb: str
    action: str
    rules: tuple[str, ...]
    equal: dict[str, Any] = {}
    at_most: dict[str, float] = {}
    until: int = 0
    uses: int = 0
    by: str = ""

    def covers(self, intent: Intent, rules: Iterable[str]) -> bool:
        """Whether it answers all of these rules' questions about this action."""
        asked = set(rules)
        if self.verb != intent.verb or self.action != intent.name or not asked or not asked <= set(self.rules):
            return False
        if (self.until and intent.at > self.until) or not fnmatchcase(intent.agent, self.agent):
            return False
        given = intent.arguments
        if any(name not in given or encode(given[name]) != encode(value) for name, value in self.equal.items()):
            return False  # compared as the journal has them: 1 is not true
        return all(_number(given.get(name), most) for name, most in self.at_most.items())


class Grants:
    """All that are in force, by what they are about."""

    def __init__(self, grants: Iterable[Grant] = ()) -> None:
        self._by_action: dict[tuple[str, str], list[Grant]] = {}
        for grant in grants:
            self._by_action.setdefault((grant.verb, grant.action), []).append(grant)

    def lift(self, intent: Intent, decision: Decision) -> Decision:
        """The decision, without its question if somebody has answered it beforehand."""
        for grant in self._by_action.get((intent.verb, intent.name), ()):
            if not grant.covers(intent, decision.rules):
                continue
            counts = decision.counts
            if grant.uses:
                why = f"the grant {grant.name} is used up"
                counts = (*counts, Count(f"grant:{grant.name}", 1, grant.uses, _MOST_MS, Verdict.ASK, why))
            return msgspec.structs.replace(
                decision,
                verdict=Verdict.TRANSFORM if decision.args is not None else Verdict.ALLOW,
                reasons=(*decision.reasons, f"granted by {grant.by}"),
                rules=(*decision.rules, f"grant:{grant.name}"),
                counts=counts,
            )
        return decision


def _number(value: Any, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value <= most
