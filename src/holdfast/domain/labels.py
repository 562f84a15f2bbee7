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
UNTRUSTED = "untrusted"
"""What nobody vouches for: it may carry instructions of strangers."""

NONE: frozenset[str] = frozenset()


def join(left: frozenset[str], right: tuple[str, ...] | frozenset[str]) -> frozenset[str]:
    """What a value made from both carries. Returns ``left`` itself when nothing is added, so the hot path allocates
    nothing."""
    if not right or left.issuperset(right):
        return left
    return left.union(right)


def of_agent(address: str) -> str:
    """The label of data that another agent sent."""
    return f"{AGENT}:{address}"


def of_step(name: str) -> str:
    """The label of data that a step's function returned."""
    return f"{STEP}:{name}"
