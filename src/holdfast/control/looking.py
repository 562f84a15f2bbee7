"""Operations that look: agents, journals, state, questions, kinds of agents and their versions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from ..domain.address import tenant_of
from ..domain.principal import Principal
from ..mailbox.worker import Worker
from ..ports.store import Store
from ..turn.definition import HandlerSpec, Registry
from . import reading
from .registry import operation
from .views import AgentView, DefinitionView, EntryView, Question, VersionView, WaitView

_FOLLOW_SECONDS = 0.1


class LookingOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    registry: Registry
    principal: Principal

    @operation(path="GET /agents", command="ps", changes=False, page="address", next=(("describe", "one of them, whole"),))
    async def agents(self, like: str = "", mode: str = "", after: str = "", limit: int = 100) -> list[AgentView]:
        """List agents by address. ``like`` is a prefix, e.g. ``desk/``."""
        who = self.principal
        prefix = like if like.count("/") == 2 else f"{who.home}/{like}" if like else who.within
        if prefix:
            who.check_reach(tenant_of(prefix))
        after = f"{who.home}/{after}" if after.count("/") == 1 else after
        rows = await self.store.agents(like=prefix, mode=mode, after=after, limit=limit)
        return [reading.agent_view(row, self.worker) for row in rows]

    @operation(
        path="GET /agents/{address}",
        command="describe",
        changes=False,
        errors=("agent.unknown",),
        next=(("journal", "what it did and why"),),
    )
    async def describe(self, address: str) -> AgentView:
        """Tell everything about one agent's present."""
        row = await self.store.agent(self.principal.place(address))
        if row is None:
            raise reading.unknown(address)
        return reading.agent_view(row, self.worker)

    @operation(path="GET /agents/{address}/journal", command="journal", changes=False, page="seq", errors=("agent.unknown",))
    async def journal(self, address: str, after: int = 0, limit: int = 100, turn: int = 0) -> list[EntryView]:
        """Read an agent's journal, oldest first."""
        rows = await self.store.entries(self.principal.place(address), after, min(limit, 10_000), turn)
        return [reading.entry_view(row, self.worker) for row in rows]

    @operation(path="GET /agents/{address}/state", command="state", changes=False)
    async def state(self, address: str) -> dict[str, Any]:
        """Read an agent's state."""
        rows = await self.store.state(self.principal.place(address))
        return {k: reading.plain(r.value, self.worker) for k, r in rows.items() if r.value is not None}

    @operation(path="GET /questions", command="asks", changes=False, next=(("answer", "answer one"),))
    async def asks(self, limit: int = 100) -> list[Question]:
        """List the questions that wait for a person."""
        return [
            reading.question(w, self.worker)
            for w in await self.store.waits(verb="ask", limit=limit, like=self.principal.within)
        ]

    @operation(path="GET /waits", command="waits", changes=False)
    async def waits(self, verb: str = "", limit: int = 100) -> list[WaitView]:
        """List what turns wait for."""
        found = await self.store.waits(verb=verb, limit=limit, like=self.principal.within)
        return [reading.wait_view(w, self.worker) for w in found]

    @operation(
        path="GET /agents/{address}/journal/stream",
        command="journal --follow",
        changes=False,
        page="seq",
        errors=("agent.unknown",),
    )
    async def follow(self, address: str, after: int = 0, turn: int = 0) -> AsyncIterator[EntryView]:
        """Read an agent's journal and go on as it grows."""
        target = self.principal.place(address)
        while True:
            rows = await self.store.entries(target, after, 500, turn)
            for row in rows:
                after = row.seq
                yield reading.entry_view(row, self.worker)
            if not rows:
                await self.worker.clock.sleep(_FOLLOW_SECONDS)

    @operation(path="GET /definitions", command="agents", changes=False, errors=("agent.unknown",))
    async def definitions(self, name: str = "") -> list[DefinitionView]:
        """List the kinds of agents, with their handlers."""
        seen: dict[str, DefinitionView] = {}
        for d in await self.store.definitions():
            latest = self.registry.latest.get(d.name)
            if (not name or d.name == name) and (d.name not in seen or (latest and latest.version == d.version)):
                seen[d.name] = DefinitionView(
                    name=d.name, version=d.version, published=d.published, handlers=d.handlers, served=latest is not None
                )
        if name and not seen:
            await self._known(self.principal.place(f"{name}/x"))
        return sorted(seen.values(), key=lambda v: v.name)

    @operation(path="GET /stats", command="stats", changes=False)
    async def stats(self) -> dict[str, int]:
        """Count agents, messages and entries."""
        found = await self.store.stats(self.principal.within)
        if self.principal.within:
            return found
        return {
            **found,
            "in_memory": sum(len(a.running) for a in self.worker.holdings.actives.values()),
            "warm": len(self.worker.holdings.actives),
        }

    @operation(
        path="GET /versions", command="versions", changes=False, next=(("adopt", "let a turn go on with the newest code"),)
    )
    async def versions(self) -> list[VersionView]:
        """List the versions of all definitions and how many open turns need each."""
        found = await reading.versions(self.store, self.registry)
        if self.principal.within:  # how busy others are is none of its business
            return [msgspec.structs.replace(v, open_turns=0) for v in found]
        return found

    async def _known(self, to: str, handler: str = "") -> HandlerSpec | None:
        raise NotImplementedError
