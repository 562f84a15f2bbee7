"""``Gatekeeper``: the gate with judges in it, cheapest and strongest first.

    breakers      what is switched off, for everybody or for one           -> deny, hold
    plan          whether it is in the plan of a turn that has one          -> ask, deny
    rules         policies that people wrote                                -> any
    destinations  where something goes, and whether anybody vouches for it  -> ask
    behaviour     what is unusual for this agent                            -> ask, or trips a breaker
    grants        similar actions that people let through beforehand        -> lift an ask

Each is optional and replaced as a whole when its resources change; of several answers the strongest counts, and all reasons
are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from ..domain.intent import ALLOW, Decision, Done, Intent, Verdict
from . import destinations, plan
from .answers import both
from .grants import Grants
from .prompts import Seen
from .review import Gate


class Rules(Protocol):
    """Policies; ``gate.rules`` has them."""

    def decide(self, intent: Intent) -> Decision: ...
    def needs_past(self, verb: str, name: str) -> bool: ...
    @property
    def empty(self) -> bool: ...
    def looks_into(self, verb: str, name: str) -> bool: ...
    @property
    def needs_sources(self) -> bool: ...


class Switches(Protocol):
    """Breakers and kill switches; ``gate.breakers`` has them."""

    @property
    def stopping(self) -> bool: ...
    @property
    def trying(self) -> bool: ...
    @property
    def open(self) -> bool: ...
    def judge(self, intent: Intent) -> Decision | None: ...
    def held(self, address: str) -> bool: ...
    def holds(self, address: str, now: int) -> Decision | None: ...
    def told(self, intent: Intent, decision: Decision) -> None: ...
    def learn(self, agent: str, done: Done) -> None: ...


class Habits(Protocol):
    """Baselines of behaviour; ``gate.behaviour`` has them."""

    def review(self, intent: Intent) -> Decision | None: ...
    def learn(self, agent: str, done: Done) -> None: ...


Plugin = Callable[[Intent], Decision | None]


class Gatekeeper(Gate):
    """See the module. ``tracks`` False keeps what turns read only while a rule looks at it."""

    def __init__(
        self,
        *,
        rules: Rules | None = None,
        switches: Switches | None = None,
        habits: Habits | None = None,
        plugins: tuple[Plugin, ...] = (),
        grants: Grants | None = None,
        tracks: bool = True,
    ) -> None:
        self._tracks = tracks
        self.rules = rules
        self.switches = switches
        self.habits = habits
        self.plugins = plugins
        self.grants = grants or Grants()

    @property
    def tracks(self) -> bool:  # type: ignore[override]
        """See ``Gate``."""
        return self._tracks or (self.rules is not None and self.rules.needs_sources)

    @property
    def stopping(self) -> bool:  # type: ignore[override]
        """See ``Gate``."""
        return self.switches is not None and self.switches.stopping

    def held(self, address: str) -> bool:
        """See ``Gate``."""
        return self.switches is not None and self.switches.held(address)

    def holds(self, address: str, now: int) -> Decision | None:
        """See ``Gate``."""
        return self.switches.holds(address, now) if self.switches is not None else None

    def attends(self, agent: str, to: str) -> bool:
        """See ``Gate``."""
        if self.habits is not None or self.plugins or (self.switches is not None and self.switches.open):
            return True
        return self.rules is not None and not self.rules.empty

    def looks_back(self, verb: str, name: str) -> bool:
        """See ``Gate``."""
        if self.habits is not None or (self.switches is not None and self.switches.trying):
            return True
        return self.rules is not None and self.rules.needs_past(verb, name)

    def looks_into(self, verb: str, name: str) -> bool:
        """See ``Gate``."""
        return bool(self.plugins) or (self.rules is not None and self.rules.looks_into(verb, name))

    def review(self, intent: Intent) -> Decision:
        """See ``Gate``."""
        try:
            decision = self._review(intent)
            if decision.notify and self.switches is not None:
                self.switches.told(intent, decision)
            return decision
        except Exception as error:  # a judge that fails lets nothing pass
            return Decision(
                Verdict.DENY, (f"the gate failed: {type(error).__name__}: {error}",), ("gate",), code="gate.error"
            )

    def _review(self, intent: Intent) -> Decision:
        switches, decision = self.switches, ALLOW
        if switches is not None and (found := switches.judge(intent)) is not None:
            if found.verdict is not Verdict.ALLOW:
                return found
            decision = found  # one action on trial: whatever else judges it still does
        if self.rules is not None:
            decision = stronger(decision, self.rules.decide(intent))
        if decision.verdict >= Verdict.DENY:
            return decision
        for plugin in self.plugins:
            decision = stronger(decision, plugin(intent))
        if intent.planned is not None:
            decision = stronger(decision, plan.judge(intent))
        if intent.declared.roles:
            decision = stronger(decision, destinations.judge(intent, decision.vouched))
        if self.habits is not None:
            known = intent
            if isinstance(intent.args, Seen):  # habits are learned from the journal, which has no prompts
                known = msgspec.structs.replace(intent, args=intent.args.facts)
            decision = stronger(decision, self.habits.review(known))
        return self.grants.lift(intent, decision) if decision.verdict == Verdict.ASK else decision

    def learn(self, agent: str, done: Done) -> None:
        """See ``Gate``."""
        if self.switches is not None:
            self.switches.learn(agent, done)
        if self.habits is not None:
            self.habits.learn(agent, done)


def stronger(one: Decision, other: Decision | None) -> Decision:
    """Two answers as one (``both``). Raises ``ValueError`` if both change the arguments: neither knew of it."""
    if other is None or other is ALLOW:
        return one
    if one is ALLOW:
        return other
    if one.args is not None and other.args is not None:
        raise ValueError(f"{' and '.join((*one.rules, *other.rules))} both change the arguments")
    return both(one, other)


__all__ = ["Gatekeeper", "Habits", "Plugin", "Rules", "Switches", "stronger"]
