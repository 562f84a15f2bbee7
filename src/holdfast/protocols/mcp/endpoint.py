"""``McpEndpoint``: an MCP server at ``/mcp``, in the name of whoever a request proves to be.

Streamable HTTP, stateless for those who speak the newest revision, with sessions for those who do not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from ...domain.errors import HoldfastError, Unavailable
from ..http import problems
from ..http.requests import Request
from .acting import Acting

PATH = "/mcp"
_ACTING = "holdfast.acting"

ActingIn = Callable[[Request], Awaitable[Acting]]


class Application(Protocol):
    """What carries an MCP server over HTTP."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class McpEndpoint:
    """See the module. ``server`` makes the server (of the SDK) when it is first wanted."""

    def __init__(self, server: Callable[[], Any], acting: ActingIn) -> None:
        self._make = server
        self._acting = acting
        self._application: Application | None = None
        self._running: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._starting = asyncio.Lock()

    async def answer(self, request: Request) -> None:
        """Anything at ``PATH``."""
        try:
            acting = await self._acting(request)
            application = await self._started()
        except HoldfastError as error:
            await problems.answer(request, error)
            return
        request.scope[_ACTING] = acting
        await request.hand_over(application)

    async def _started(self) -> Application:
        async with self._starting:
            if self._application is None:
                try:
                    server = self._make()
                except ImportError as error:
                    raise Unavailable(
                        "mcp.not_installed",
                        f"This server has no MCP: the package mcp is not installed ({error}). "
                        "Install it: pip install 'holdfast[mcp]'.",
                    ) from error
                application = server.streamable_http_app(streamable_http_path=PATH)
                up = asyncio.Event()
                self._running = asyncio.Task(self._run(server, up), loop=asyncio.get_running_loop())
                await up.wait()
                self._application = application
            assert self._application is not None
            return self._application

    async def _run(self, server: Any, up: asyncio.Event) -> None:
        """The sessions' task group has to be entered and left by one task."""
        async with server.session_manager.run():
            up.set()
            await self._stopping.wait()

    async def stop(self) -> None:
        """Hang up."""
        self._stopping.set()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})


def acting_of(scope: MutableMapping[str, Any]) -> Acting:
    """In whose name a request is, from its scope."""
    return scope[_ACTING]


__all__ = ["PATH", "McpEndpoint", "acting_of"]
