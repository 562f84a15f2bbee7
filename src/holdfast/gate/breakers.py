"""Breakers and kill switches: what is switched off, whoever asks and whatever the rules say.

A breaker is **open** (nothing passes), **half-open** (one action may pass, to see whether it goes well again) or **closed**.
What an open one does depends on what it is for: calls of a tool and messages to a destination are denied, so that the agent
can do something else; agents, tenants and the whole system are held: their turns leave memory before the next effect, and
nothing is lost. ``kill`` is for turns that must never go on.

Judging is looking up: a handful of dictionaries, none of which is touched while nothing is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ..domain.address import is_builtin, name_of, tenant_of
from ..domain.intent import Count, Decision, Done, Intent, Verdict

SCOPES = ("system", "tenant", "definition", "agent", "tool", "destination")
HELD = frozenset(("system", "tenant", "definition", "agent"))
"""Scopes whose turns are held rather than denied."""
ACTIONS = ("deny", "hold", "kill")
TRIPS = "breaker:"
"""A rule that notifies ``breaker:agent`` (or another scope) trips that one: of the agent, or of what its action touches."""
_PROBE_MS = 60_000
_PROBES = 1_000


class Breaker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One breaker that is not closed; a closed one is none.

    Attributes:
        scope: system, tenant, definition, agent, tool or destination.
        what: which one: a tenant's name, ``tenant/name``, a full address, a tool's name, a destination as it is written.
        tenant: of a tool or a destination: whose actions it is for; ``""`` for everybody's.
        action: deny, hold or kill.
        reason: in words; ``by``: the person, the rule or the anomaly that tripped it; ``at``: when (milliseconds).
        probe_at: from then on it is half-open; 0 if only people close it.
    """

    scope: str
    what: str = ""
    tenant: str = ""
    action: str = "hold"
    reason: str = ""
    by: str = ""
    at: int = 0
    probe_at: int = 0

    @property
    def name(self) -> str:
        """What it is known by."""
        return f"{self.scope}:{self.what}" if self.what else self.scope

    def state(self, now: int) -> str:
        """open or half-open."""
        return "half-open" if self.probe_at and now >= self.probe_at else "open"


class Breakers:
    """``Switches`` of the gatekeeper.

    Args:
        probed: called with a breaker and whether its one action went well; whoever keeps breakers closes it, or opens it
            anew.
        wanted: called with a breaker that a rule wants tripped.
    """

    def __init__(
        self,
        probed: Callable[[Breaker, bool], None] = lambda breaker, good: None,
        wanted: Callable[[Breaker], None] = lambda breaker: None,
    ) -> None:
        self._probed = probed
        self._wanted = wanted
        self._system: Breaker | None = None
        self._by: dict[str, dict[str, list[Breaker]]] = {}
        self._probes: dict[tuple[str, str, str], Breaker] = {}
        self._trying = False
        self.all: tuple[Breaker, ...] = ()

    def replace(self, breakers: Iterable[Breaker]) -> None:
        """These, and no others, from now on."""
        self.all = tuple(breakers)
        by: dict[str, dict[str, list[Breaker]]] = {}
        self._system = None
        self._trying = any(breaker.probe_at for breaker in self.all)
        for breaker in self.all:
            if breaker.scope == "system":
                self._system = breaker
            else:
                by.setdefault(breaker.scope, {}).setdefault(breaker.what, []).append(breaker)
        self._by = by
        there = set(self.all)
        self._probes = {key: breaker for key, breaker in self._probes.items() if breaker in there}

    # -- judging ------------------------------------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether any is."""
        return bool(self.all)

    @property
    def stopping(self) -> bool:
        """Whether any agent is held by one of these."""
        return self._system is not None or not HELD.isdisjoint(self._by)

    @property
    def trying(self) -> bool:
        """Whether anything is, or will be, tried again: then how actions went has to be told."""
        return self._trying

    def held(self, address: str) -> bool:
        """Whether an agent's turns may not go on. The system's own agents may: they are what switches on again."""
        found = self._holding(address)
        return found is not None and not found.probe_at

    def holds(self, address: str, now: int) -> Decision | None:
        """See ``Gate``."""
        found = self._holding(address)
        return _closed(found, now) if found is not None and not found.probe_at else None

    def judge(self, intent: Intent) -> Decision | None:
        """Nothing, unless something that concerns this action is open."""
        if not self.all:
            return None
        agent = intent.agent
        if (found := self._holding(agent)) is not None:
            return self._answer(found, intent)
        for scope, what in _touched(intent):
            for breaker in self._by.get(scope, {}).get(what, ()):
                if not breaker.tenant or not agent or breaker.tenant == tenant_of(agent):
                    return self._answer(breaker, intent)
        return None

    def frozen(self, agent: str) -> bool:
        """Whether nothing is to be learned from an agent: it is switched off, or on trial."""
        return self._holding(agent) is not None

    def _holding(self, address: str) -> Breaker | None:
        if is_builtin(address):
            return None
        if self._system is not None:
            return self._system
        by = self._by
        if not by or not address:
            return None
        tenant = tenant_of(address)
        for scope, what in (("agent", address), ("definition", f"{tenant}/{name_of(address)}"), ("tenant", tenant)):
            if (there := by.get(scope)) is not None and (found := there.get(what)) is not None:
                return found[0]
        return None

    def _answer(self, breaker: Breaker, intent: Intent) -> Decision:
        off = _closed(breaker, intent.at)
        if breaker.state(intent.at) == "open":
            return off
        self._probes[intent.agent, intent.trace, intent.name] = breaker  # its turn may have no number yet
        if len(self._probes) > _PROBES:  # most of them were not the one
            del self._probes[next(iter(self._probes))]
        # counted in the store: of all workers, one lets one action pass
        [told], [rule] = off.reasons, off.rules
        once = Count(f"{rule} {breaker.at}", 1.0, 1.0, _PROBE_MS, off.verdict, told)
        return Decision(
            Verdict.ALLOW, (f"{breaker.name} is tried again",), (rule,), counts=(once,), code="gate.breaker_open"
        )

    # -- rules --------------------------------------------------------------------------------------------------

    def told(self, intent: Intent, decision: Decision) -> None:
        """What a decision notifies: is it one of these?"""
        for name in decision.notify:
            scope = name.removeprefix(TRIPS)
            if scope == name or scope not in SCOPES:
                continue
            held = scope in HELD
            why, by = "; ".join(decision.reasons), "; ".join(decision.rules)
            tenant = tenant_of(intent.agent) if intent.agent else ""
            for what in _concerned(intent, scope, tenant):
                self._wanted(
                    Breaker(
                        scope=scope,
                        what=what,
                        tenant="" if held else tenant,
                        action="hold" if held else "deny",
                        reason=why,
                        by=by,
                        at=intent.at,
                    )
                )

    # -- trying again -------------------------------------------------------------------------------------------

    def learn(self, agent: str, done: Done) -> None:
        """An action has happened: was it the one that a half-open breaker waits for?"""
        if self._probes and (breaker := self._probes.pop((agent, done.trace, done.name), None)) is not None:
            self._probed(breaker, not done.failed)


def _closed(breaker: Breaker, now: int) -> Decision:
    """What an open breaker says of everything that it concerns."""
    why = breaker.reason or "no reason given"
    told = f"{breaker.name} is switched off: {why}{f' (by {breaker.by})' if breaker.by else ''}"
    verdict = Verdict.DENY if breaker.action == "deny" else Verdict.HOLD
    until = breaker.probe_at if breaker.probe_at > now else 0
    return Decision(verdict, (told,), (f"breaker {breaker.name}",), code="gate.breaker_open", until=until)


def _concerned(intent: Intent, scope: str, tenant: str) -> list[str]:
    """Which ones of a scope an action concerns."""
    if scope == "system":
        return [""]
    if scope in HELD:
        whose = {"tenant": tenant, "definition": f"{tenant}/{name_of(intent.agent)}", "agent": intent.agent}
        return [whose[scope]] if intent.agent else []
    return [what for of, what in _touched(intent) if of == scope and what]


def _touched(intent: Intent) -> Iterable[tuple[str, str]]:
    """What an action touches besides its agent."""
    yield "tool", intent.name
    if intent.to:
        yield "destination", intent.to
    roles = intent.declared.roles
    if roles:
        arguments: Any = intent.arguments
        for name, role in roles.items():
            if role == "destination":
                value = arguments.get(name)
                for one in value if isinstance(value, list | tuple) else (value,):  # pyright: ignore[reportUnknownVariableType]
                    if isinstance(one, str):
                        yield "destination", one


__all__ = ["ACTIONS", "HELD", "SCOPES", "TRIPS", "Breaker", "Breakers"]
