"""The MCP server over stdin and stdout, in front of a server reached over the wire: for clients that start programs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from mcp.server.stdio import stdio_server

from ...control.operations import Operations
from ...control.registry import find, registry_of
from ...sdk.client import Client
from .server import make_server


class Remote:
    """See ``Acting``: the operations of a server, by its client."""

    def __init__(self, client: Client) -> None:
        self._channel = client.channel

    async def invoke(self, name: str, given: dict[str, Any]) -> Any:
        """See ``Acting``."""
        what = find(Operations, name)
        rest, dry = what.rehearsed(given)
        return await self._channel.request(name, **what.inputs(rest), **({"dry_run": True} if dry else {}))

    def stream(self, name: str, given: dict[str, Any]) -> AsyncIterator[Any]:
        """See ``Acting``."""
        return self._channel.stream(name, **find(Operations, name).inputs(given))


async def serve(client: Client) -> None:
    """Serve until stdin ends."""
    remote = Remote(client)
    server = make_server(registry_of(Operations), lambda ctx: remote)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


__all__ = ["Remote", "serve"]
