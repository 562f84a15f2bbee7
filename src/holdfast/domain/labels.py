"""Labels: provenance that a value carries, as short strings ``source:detail``.

This file only names the well-known sources; which of them are trusted is the gate's business.
"""

from __future__ import annotations

USER = "user"
AGENT = "agent"
STEP = "run"
EVENT = "event"
PERSON = "person"
MODEL = "model:"
POLICY = "policy"
UNTRUSTED = "untrusted"
"""What nobody vouches for: it may carry instructions of strangers."""

QUARANTINE = "quarantine:"
"""Made by a model without tools out of what nobody vouches for: few values of closed types, but a stranger's choice."""
SEALED = "sealed"
"""Nobody has read it, neither a handler nor a model that can act: it is kept as it is, and whoever is handed it carries its
other labels."""

NONE: frozenset[str] = frozenset()


def join(left: frozenset[str], right: tuple[str, ...] | frozenset[str]) -> frozenset[str]:
    """What a value made from both carries. Returns ``left`` itself when nothing is added, so the hot path allocates
    nothing."""
    if not right or left.issuperset(right):
        return left
    return left.union(right)


def read(left: frozenset[str], right: tuple[str, ...] | frozenset[str]) -> frozenset[str]:
    """What a turn carries when it has got a value with these labels: what is sealed it has not read."""
    return left if SEALED in right else join(left, right)


def opened(labels: tuple[str, ...] | frozenset[str]) -> tuple[str, ...]:
    """The labels of a sealed value for whoever reads it."""
    return tuple(label for label in labels if label != SEALED)


def of_agent(address: str) -> str:
    """The label of data that another agent sent."""
    return f"{AGENT}:{address}"


def of_quarantine(name: str) -> str:
    """The label of what a quarantined model said about data of this name."""
    return f"{QUARANTINE}{name}"


def of_step(name: str) -> str:
    """The label of data that a step's function returned."""
    return f"{STEP}:{name}"
