"""``Rulebook``: all rules that are in force, indexed, and the one question asked of them.

A rule is looked at only if its verb, name and agent can be meant: candidates are found once for each of these and kept.
deny > ask > transform > allow, and whatever goes wrong denies. A rulebook never changes; another one takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ...domain.intent import ALLOW, Approval, Count, Decision, Done, Intent, Verdict
from ...domain.labels import POLICY
from ..answers import both, together
from .change import CHANGEABLE, in_form, veiled_by
from .expression.functions import OWN
from .facts import Facts, Lookup, Needs, Shared
from .rule import Policy, Rule
from .words import listed

Plugin = Callable[[Intent], Decision | None]
"""A judge in Python, trusted code of the operator; None for no opinion."""

_MOST_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rules that can be meant by acts of one agent with one verb and name. ``settled`` ones need no second look."""

    rules: tuple[tuple[Rule, bool], ...]
    closed: tuple[Policy, ...]
    shared: Mapping[str, Shared]


@dataclass(slots=True)
class Heard:
    """What the rules said about one intent."""

    spoke: list[Rule]
    broken: list[tuple[str, str]]
    facts: Facts


class Rulebook:
    """See the module.

    Args:
        policies: compiled.
        plugins: judges in Python, by name.
        lookups: functions that conditions may call.
        everyone: for trials and dry runs: what all agents did, so that what the store would count is counted here.
    """

    def __init__(
        self,
        policies: Iterable[Policy] = (),
        *,
        plugins: Mapping[str, Plugin] | None = None,
        lookups: Mapping[str, Lookup] | None = None,
        everyone: Sequence[Done] | None = None,
    ) -> None:
        self.policies = tuple(policies)
        self.plugins = dict(plugins or {})
        self.lookups = dict(lookups or {})
        self.empty = not self.policies and not self.plugins
        """Whether it has nothing to say about anything."""
        self.everyone = everyone
        self._shared: dict[Needs, dict[str, Shared]] = {}
        self.rules = tuple(rule for policy in self.policies for rule in policy.rules)
        self.tracks = any(rule.tracks for rule in self.rules)
        self._exact: dict[tuple[str, str], list[int]] = {}
        self._general: dict[str, list[int]] = {}
        for number, rule in enumerate(self.rules):
            self._index(number, rule)
        self._closed = tuple(policy for policy in self.policies if policy.closed)
        self._kept_looks: dict[tuple[str, str], tuple[bool, bool]] = {}
        self._kept: dict[tuple[str, str, str], Candidates | None] = {}

    def _index(self, number: int, rule: Rule) -> None:
        for act in rule.acts:
            for verb in act.verbs if act.verbs is not None else ("",):
                if act.exact:
                    self._exact.setdefault((verb, act.exact), []).append(number)
                else:
                    self._general.setdefault(verb, []).append(number)

    # -- what the runtime has to have at hand -----------------------------------------------------------------------

    def needs_past(self, verb: str, name: str) -> bool:
        """Whether judging such an act looks back."""
        return self._looks(verb, name)[0]

    def looks_into(self, verb: str, name: str) -> bool:
        """Whether judging such an act looks at what is in it, or shows it to somebody."""
        return self._looks(verb, name)[1]

    def _looks(self, verb: str, name: str) -> tuple[bool, bool]:
        """Whether judging such an act looks back, and whether it looks into it; nobody knows what Python looks at."""
        if self.plugins:
            return True, True
        found = self._kept_looks.get((verb, name))
        if found is None:
            if len(self._kept_looks) >= _MOST_KEPT:
                self._kept_looks.clear()
            rules = [self.rules[n] for n in self._about(verb, name)]
            found = any(rule.looks_back for rule in rules), any(rule.looks_into for rule in rules)
            self._kept_looks[verb, name] = found
        return found

    @property
    def needs_sources(self) -> bool:
        """Whether any rule looks at values' own provenance."""
        return self.tracks or bool(self.plugins)

    # -- the question -----------------------------------------------------------------------------------------------

    def decide(self, intent: Intent) -> Decision:
        """The answer to one intent. Never raises."""
        found = self.candidates(intent)
        if found is None:
            return ALLOW if not self.plugins else self._merged(Heard([], [], Facts(intent, {})), ())
        heard = self._hear(intent, found)
        if not (heard.spoke or heard.broken or heard.facts.counts or found.closed or self.plugins):
            return ALLOW
        decision = self._merged(heard, found.closed)
        if intent.verb == "model" and decision.args is not None and decision.verdict < Verdict.DENY:
            return self._elsewhere(intent, decision)
        return decision

    def _elsewhere(self, intent: Intent, decision: Decision) -> Decision:
        """The same, if a rule sends a request to another route, after the rules about that one, too."""
        changed: Any = decision.args
        route = changed.get("route", intent.name) if isinstance(changed, dict) else intent.name  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if route == intent.name:
            return decision
        second = self.decide(msgspec.structs.replace(intent, name=str(route), args=decision.args))  # pyright: ignore[reportUnknownArgumentType]
        if second.args is None or second.verdict >= Verdict.DENY or second.args.get("route") == route:
            return both(decision, second)
        why = f"rules send it from {intent.name} to {route}, and from there to {second.args['route']}"
        return Decision(Verdict.DENY, (why,), (*decision.rules, *second.rules), notify=decision.notify, code="gate.error")

    def candidates(self, intent: Intent) -> Candidates | None:
        """What can be about an intent; None if nothing can."""
        key = (intent.verb, intent.name, intent.agent)
        try:
            return self._kept[key]
        except KeyError:
            found = self._find(*key)
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = found
            return found

    def _about(self, verb: str, name: str) -> list[int]:
        numbers = {
            n
            for place in (verb, "")
            for n in (*self._exact.get((place, name), ()), *self._general.get(place, ()))
            if any(act.may(verb, name) for act in self.rules[n].acts)
        }
        return sorted(numbers)

    def _find(self, verb: str, name: str, agent: str) -> Candidates | None:
        rules: list[tuple[Rule, bool]] = []
        for number in self._about(verb, name):
            rule = self.rules[number]
            if all(who.may(agent) for who in rule.who):
                settled = all(who.settled for who in rule.who)
                rules.append((rule, settled and any(act.settled and act.may(verb, name) for act in rule.acts)))
        closed = tuple(
            p for p in self._closed if any(a.may(verb, name) for a in p.acts) and all(w.may(agent) for w in p.who)
        )
        if not rules and not closed:
            return None
        return Candidates(tuple(rules), closed, self.shared(rule for rule, _ in rules))

    def shared(self, rules: Iterable[Rule]) -> Mapping[str, Shared]:
        """Contexts with all that these rules look at, one for each time zone; the same ones for the same needs."""
        chosen = list(rules)
        functions = {name for rule in chosen for name in rule.functions if name in self.lookups or name in OWN}
        needs = Needs.of({path for rule in chosen for path in rule.paths}, functions)
        found = self._shared.setdefault(needs, {})
        for rule in chosen:
            if rule.zone not in found:
                found[rule.zone] = Shared(needs, rule.zone, self.lookups)
        return found

    def _hear(self, intent: Intent, found: Candidates) -> Heard:
        facts = Facts(intent, found.shared, self.everyone)
        heard = Heard([], [], facts)
        for rule, settled in found.rules:
            try:
                if (settled or rule.is_about(intent)) and rule.holds(facts):
                    heard.spoke.append(rule)
            except Exception as error:  # whatever it is, it denies
                heard.broken.append((rule.name, _problem(error)))
        return heard

    # -- the answer -------------------------------------------------------------------------------------------------

    def _merged(self, heard: Heard, closed: tuple[Policy, ...]) -> Decision:
        intent, facts = heard.facts.intent, heard.facts
        denials = [(name, f"rule {name} could not be judged: {why}") for name, why in heard.broken]
        broken = len(denials)
        strongest = max((rule.verdict for rule in heard.spoke), default=Verdict.ALLOW)
        opinions = self._asked(intent, denials)
        broken = len(denials) if self.plugins else broken
        for policy in closed:
            if policy.covers(intent) and not any(
                rule.policy == policy.name and rule.verdict < Verdict.DENY for rule in heard.spoke
            ):
                denials.append((policy.name, f"policy {policy.name} allows only what its rules allow, and none allows this"))
        strongest = max((strongest, *(d.verdict for _, d in opinions)))
        notify = tuple(
            dict.fromkeys([n for rule in heard.spoke for n in rule.notify] + [n for _, d in opinions for n in d.notify])
        )
        if denials or strongest >= Verdict.DENY:
            told = [(r.name, r.told(facts)) for r in heard.spoke if r.verdict is Verdict.DENY]
            told += [(name, "; ".join(d.reasons) or "no reason given") for name, d in opinions if d.verdict >= Verdict.DENY]
            told += denials
            hold = any(d.verdict is Verdict.HOLD for _, d in opinions)
            code = (
                "gate.error"
                if broken == len(told)
                else next((d.code for _, d in opinions if d.verdict >= Verdict.DENY), "gate.denied")
            )
            return Decision(
                Verdict.HOLD if hold else Verdict.DENY,
                tuple(why for _, why in told),
                tuple(name for name, _ in told),
                notify=notify,
                code=code,
            )
        return self._let_through(heard, opinions, strongest, notify)

    def _asked(self, intent: Intent, denials: list[tuple[str, str]]) -> list[tuple[str, Decision]]:
        opinions: list[tuple[str, Decision]] = []
        for name, plugin in self.plugins.items():
            try:
                opinion = plugin(intent)
            except Exception as error:  # as for rules
                denials.append((name, f"plug-in {name} could not judge: {_problem(error)}"))
                continue
            if opinion is not None:
                opinions.append((name, opinion))
        return opinions

    def _let_through(
        self, heard: Heard, opinions: list[tuple[str, Decision]], verdict: Verdict, notify: tuple[str, ...]
    ) -> Decision:
        facts = heard.facts
        told = [(r.name, r.told(facts)) for r in heard.spoke if r.verdict is verdict]
        told += [(name, "; ".join(d.reasons)) for name, d in opinions if d.verdict is verdict]
        reasons, names = tuple(why for _, why in told), tuple(name for name, _ in told)
        counts = (*facts.counts, *(c for _, d in opinions for c in d.counts))
        try:
            approval = self._approval(heard, opinions, counts)
            args, before = _changed(heard, opinions) if heard.spoke or opinions else (None, None)
        except Exception as error:
            why = f"what {' and '.join(names)} wants cannot be done: {_problem(error)}"
            return Decision(Verdict.DENY, (why,), names, notify=notify, code="gate.error")
        vouched = {name: f"{POLICY}:{rule.name}" for rule in heard.spoke for name in listed(rule.words.endorse)}
        judge = next((rule.words.judge for rule in heard.spoke if rule.words.judge), "")
        tried = any(rule.words.simulate for rule in heard.spoke)
        found = Decision(verdict, reasons, names, args, approval, counts, notify, judge=judge, vouched=vouched)
        return msgspec.structs.replace(found, before=before, simulate=tried) if tried or before is not None else found

    def _approval(self, heard: Heard, opinions: list[tuple[str, Decision]], counts: tuple[Count, ...]) -> Approval | None:
        """Whom to ask: for the rules that ask, and for those that would if the store has counted too many."""
        wanted = [rule.approval for rule in heard.spoke if rule.verdict is Verdict.ASK]
        wanted += [d.approval for _, d in opinions if d.verdict is Verdict.ASK]
        asking = {count.key.split("|")[1] for count in counts if count.over is Verdict.ASK and count.key.count("|")}
        wanted += [rule.approval for rule in self.rules if rule.name in asking] if asking else []
        return together([approval or Approval() for approval in wanted]) if wanted else None


def _changed(heard: Heard, opinions: list[tuple[str, Decision]]) -> tuple[Any, Any]:
    """The arguments after all that is to be changed, in the form they came in, and as they were, as people may see them;
    None if nothing is. Each change is made to what the one before it left."""
    facts, intent = heard.facts, heard.facts.intent
    changes = [rule.change for rule in heard.spoke if rule.change is not None]
    given = [d.args for _, d in opinions if d.verdict is Verdict.TRANSFORM]
    if not changes and not given:
        return None, None
    if intent.verb not in CHANGEABLE:
        raise ValueError(f"the arguments of a {intent.verb} cannot be changed")
    if len(given) > 1:
        raise ValueError("two plug-ins change the arguments")
    veiled = in_form(intent, veiled_by(changes, intent))
    if given:
        intent = msgspec.structs.replace(intent, args=given[0])
        facts = Facts(intent, facts.shared, facts.everyone)
    for number, change in enumerate(changes):
        if number:
            facts = Facts(intent, facts.shared, facts.everyone)
        intent = msgspec.structs.replace(intent, args=in_form(intent, change.made(intent.arguments, facts)))
    return intent.args, veiled


def _problem(error: Exception) -> str:
    """An error of a rule, in words."""
    if isinstance(error, KeyError):
        return f"there is no {error.args[0]!r}" if error.args else "something is not there"
    text = str(error).split(" CEL does not coerce")[0].split(". Check function arguments")[0].strip()
    return text.rstrip(".") or type(error).__name__


EMPTY = Rulebook()
"""Without any policy everything is allowed."""
