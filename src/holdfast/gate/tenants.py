"""``Tenants``: nothing that an agent does leaves its tenant, and no agent talks to those that Holdfast itself is made of.

A token would make somebody else of whoever could set it, and whoever could answer an approval would need none.

It stands before every other judge, because it is what the others rest on: a policy that allows everything does not open a
tenant.
"""

from __future__ import annotations

from ..domain.address import is_builtin, name_of
from ..domain.intent import Decision, Done, Intent, Verdict
from .review import Gate


class Tenants(Gate):
    """See the module."""

    def __init__(self, inner: Gate) -> None:
        self.inner = inner

    @property
    def tracks(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """See ``Gate``."""
        return self.inner.tracks

    @property
    def stopping(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """See ``Gate``."""
        return self.inner.stopping

    def review(self, intent: Intent) -> Decision:
        """See ``Gate``."""
        to = intent.to
        if to and intent.agent and to.count("/") == 2:
            if not to.startswith(intent.agent[: intent.agent.index("/") + 1]):
                reason = f"{intent.agent} and {to} are of different tenants, and tenants are apart"
                return Decision(Verdict.DENY, (reason,), ("holdfast.tenants",), code="tenant.crossed")
            if is_builtin(to) and not is_builtin(intent.agent):
                reason = f"{name_of(to)} takes its orders from operations, not from agents"
                return Decision(Verdict.DENY, (reason,), ("holdfast.reserved",), code="agent.reserved")
        return self.inner.review(intent)

    def attends(self, agent: str, to: str) -> bool:
        """See ``Gate``."""
        if to and to.count("/") == 2 and (not to.startswith(agent[: agent.index("/") + 1]) or is_builtin(to)):
            return True
        return self.inner.attends(agent, to)

    def looks_back(self, verb: str, name: str) -> bool:
        """See ``Gate``."""
        return self.inner.looks_back(verb, name)

    def looks_into(self, verb: str, name: str) -> bool:
        """See ``Gate``."""
        return self.inner.looks_into(verb, name)

    def held(self, address: str) -> bool:
        """See ``Gate``."""
        return self.inner.held(address)

    def holds(self, address: str, now: int) -> Decision | None:
        """See ``Gate``."""
        return self.inner.holds(address, now)

    def learn(self, agent: str, done: Done) -> None:
        """See ``Gate``."""
        self.inner.learn(agent, done)


__all__ = ["Tenants"]
