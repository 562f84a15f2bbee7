"""What a commit is refused with, in words."""

from __future__ import annotations

from typing import Any

from ...domain.errors import Conflict, HoldfastError, LimitExceeded
from ...ports.store import Lease, Send


def lost(lease: Lease, reason: str = "taken") -> HoldfastError:
    """The lease is stale, its session is dead, or the journal does not end where the commit thinks."""
    what = {
        "taken": f"Another worker may hold {lease.address} now, or this worker's session was declared dead",
        "gap": f"The journal of {lease.address} does not end where this commit goes on",
    }[reason]
    return Conflict(
        "lease.lost",
        f"{what}; what this worker still wanted to write was refused. Take the agent again and go on from its journal.",
        address=lease.address,
        reason=reason,
    )


def send_refused(send: Send, verdict: dict[str, Any], limit: int) -> HoldfastError:
    """A message that its receiver cannot take."""
    to, key = send.message.to, send.message.key
    if verdict["code"] == "message.duplicate":
        return Conflict(
            "message.duplicate",
            f"{to} has a message with the key {key!r} already; it was not delivered twice. The first one's id is "
            f"{verdict['id']}: read its outcome instead of sending again.",
            id=verdict["id"],
            address=to,
            key=key,
        )
    if verdict["code"] == "agent.retired":
        return Conflict(
            "agent.retired",
            f"{to} has retired and takes no more messages. Address another key, or make it active again first.",
            address=to,
        )
    return LimitExceeded(
        "mailbox.full",
        f"The mailbox of {to} holds {limit} messages already. Send more slowly, spread the work over more keys, or raise "
        "limits.mailbox_depth.",
        address=to,
        limit=limit,
    )
