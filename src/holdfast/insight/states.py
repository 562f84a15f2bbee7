"""The distinct states of an agent as a supervisor tells them apart, and how one is read off its standing."""

from __future__ import annotations

from ..ports.feed import Standing
from ..turn.waiting import APPROVAL

STATES = (
    "approval",
    "input",
    "failed",
    "stuck",
    "working",
    "queued",
    "provider",
    "tools",
    "agent",
    "event",
    "retry",
    "sleeping",
    "paused",
    "finished",
    "idle",
    "retired",
)
"""In the order in which they need a person. ``agent``: waits for another agent; ``provider``: for a vendor of models;
``tools``: for a server of tools; ``failed``: has dead letters; ``finished``: its last turn ended and nobody has looked."""

NEEDS_PERSON = frozenset({"approval", "input", "failed", "stuck"})
QUIET = frozenset({"idle", "retired"})

_WAITING = {
    "diverged": "stuck",
    "provider": "provider",
    "source": "tools",
    "call": "agent",
    "wait": "event",
    "run": "retry",
    "sleep": "sleeping",
}


def state_of(at: Standing, read_until: int) -> str:
    """The one state that says most. ``read_until``: what ended up to then somebody has seen."""
    if at.mode != "active":
        return at.mode
    if at.verb == "ask":
        return "approval" if at.name == APPROVAL else "input"
    if at.verb == "diverged":
        return "stuck"
    if at.running:
        return "working"
    if at.parked:
        return _WAITING.get(at.verb, "working")
    if at.dead:
        return "failed"
    if at.queued:
        return "queued"
    return "finished" if at.ended > read_until else "idle"


__all__ = ["NEEDS_PERSON", "QUIET", "STATES", "state_of"]
