"""``Gate`` is the place where actions are judged. Here the only judge allows everything; policies come on top.

A review is synchronous, costs microseconds, and is pure given its inputs: a replay never asks again.
"""

from __future__ import annotations

from typing import Protocol

from ..domain.errors import Rejected
from ..domain.intent import ALLOW, Decision, Intent


class Gate(Protocol):
    """Judges intents."""

    def review(self, intent: Intent) -> Decision:
        """The decision on one intent. Must not block, wait or raise."""
        ...


class AllowAll:
    """Allows every intent."""

    def review(self, intent: Intent) -> Decision:
        """Allow."""
        return ALLOW


def refuse(intent: Intent, decision: Decision) -> Rejected:
    """The error for an intent that was not allowed."""
    why = "; ".join(decision.reasons) or "no reason given"
    return Rejected(
        "gate.denied",
        f"The gate denied {intent.verb} {intent.name!r} of {intent.agent or intent.sender or 'a caller'}: {why}.",
        verb=intent.verb,
        name=intent.name,
        rules=list(decision.rules),
    )
