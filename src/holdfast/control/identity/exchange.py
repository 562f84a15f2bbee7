"""Delegation (RFC 8693): a token with which somebody acts for somebody else. Pure.

Whoever is there already stays in the chain, scopes only ever narrow, and nobody appears twice: authority handed on in a
circle would come back with a longer story and the same power.
"""

from __future__ import annotations

import msgspec

from ...domain.address import tenant_of
from ...domain.errors import LimitExceeded, Rejected
from ...domain.principal import EVERY_TENANT, Principal, crossed


def delegated(subject: Principal, actor: Principal, depth: int, scopes: frozenset[str] | None = None) -> Principal:
    """The principal that ``actor`` is when it acts for ``subject``. Raises ``Rejected(delegation.cyclic)``,
    ``LimitExceeded(delegation.too_deep)``, ``Rejected(delegation.owner)``, ``Rejected(tenant.crossed)``."""
    if "anonymous" in (subject.kind, actor.kind):
        raise Rejected("delegation.owner", "Nobody in particular cannot act for others, or have others act for them.")
    there = (subject.subject, *subject.act)
    if actor.act:
        raise Rejected(
            "delegation.cyclic",
            f"{actor.actor} acts for others already. Whoever takes up a task shows a token of its own, and the token of the "
            "task beside it.",
        )
    if actor.subject in there:
        raise Rejected(
            "delegation.cyclic",
            f"{actor.subject} is in the chain already ({' → '.join(there)}): it acts for itself.",
            chain=list(there),
        )
    if len(subject.act) >= depth:
        raise LimitExceeded(
            "delegation.too_deep",
            f"{len(subject.act)} act for one another already, and {depth} is the limit. Let {there[-1]} do it itself.",
            chain=list(there),
            limit=depth,
        )
    if not actor.reaches(tenant_of(subject.subject)):
        raise crossed(actor.subject, tenant_of(subject.subject))
    wanted = subject.scopes if scopes is None else subject.narrowed(scopes)
    return msgspec.structs.replace(
        subject,
        scopes=actor.narrowed(wanted),
        act=(*subject.act, actor.subject),
        tags={**subject.tags, **actor.tags},
        tenant=subject.tenant if actor.tenant == EVERY_TENANT else subject.home,
        owner=False,
    )


__all__ = ["delegated"]
