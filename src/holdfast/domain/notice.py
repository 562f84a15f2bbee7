"""Notices: what people want to be told of, as a value that any room can make and one of the system's agents delivers."""

from __future__ import annotations

from typing import Any

import msgspec

NOTIFIER = "holdfast.notifier"
"""The agent that delivers; one for each notice, and one for each notice and receiver."""
HEAR = "hear"
KIND = "Notifier"
"""The kind of resource that says who is told of what."""

ASKED, ESCALATED = "approval.asked", "approval.escalated"
TRIPPED, RESET = "breaker.tripped", "breaker.reset"
KILLED, SPENT, DEAD = "agent.killed", "budget.spent", "message.dead"
EVENTS = (ASKED, ESCALATED, TRIPPED, RESET, KILLED, SPENT, DEAD)


class Notice(msgspec.Struct, frozen=True):
    """One event.

    Attributes:
        id: the same whoever tells of it, so that it is delivered once.
        type: one of ``EVENTS``.
        tenant: whose it is; ``""`` for the whole installation.
        subject: what it is about: an agent's address, a breaker's name, ...
        text: one line for people.
        at: milliseconds since 1970.
        data: what happened, as JSON has it.
    """

    id: str
    type: str
    tenant: str
    subject: str
    text: str
    at: int
    data: dict[str, Any] = {}
