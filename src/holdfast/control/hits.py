"""Telling of what saved searches find, where nobody looks: beside the turns of a server, a message at a time.

Several servers may do so over one store; the agent that is told knows what it has told of. While it still waits for somebody
to look, nothing more is sent: what comes meanwhile is told of together, afterwards.
"""

from __future__ import annotations

from ..domain.address import tenant_of
from ..domain.message import Kind, Message
from ..flow import Flow
from ..insight.search import Hit
from ..insight.watching import Watching
from ..journal.codec import encode
from ..mailbox.worker import Worker
from ..ports.store import Store
from . import reading, searches
from .searches import SavedSearch

PAUSE_SECONDS = 10.0
"""Between two messages about one search: whoever is told of everything is told of nothing."""


class HitTeller:
    """See the module."""

    def __init__(self, store: Store, worker: Worker, flow: Flow) -> None:
        self._store = store
        self._worker = worker
        self._flow = flow
        self._watching = Watching(store, worker.clock, worker.seal, searches.NAME)
        self._come: dict[SavedSearch, int] = {}
        self._told: dict[SavedSearch, float] = {}

    async def go_on(self) -> None:
        """Look at what is new for every search that tells somebody."""
        wanted = [
            saved for row in self._worker.resources.all(searches.KIND) if (saved := searches.read(row)) and saved.notify
        ]
        self._come = {saved: come for saved, come in self._come.items() if saved in wanted}
        self._told = {saved: at for saved, at in self._told.items() if saved in wanted}
        for saved in wanted:
            await self._look(saved)

    async def _look(self, saved: SavedSearch) -> None:
        now = self._worker.clock.monotonic()
        if saved in self._told and now - self._told[saved] < PAUSE_SECONDS:
            return
        if saved not in self._come:
            self._come[saved] = await self._begin(saved)
        found = await self._watching.beyond(searches.terms_of(saved), self._come[saved])
        if found.hits:
            row = await self._store.agent(searches.teller(saved))
            if row is not None and (row.queued or row.open):
                self._told[saved] = now
                return
            await self._send(saved, found.hits, found.left_out)
            self._told[saved] = now
        self._come[saved] = found.upto

    async def _begin(self, saved: SavedSearch) -> int:
        """Where it was told up to; from when it was saved, if it never was."""
        kept = (await self._store.state(searches.teller(saved))).get(searches.TOLD)
        told = reading.plain(kept.value, self._worker) if kept is not None else 0
        return max(saved.since, int(told or 0))

    async def _send(self, saved: SavedSearch, hits: list[Hit], more: bool) -> None:
        worker = self._worker
        message = Message(
            searches.teller(saved),
            Kind.REQUEST,
            "found",
            encode(([saved, hits, more], {}), "arguments"),
            sender=f"{tenant_of(saved.who)}/holdfast/searches",
            trace=worker.random.token(16),
            created=worker.clock.now_ms(),
            chain=(saved.who,),
        )
        await self._flow.accept(message, wait=False)


__all__ = ["PAUSE_SECONDS", "HitTeller"]
