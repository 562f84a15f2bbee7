"""``Gate`` is the place where actions are judged. This one allows everything; ``gatekeeper`` has the one that judges.

A review is synchronous, costs microseconds, and is pure given its inputs: a replay never asks again.
"""

from __future__ import annotations

from typing import Any

from ..domain.errors import Rejected
from ..domain.intent import ALLOW, Decision, Done, Intent


class Gate:
    """Judges intents; made to be derived from.

    Attributes:
        tracks: whether turns have to keep what they read, value by value, for ``Intent.sources``.
        stopping: whether anything is held at present, so that ``held`` is worth asking.
    """

    tracks: bool = False
    stopping: bool = False

    def review(self, intent: Intent) -> Decision:
        """The decision on one intent. Must not block, wait or raise."""
        return ALLOW

    def attends(self, agent: str, to: str) -> bool:
        """Whether it has anything to judge about this agent's acts (towards ``to``) now. False spares making an intent
        that would be allowed anyway; it is asked for every step, so it may cost nothing."""
        return True

    def looks_back(self, verb: str, name: str) -> bool:
        """Whether judging such an action needs ``Intent.past``."""
        return False

    def looks_into(self, verb: str, name: str) -> bool:
        """Whether judging such an action looks at what is in it. False spares putting a whole prompt before it."""
        return False

    def held(self, address: str) -> bool:
        """Whether a kill switch holds this agent: none of its turns may go on."""
        return False

    def holds(self, address: str, now: int) -> Decision | None:
        """Why a kill switch holds this agent at a moment (milliseconds), for whoever will not wait; None if none does."""
        return None

    def learn(self, agent: str, done: Done) -> None:
        """An allowed action has happened."""


class AllowAll(Gate):
    """Allows every intent."""


def refuse(intent: Intent, decision: Decision) -> Rejected:
    """The error for an intent that was not allowed."""
    who = intent.agent or intent.sender or "a caller"
    told = f"The gate denied {intent.verb} {intent.name!r} of {who}"
    return refusal_of(decision, told, verb=intent.verb, name=intent.name, at=intent.at)


def refusal_of(decision: Decision, told: str, *, at: int = 0, **details: Any) -> Rejected:
    """A decision against something as the error it is. ``at`` (milliseconds) is when it was judged."""
    why = "; ".join(decision.reasons) or "no reason given"
    if at and decision.until > at:
        details["retry_seconds"] = (decision.until - at) / 1000
    return Rejected(decision.code, f"{told}: {why}", rules=list(decision.rules), **details)
