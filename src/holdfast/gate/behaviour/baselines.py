"""``Baselines``: is this action unusual for this kind of agent?

    count      too many of it in a minute or an hour            exact negative binomial tail
    sustained  twice as many as usual, for long                 CUSUM
    volume     an amount, a count or a payload too large        99th percentile (KLL) and a Pareto tail
    reach      too many different destinations in a day         HLL, negative binomial tail
    novel      an action or a destination never seen            Good-Turing
    repeat     the same call again and again; a loop of calls   negative binomial tail
    plan       not a step of the plan that the agent declared

What is learned are allowed actions that happened, and nothing while the agent is switched off. Below the minimum of samples
a check says nothing. An anomaly never lets anything pass: it asks a person, or trips a breaker.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import log10

import msgspec

from ...domain.address import name_of, tenant_of
from ...domain.intent import Approval, Decision, Done, Intent, Past, Verdict
from ..past import VERBS
from . import checks, features
from .budget import AlarmBudget
from .checks import Anomaly
from .learned import Action, Kind
from .limits import PAYLOAD, Limits
from .running import Doing, Running

PLAN = "plan"
"""The label by which a definition or a message says which steps are expected: their names, with commas."""


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How baselines are used.

    Attributes:
        alarms_per_day: how many false alarms a kind of agent may raise; thresholds follow from it.
        minimum: samples before a check says anything.
        repeats: identical calls in a row that are an anomaly while nothing is known of an action yet; 0 for none.
        trip: kinds of anomalies that trip the agent's breaker instead of asking.
        ask: who is asked, for how long, and what happens then.
        notify: who is told.
        agents_most: agents whose present is kept in memory.
    """

    alarms_per_day: float = 1.0
    minimum: int = 50
    repeats: int = 10
    trip: tuple[str, ...] = ()
    ask: Approval = Approval()
    notify: tuple[str, ...] = ()
    agents_most: int = 20_000


class Baselines:
    """See the module; ``Habits`` of the gatekeeper.

    Args:
        settings: see ``Behaviour``.
        frozen: whether nothing is learned from an agent at present.
        trip: called with an agent and the reason when its breaker is to be tripped.
    """

    def __init__(
        self,
        settings: Behaviour | None = None,
        *,
        frozen: Callable[[str], bool] = lambda agent: False,
        trip: Callable[[str, str], None] | None = None,
    ) -> None:
        self.settings = settings or Behaviour()
        self.kinds: dict[str, Kind] = {}
        self.fresh: dict[str, Kind] = {}
        """What was learned since it was last taken away, to be merged with what others learned."""
        self._frozen = frozen
        self._trip = trip
        self._agents: OrderedDict[str, Running] = OrderedDict()
        self._budgets: dict[str, AlarmBudget] = {}
        self._limits: dict[tuple[str, str], Limits] = {}

    # -- judging ------------------------------------------------------------------------------------------------

    def review(self, intent: Intent) -> Decision | None:
        """See ``Habits``: nothing, or an ask with all that is unusual."""
        found = self.judge(intent, intent.past)
        if not found:
            return None
        reasons = tuple(anomaly.why for anomaly in found)
        rules = tuple(f"behaviour.{anomaly.kind}" for anomaly in found)
        if self._trip is not None and any(anomaly.kind in self.settings.trip for anomaly in found):
            self._trip(intent.agent, "; ".join(reasons))
            return Decision(Verdict.HOLD, reasons, rules, notify=self.settings.notify, code="gate.tripped")
        return Decision(Verdict.ASK, reasons, rules, approval=self.settings.ask, notify=self.settings.notify)

    def judge(self, intent: Intent, past: Past | None = None) -> list[Anomaly]:
        """What is unusual about an action, before it happens."""
        if intent.verb not in VERBS or not intent.agent:
            return []
        key, name = kind_of(intent.agent), f"{intent.verb} {intent.name}"
        kind = self.kinds.get(key)
        if kind is None:
            kind = self.kinds[key] = Kind()
        roles = intent.declared.roles
        if roles and name not in kind.roles:
            kind.roles[name] = dict(roles)
        running = self._running(intent.agent, past)
        running.enter(intent.trace or intent.turn)
        arguments = intent.arguments
        body = features.packed(arguments)
        found: list[Anomaly] = []
        budget = self._budget(key)
        action = kind.actions.get(name)
        doing = running.of(name)
        tests = self._novel_action(kind, name, budget, found) + self._repeats(running, action, name, body, found, key)
        if action is not None:
            limits = self._limit(key, name, action, budget.alpha)
            own = self._learners(key, name)
            tests += checks.counts(doing, action, limits, intent.at, own, found, intent.name)
            tests += checks.volumes(action, limits, roles, arguments, len(body), found)
            tests += self._destinations(doing, action, limits, intent, own, budget, found)
        else:
            for span in ("minute", "hour"):
                doing.window(span, intent.at, ()).begun += 1
        if plan := intent.tags.get(PLAN):
            found += checks.plan(plan, intent)
        if tests:
            budget.spend(tests, intent.at)
        return found

    def _novel_action(self, kind: Kind, name: str, budget: AlarmBudget, found: list[Anomaly]) -> int:
        names = kind.names
        if names.total < self.settings.minimum or names.full:
            return 0
        if name not in names.counts and (chance := names.novelty) < budget.alpha:
            why = f"it never did {name!r} in {names.total:,} actions of agents of its kind"
            found.append(Anomaly("novel", -log10(chance), why))
        return 1

    def _repeats(
        self, running: Running, action: Action | None, name: str, body: bytes, found: list[Anomaly], key: str
    ) -> int:
        same, rounds, steps = running.repeats(features.call_of(name, body))
        limits = self._limits.get((key, name)) if action is not None else None
        counts = limits.counts if limits is not None else {}
        most, longest = counts.get("repeats", self.settings.repeats), counts.get("rounds", self.settings.repeats)
        if most and same >= max(most, 3):
            found.append(Anomaly("repeat", checks.score(action, "repeats", same), f"the same call {same} times in a row"))
        if longest and rounds >= max(longest, 3):
            why = f"the same {steps} calls in a loop, {rounds} times"
            found.append(Anomaly("repeat", checks.score(action, "rounds", rounds), why))
        return ("repeats" in counts) + ("rounds" in counts)

    def _destinations(
        self,
        doing: Doing,
        action: Action,
        limits: Limits,
        intent: Intent,
        own: tuple[Action, ...],
        budget: AlarmBudget,
        found: list[Anomaly],
    ) -> int:
        tests = 0
        there = action.destinations
        for where in features.destinations(intent.declared.roles, intent.arguments, intent.to):
            digest = features.digest(where)
            if there.total >= self.settings.minimum and not there.full:
                tests += 1
                if digest not in there.counts and (chance := there.novelty) < budget.alpha:
                    why = f"{intent.name} never went to {features.shown(where)} in {there.total:,} times"
                    found.append(Anomaly("novel", -log10(chance), why))
            most = limits.counts.get("reach")
            if most is not None:
                tests += 1
                reach = doing.destinations(intent.at, own)
                count = reach.count + (not reach.has(digest))
                if count >= max(most, doing.reached.bar):
                    doing.reached.asked = True
                    doing.reached.begun = count
                    score = checks.score(action, "reach", count)
                    found.append(Anomaly("reach", score, f"{intent.name} went to {count:,} different destinations today"))
        return tests

    # -- learning -----------------------------------------------------------------------------------------------

    def learn(self, agent: str, done: Done) -> None:
        """An allowed action has happened."""
        if done.verb not in VERBS or self._frozen(agent):
            return
        key, name = kind_of(agent), f"{done.verb} {done.name}"
        pair = self._pair(key)
        if not pair[0].knows(name):
            pair[0].names.add(name)
            pair[1].names.add(name)
            return
        own = self._learners(key, name)
        running = self._running(agent, None)
        running.enter(done.trace or done.turn)
        arguments = done.arguments
        body = features.packed(arguments)
        roles = pair[0].roles.get(name, {})
        running.call(features.call_of(name, body), name, lambda last: self._learners(key, last))
        doing = running.of(name)
        for span in ("minute", "hour"):
            window = doing.window(span, done.at, own)
            window.allowed()
        checks.settle_drift(doing)
        places = [features.digest(where) for where in features.destinations(roles, arguments, done.to)]
        if places:
            reach = doing.destinations(done.at, own)
            for digest in places:
                reach.add(digest)
            doing.reached.allowed()
            doing.reached.done = reach.count
        values = list(features.values(roles, arguments))
        for kind, action in zip(pair, own, strict=True):
            kind.seen(done.at)
            kind.names.add(name)
            action.n += 1
            action.volume(PAYLOAD).add(float(len(body)))
            for arg, value in values:
                action.volume(arg).add(value)
            for digest in places:
                action.destinations.add(digest)

    # -- keeping ------------------------------------------------------------------------------------------------

    def take_fresh(self) -> dict[str, bytes]:
        """What was learned since the last time, by kind of agent, to be merged into what is kept for all workers."""
        fresh, self.fresh = self.fresh, {}
        for key, kind in fresh.items():
            kind.roles = self.kinds[key].roles
        return {key: kind.encode() for key, kind in fresh.items()}

    def put_back(self, taken: dict[str, bytes]) -> None:
        """What was taken could not be kept: it will be taken again."""
        for key, body in taken.items():
            kind = Kind.decode(body)
            kind.merge(self.fresh.get(key, Kind()))
            self.fresh[key] = kind

    def know(self, key: str, body: bytes) -> None:
        """What all workers learned of a kind of agent; what this one learned since it last gave away comes on top."""
        kind = Kind.decode(body)
        kind.merge(self.fresh.get(key, Kind()))
        if (before := self.kinds.get(key)) is not None:
            kind.roles = {**before.roles, **kind.roles}
        self.kinds[key] = kind
        for known in [one for one in self._limits if one[0] == key]:
            del self._limits[known]

    # -- parts --------------------------------------------------------------------------------------------------

    def _pair(self, key: str) -> tuple[Kind, Kind]:
        known = self.kinds.get(key)
        if known is None:
            known = self.kinds[key] = Kind()
        fresh = self.fresh.get(key)
        if fresh is None:
            fresh = self.fresh[key] = Kind()
        return known, fresh

    def _learners(self, key: str, name: str) -> tuple[Action, Action]:
        known, fresh = self._pair(key)
        return known.action(name), fresh.action(name)

    def _running(self, agent: str, past: Past | None) -> Running:
        running = self._agents.get(agent)
        if running is None:
            running = self._agents[agent] = Running()
            if len(self._agents) > self.settings.agents_most:
                self._agents.popitem(last=False)
            for done in past or ():
                self._recall(running, agent, done)
        else:
            self._agents.move_to_end(agent)
        return running

    def _recall(self, running: Running, agent: str, done: Done) -> None:
        """What an agent did before this worker had it counts for its windows; it was learned when it happened."""
        name = f"{done.verb} {done.name}"
        running.enter(done.trace or done.turn)
        running.call(features.call_of(name, features.packed(done.arguments)), name, lambda last: ())
        doing = running.of(name)
        for span in ("minute", "hour"):
            window = doing.window(span, done.at, ())
            window.begun += 1
            window.done += 1

    def _budget(self, key: str) -> AlarmBudget:
        budget = self._budgets.get(key)
        if budget is None:
            budget = self._budgets[key] = AlarmBudget(self.settings.alarms_per_day)
        return budget

    def _limit(self, key: str, name: str, action: Action, alpha: float) -> Limits:
        found = self._limits.get((key, name))
        if found is None or found.stale(action, alpha):
            found = self._limits[key, name] = Limits(action, alpha, self.settings.minimum)
        return found


def kind_of(agent: str) -> str:
    """Whose habits an agent has: those of its definition within its tenant."""
    return f"{tenant_of(agent)}/{name_of(agent)}"


__all__ = ["PLAN", "Anomaly", "Baselines", "Behaviour", "kind_of"]
