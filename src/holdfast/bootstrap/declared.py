"""Agents that were applied as resources are served by running servers, without a restart."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

import msgspec

from ..control.resources.agents import resolve
from ..control.resources.documents import theirs
from ..domain.errors import HoldfastError
from ..mailbox.resources import Mirror
from ..ports.resources import Named, Resource
from .code import Code
from .engine import Engine

log = logging.getLogger("holdfast")

_OF_AGENTS = ("Agent", "Tool", "MCPServer")


class Wanting(Protocol):
    """A registry that says when versions are wanted."""

    wanted: asyncio.Event


class DeclaredAgents:
    """Serves the agents that are resources. What cannot be loaded keeps what was there before, and is told."""

    def __init__(self, code: Code, engine: Engine, registry: Wanting) -> None:
        self._code, self._engine, self._registry = code, engine, registry
        self._mirror = engine.worker.resources
        self._busy = asyncio.Lock()

    def follow(self) -> None:
        """Take up every change from now on."""
        for kind in _OF_AGENTS:
            self._mirror.on_change(kind, self._heard)

    def _heard(self, kind: str, changed: list[Resource]) -> None:
        self._engine.worker.spawn(self._changed())

    def take_up(self) -> bool:
        """Load what is declared now; whether that changed anything."""
        specs = specs_of(self._mirror, _OF_AGENTS)
        agents = self._mirror.all("Agent")
        changed = self._code.close_declared({agent.name for agent in agents})
        for agent in agents:
            try:
                changed |= self._code.take_declared(resolve(agent.name, specs[agent.key], theirs(agent.labels), specs))
            except (HoldfastError, msgspec.ValidationError) as error:
                log.error("the declared agent %s cannot be served: %s", agent.name, error)
            except KeyError as error:
                log.error("the declared agent %s cannot be served: there is no %s", agent.name, error)
        return changed

    async def _changed(self) -> None:
        async with self._busy:
            if not self.take_up():
                return
            await self._code.publish()
            await self._engine.serve()
            self._registry.wanted.set()
            log.info("serving what was declared: %s", ", ".join(r.name for r in self._mirror.all("Agent")))


def specs_of(mirror: Mirror, kinds: tuple[str, ...]) -> dict[Named, dict[str, Any]]:
    """The specs of all resources of these kinds."""
    return {r.key: msgspec.json.decode(r.body, type=dict[str, Any]) for kind in kinds for r in mirror.all(kind)}
