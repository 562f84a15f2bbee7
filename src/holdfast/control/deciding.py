"""Operations around what the gate said of late: which actions it did not simply let pass, and why."""

from __future__ import annotations

import msgspec

from ..domain.address import tenant_of
from ..domain.errors import Rejected
from ..domain.principal import Principal
from ..insight.decided import OUTCOMES, Sought, look
from ..mailbox.worker import Worker
from ..ports.store import Store
from .policy_views import DecisionsView, DecisionView
from .registry import operation

_MOST = 500


class DecisionOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    principal: Principal

    @operation(
        path="GET /decisions",
        command="decisions",
        changes=False,
        errors=("tenant.crossed",),
        next=(("why", "to see what each rule makes of one of these actions"),),
    )
    async def decisions(
        self,
        outcomes: list[str] | None = None,
        rule: str = "",
        agent: str = "",
        since: int = 0,
        before: int = 0,
        after: int = 0,
        limit: int = 100,
    ) -> DecisionsView:
        """List what the gate said about actions of late, newest first, from ``before`` backwards to ``after``.

        ``outcomes``: deny, ask, approved, transform, hold, allow; all but a plain yes if none is named. ``rule``: a part of
        a rule's name; ``agent``: the beginning of addresses; ``since``: milliseconds. Looks through a bounded part of the
        journals and says how far it came.
        """
        if unknown := sorted(set(outcomes or ()) - set(OUTCOMES)):
            raise Rejected("operation.input", f"{unknown[0]!r} is no outcome: {', '.join(OUTCOMES)}.")
        who = self.principal
        like = agent if agent.count("/") == 2 else f"{who.home}/{agent}" if agent else who.within
        if like:
            who.check_reach(tenant_of(like))
        sought = Sought(frozenset(outcomes or ()), rule, like, since)
        bounds = {"before": max(0, before), "after": max(0, after), "limit": max(1, min(limit, _MOST))}
        page = await look(self.store, self.worker.clock, self.worker.seal, sought, **bounds)
        return DecisionsView(
            found=[DecisionView(**msgspec.structs.asdict(d)) for d in page.found],
            before=page.before,
            newest=page.newest,
            looked=page.looked,
        )


__all__ = ["DecisionOperations"]
