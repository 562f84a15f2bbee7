"""What a commit is refused with, in words."""

from __future__ import annotations

from ...domain.errors import Conflict, HoldfastError, LimitExceeded
from ...ports.store import Lease


def lost(lease: Lease, reason: str = "taken") -> HoldfastError:
    """The lease is stale, its session is over, or the journal does not end where the commit goes on."""
    what = {
        "taken": f"Another worker may hold {lease.address} now, or this worker's session is over",
        "gap": f"The journal of {lease.address} does not end where this commit goes on",
    }[reason]
    return Conflict(
        "lease.lost",
        f"{what}; what this worker still wanted to write was refused. Take the agent again and go on from its journal.",
        address=lease.address,
        reason=reason,
    )


def duplicate(address: str, key: str, id: int) -> HoldfastError:
    """The receiver knows the key."""
    return Conflict(
        "message.duplicate",
        f"{address} has a message with the key {key!r} already; it was not delivered twice. The first one's id is {id}: "
        "read its outcome instead of sending again.",
        id=id,
        address=address,
        key=key,
    )


def retired(address: str) -> HoldfastError:
    """The receiver has retired for good."""
    return Conflict(
        "agent.retired",
        f"{address} has retired and takes no more messages. Address another key, or make it active again first.",
        address=address,
    )


def full(address: str, limit: int) -> HoldfastError:
    """The receiver has as many queued requests as it may."""
    return LimitExceeded(
        "mailbox.full",
        f"The mailbox of {address} holds {limit} messages already. Send more slowly, spread the work over more keys, or "
        "raise limits.mailbox_depth.",
        address=address,
        limit=limit,
    )
