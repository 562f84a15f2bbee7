"""Grants: what people have said yes to once and for similar actions, within bounds.

Each is a resource that can be reviewed and taken back. It lifts a question, never a denial, and only the question that its
people could have answered: of the same rules, put to the same people, and never about what one of them asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from ..domain.address import GROUP
from ..domain.intent import Approval, Count, Decision, Intent, Verdict
from ..domain.labels import UNTRUSTED
from ..domain.principal import is_same
from ..journal.codec import encode
from .prompts import Seen

GRANTED = "grant:"
"""Before a grant's name where the rules of a decision are listed."""
_MOST_MS = 366 * 86_400_000
"""For which uses are counted: one window for all of them, or early ones would be forgotten before the end."""
_ANYBODY = Approval()


class Grant(msgspec.Struct, frozen=True, omit_defaults=True):
    """Similar actions that need no more asking.

    Attributes:
        agent: an address; ``default/desk/*`` for all of a definition, ``group:NAME`` for the members of a group.
        verb, action: what; an action's name exactly.
        rules: whose questions it answers; never those of other rules.
        to: of messages, who gets them.
        equal: arguments that must be just this.
        at_most: numbers that may be anything from 0 to this.
        any: arguments that may be whatever they are. One that is in none of these must not be there at all.
        total: how much all uses together may come to, by argument.
        until: milliseconds since 1970, 0 for no end.
        uses: how often in all, among all agents; 0 for any number.
        by: who granted it; what they ask for themselves still needs somebody else.
        people, needed: who could answer then, and how many had to: a rule that asks others now is not answered.
        untrusted: also for turns that have read what nobody vouches for.
        approval: the question that it was granted with.
        at: when, in milliseconds since 1970.
    """

    name: str
    agent: str
    verb: str
    action: str
    rules: tuple[str, ...]
    to: str = ""
    equal: dict[str, Any] = {}
    at_most: dict[str, float] = {}
    any: tuple[str, ...] = ()
    total: dict[str, float] = {}
    until: int = 0
    uses: int = 0
    by: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    needed: int = 1
    untrusted: bool = False
    approval: str = ""
    at: int = 0

    @property
    def group(self) -> str:
        """The group of agents that it is for; ``""`` for none."""
        return self.agent.removeprefix(GROUP) if self.agent.startswith(GROUP) else ""

    def covers(self, intent: Intent, decision: Decision) -> bool:
        """Whether it answers all that is asked about this action, whichever of its agents' it is."""
        asked, terms = set(decision.rules), decision.approval or _ANYBODY
        if (self.verb, self.action, self.to) != (intent.verb, intent.name, intent.to):
            return False
        if not asked or not asked <= set(self.rules):
            return False
        if (self.people, self.needed) != (tuple(terms.to), max(terms.needed, 1)):
            return False
        if self.until and intent.at > self.until:
            return False
        if self.approval == f"{intent.agent}#{intent.turn}.{intent.path}":
            return False  # it has an answer of its own
        if UNTRUSTED in intent.labels and not self.untrusted:
            return False
        if any(is_same(who, other) for who in self.by for other in (intent.sender, intent.agent, *intent.chain)):
            return False
        return self._bounds(given(intent, decision))

    def _bounds(self, given: Mapping[str, Any]) -> bool:
        if any(name not in given or encode(given[name]) != encode(value) for name, value in self.equal.items()):
            return False  # compared as the journal has them: 1 is not true
        if not all(_number(given.get(name), most) for name, most in {**self.at_most, **self.total}.items()):
            return False
        return given.keys() <= {*self.equal, *self.at_most, *self.total, *self.any}

    def is_for(self, agent: str, members: Iterable[str] = ()) -> bool:
        """Whether an agent is one of those that it is for; ``members`` are those of its group."""
        return any(_matches(agent, one) for one in (members if self.group else (self.agent,)))


class Grants:
    """All that are in force, by what they are about, newest first: what is used up does not hide what came after it.

    Args:
        grants: the grants.
        members: of the groups that some are for, by the grant's name: addresses, or ``tenant/definition/*``.
    """

    def __init__(self, grants: Iterable[Grant] = (), members: Mapping[str, Iterable[str]] | None = None) -> None:
        self._by_action: dict[tuple[str, str], list[Grant]] = {}
        self._members = {name: tuple(found) for name, found in (members or {}).items()}
        for grant in sorted(grants, key=lambda g: (-g.at, g.name)):
            self._by_action.setdefault((grant.verb, grant.action), []).append(grant)

    def lift(self, intent: Intent, decision: Decision) -> Decision:
        """The decision, without its question if somebody has answered it beforehand."""
        for grant in self._by_action.get((intent.verb, intent.name), ()):
            if grant.is_for(intent.agent, self._members.get(grant.name, ())) and grant.covers(intent, decision):
                return msgspec.structs.replace(
                    decision,
                    verdict=Verdict.TRANSFORM if decision.args is not None else Verdict.ALLOW,
                    reasons=(*decision.reasons, f"allowed by grant {grant.name} of {', '.join(grant.by)}"),
                    rules=(*decision.rules, GRANTED + grant.name),
                    counts=(*decision.counts, *_counts(grant, given(intent, decision))),
                )
        return decision


def _counts(grant: Grant, given: Mapping[str, Any]) -> list[Count]:
    """What is counted among all workers before the effect; more than granted is asked about."""
    found: list[Count] = []
    if grant.uses:
        why = f"the grant {grant.name} is used up"
        found.append(Count(GRANTED + grant.name, 1, grant.uses, _MOST_MS, Verdict.ASK, why))
    for name, most in grant.total.items():
        why = f"with this, {name} would come to more than the {most:g} that the grant {grant.name} is for"
        found.append(Count(f"{GRANTED}{grant.name}:{name}", float(given[name]), most, _MOST_MS, Verdict.ASK, why))
    return found


def given(intent: Intent, decision: Decision) -> Mapping[str, Any]:
    """The arguments that would run, by name; of a request to a model, what tells it from others."""
    args = intent.args if decision.args is None else positional(decision.args)
    if isinstance(args, Seen):
        return args.facts
    return msgspec.structs.replace(intent, args=args).arguments


def positional(args: Any) -> Any:
    """Arguments as a journal has them, as an intent has them: a list there is a tuple here."""
    return tuple(cast("list[Any]", args)) if isinstance(args, list) else args


def _matches(agent: str, one: str) -> bool:
    return agent == one or (one.endswith("/*") and one.count("/") == 2 and agent.startswith(one[:-1]))


def _number(value: Any, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= most
