"""Operations about causes: what all agents did in a window of time, and how one turn came about."""

from __future__ import annotations

from ..domain.address import address as place
from ..domain.address import tenant_of
from ..domain.errors import NotFound, Rejected
from ..domain.principal import Principal
from ..insight.lanes import Lanes, Window
from ..insight.spans import Span, Spans
from ..mailbox.worker import Worker
from ..ports.segments import HistoryRow
from ..ports.store import Store
from .registry import operation

_USUAL_MS = 600_000
_MOST = 10_000
_DEEPEST = 64
_TURN_ENTRIES = 1_000


class CausalityOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    principal: Principal
    _lanes: Lanes | None = None

    @operation(
        path="GET /lanes",
        command="lanes",
        changes=False,
        errors=("lanes.window",),
        next=(("causes", "walk back from a turn"), ("story", "read a turn whole")),
    )
    async def lanes(self, since: int = 0, until: int = 0, agent: str = "", limit: int = 4_000) -> Window:
        """Show what agents did in a window of time: their turns with steps and causes, or, where there are more than
        ``limit`` entries, who was active when. Times in milliseconds: ``until`` now and ``since`` ten minutes before, if not
        given. ``agent``: a name, an address, or name/begin*."""
        until = until or self.worker.clock.now_ms() + 1
        since = since or until - _USUAL_MS
        if not 0 <= since < until:
            raise Rejected(
                "lanes.window",
                f"The window of time from {since} to {until} has no length. Give milliseconds since 1970, `since` before "
                "`until`.",
                since=since,
                until=until,
            )
        if self._lanes is None:
            self._lanes = Lanes(self.store, self.worker)
        who = self.principal
        wanted = who.within if not agent else agent if agent.count("/") == 2 else f"{who.home}/{agent}"
        if wanted:
            who.check_reach(tenant_of(wanted))
        return await self._lanes.look(since, until, wanted, max(1, min(limit, _MOST)))

    @operation(
        path="GET /agents/{address}/turns/{turn}/causes",
        command="causes",
        changes=False,
        errors=("turn.unknown", "agent.unknown"),
        next=(("story", "read a turn whole"),),
    )
    async def causes(self, address: str, turn: int) -> list[Span]:
        """Walk back from a turn to what caused it, across agents: the outermost cause comes first, the turn itself last."""
        agent, at = self.principal.place(address), turn
        spans = Spans(self.store, self.worker)
        found: list[Span] = []
        while len(found) < _DEEPEST and self.principal.reaches(tenant_of(agent)):
            try:
                rows = await self.store.entries(agent, at - 1, _TURN_ENTRIES, at)
            except NotFound:
                if not found:
                    raise
                break
            whole = await spans.of([HistoryRow(0, agent, row.seq, row.turn, row.body, b"") for row in rows])
            found += whole
            if not whole or whole[0].cause is None:
                break
            agent, at = place(whole[0].cause.agent), whole[0].cause.turn
        if not found:
            raise NotFound("turn.unknown", f"{address} has no turn {turn} (any more).", turn=turn)
        return found[::-1]


__all__ = ["CausalityOperations"]
