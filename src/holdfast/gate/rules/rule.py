"""``Rule`` and ``Policy``: what a document became, ready to judge."""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.intent import Approval, Intent, Verdict
from .acts import Act
from .change import Change
from .conditions import Condition
from .facts import Facts
from .reasons import Reason
from .who import Selector
from .words import PolicyWords, RuleWords


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, compiled.

    Attributes:
        name: ``policy/rule``.
        acts: what it is about; one of them.
        who: whom: all of them.
        conditions: all have to hold; the cheap ones first.
        paths, functions: what its expressions look at.
        looks_back: whether it needs ``Intent.past``.
        zone: in which it tells the time.
    """

    name: str
    policy: str
    words: RuleWords
    verdict: Verdict
    acts: tuple[Act, ...]
    who: tuple[Selector, ...]
    conditions: tuple[Condition, ...]
    reason: Reason | None
    approval: Approval | None
    change: Change | None
    notify: tuple[str, ...]
    paths: frozenset[str]
    functions: frozenset[str]
    looks_back: bool
    zone: str = "UTC"

    @property
    def tracks(self) -> bool:
        """Whether values' own provenance matters to it."""
        return bool(self.paths & {"untrusted", "endorsed", "unendorsed", "goal"})

    @property
    def looks_into(self) -> bool:
        """Whether what is in an act matters to it, or is shown to somebody by it."""
        return (
            self.change is not None
            or self.verdict is Verdict.ASK
            or any(path.partition(".")[0] in ("args", "roles", "untrusted") for path in self.paths)
            or bool(self.words.judge)
        )

    def is_about(self, intent: Intent) -> bool:
        """Whether one of its acts and all of its selectors say so."""
        return any(act.may(intent.verb, intent.name) and act.is_about(intent) for act in self.acts) and all(
            who.selects(intent) for who in self.who
        )

    def holds(self, facts: Facts) -> bool:
        """Whether it speaks, of an intent that it is about. May raise; then the answer is deny."""
        for condition in self.conditions:  # noqa: SIM110 - a generator would cost more than most of what it asks
            if not condition.holds(facts):
                return False
        return True

    def told(self, facts: Facts) -> str:
        """Why, for people."""
        if self.reason is not None:
            return self.reason.told(facts)
        if self.words.description:
            return self.words.description
        try:
            found = "; ".join(condition.why(facts) for condition in self.conditions)
        except Exception as error:
            found = str(error)
        return f"rule {self.name}: {found}" if found else f"rule {self.name}"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy, compiled. ``rules`` are in the order of the document; its answer does not depend on it."""

    name: str
    words: PolicyWords
    rules: tuple[Rule, ...]
    acts: tuple[Act, ...]
    who: tuple[Selector, ...]
    source: str = ""
    tenant: str = ""

    @property
    def closed(self) -> bool:
        """Whether it allows only what its rules let through."""
        return self.words.default == "deny"

    def covers(self, intent: Intent) -> bool:
        """Whether its default is about this."""
        return any(act.may(intent.verb, intent.name) and act.is_about(intent) for act in self.acts) and all(
            who.selects(intent) for who in self.who
        )
