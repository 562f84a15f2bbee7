"""The server's side: operations by name, and the store for workers in other processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from ...control.identity.scopes import WORK, required
from ...control.identity.service import Identity
from ...control.operations import Operations
from ...control.registry import check_sizes
from ...domain.errors import NotFound, Rejected
from ...domain.principal import EVERY_TENANT
from ...link import Peer
from ...link.frames import Raw
from .contract import signature
from .hub import PREFIX, Hub


class WireService:
    """Answers what a ``Listener`` receives. Who a connection is, its token says, and is looked up again as it goes on: a
    revoked token ends within seconds also where it was let in before."""

    def __init__(self, operations: Operations, hub: Hub, identity: Identity) -> None:
        self._operations = operations
        self._hub = hub
        self._identity = identity

    async def begin(self, peer: Peer) -> None:
        """See ``Service``."""
        await self._acting(peer)

    async def _acting(self, peer: Peer) -> Operations:
        """The operations in the name of whoever is at the other end. Raises ``Rejected(auth.required)`` and what says why
        a token is not good."""
        principal = await self._identity.principal(peer.hello.token)
        if principal.kind == "anonymous":
            raise required()
        return self._operations.acting_for(principal)

    async def request(self, peer: Peer, name: str, body: Raw) -> Any:
        """See ``Service``."""
        acting = await self._acting(peer)
        if name.startswith(PREFIX):
            _check_worker(acting)
            return await self._hub.request(peer, name, body)
        what = signature(name)
        if what.streams:
            raise NotFound("operation.unknown", f"{name!r} is a stream, not a single answer.", operation=name)
        given, dry = what.inputs(body)
        check_sizes(name, given)
        return await acting.run(name, given, dry=dry)

    async def stream(self, peer: Peer, name: str, body: Raw) -> AsyncIterator[Any]:
        """See ``Service``."""
        what = signature(name)
        if not what.streams:
            raise NotFound("operation.unknown", f"{name!r} is a single answer, not a stream.", operation=name)
        acting = await self._acting(peer)
        given, _ = what.inputs(body)
        check_sizes(name, given)
        async for item in acting.allowed(name)(**given):
            yield item
            await self._acting(peer)

    def end(self, peer: Peer) -> None:
        """See ``Service``."""
        self._hub.gone(peer)


def _check_worker(acting: Operations) -> None:
    """A worker reads and writes the whole store."""
    who = acting.principal
    if not who.may(WORK) or who.tenant != EVERY_TENANT:
        raise Rejected(
            "auth.scope",
            f"{who.actor} may not be a worker: that needs a token for every tenant with the scope {WORK!r} "
            "(`holdfast token create --tenant '*' --scope worker --for service:worker`).",
            scope=WORK,
        )
