"""The server's side: operations by name, and the store for workers in other processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from ...control.operations import Operations
from ...domain.errors import NotFound
from ...link import Peer
from ...link.frames import Raw
from .contract import signature
from .hub import PREFIX, Hub


class WireService:
    """Answers what a ``Listener`` receives."""

    def __init__(self, operations: Operations, hub: Hub) -> None:
        self._operations = operations
        self._hub = hub

    def begin(self, peer: Peer) -> None:
        """See ``Service``."""

    async def request(self, peer: Peer, name: str, body: Raw) -> Any:
        """See ``Service``."""
        if name.startswith(PREFIX):
            return await self._hub.request(peer, name, body)
        what = signature(name)
        if what.streams:
            raise NotFound("operation.unknown", f"{name!r} is a stream, not a single answer.", operation=name)
        return await getattr(self._operations, name)(**what.inputs(body))

    def stream(self, peer: Peer, name: str, body: Raw) -> AsyncIterator[Any]:
        """See ``Service``."""
        what = signature(name)
        if not what.streams:
            raise NotFound("operation.unknown", f"{name!r} is a single answer, not a stream.", operation=name)
        return getattr(self._operations, name)(**what.inputs(body))

    def end(self, peer: Peer) -> None:
        """See ``Service``."""
        self._hub.gone(peer)
