"""Several answers to one action as one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..domain.intent import ALLOW, Approval, Decision


def both(one: Decision, other: Decision) -> Decision:
    """Two answers to the same action as one: the stronger verdict, all reasons, what both want changed, counted and told.
    ``other`` came after the changes of ``one``."""
    if other is ALLOW:
        return one
    first, second = (one, other) if one.verdict >= other.verdict else (other, one)
    return msgspec.structs.replace(
        first,
        reasons=(*first.reasons, *second.reasons),
        rules=(*first.rules, *second.rules),
        args=one.args if other.args is None else other.args,
        before=other.before if one.args is None else one.before,
        approval=first.approval or second.approval,
        counts=(*first.counts, *second.counts),
        notify=tuple(dict.fromkeys((*first.notify, *second.notify))),
        judge=first.judge or second.judge,
        simulate=first.simulate or second.simulate,
        vouched={**second.vouched, **first.vouched} if second.vouched else first.vouched,
    )


def together(approvals: Sequence[Approval]) -> Approval:
    """One question for several rules that ask: whoever answers has to be somebody that each of them accepts.

    Raises ``ValueError`` if there can be nobody, because two rules want different groups."""
    first = approvals[0]
    for other in approvals[1:]:
        if first == other:
            continue
        to = first.to if not other.to else other.to if not first.to else tuple(t for t in first.to if t in other.to)
        if first.to and other.to and not to:
            raise ValueError(f"nobody is both in {', '.join(first.to)} and in {', '.join(other.to)}, and each is wanted")
        first = Approval(
            first.question or other.question,
            to,
            max(first.needed, other.needed),
            min((s for s in (first.seconds, other.seconds) if s), default=0.0),
            "allow" if first.default == other.default == "allow" else "deny",
            tuple(dict.fromkeys((*first.escalate, *other.escalate))),
        )
    return first


__all__ = ["both", "together"]
