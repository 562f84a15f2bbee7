"""``McpConnection``: one server as one worker knows it: connected when it is needed, and again when it was lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import mcp_types as types
from mcp import Client, MCPError
from mcp.client.subscriptions import SubscriptionLost
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from ...domain.errors import Rejected
from ...ports.clock import Clock
from ...secrets import Secrets
from .http import CUT_OFF, NOT_SENT, REFUSED, SESSION_GONE
from .server import McpServer
from .transport import Complaints, reach

log = logging.getLogger("holdfast.mcp")

Progress = Callable[[float, float | None, str | None], None]

_PAGES = 100
_LISTEN_AGAIN_SECONDS = 5.0
_LATE_SECONDS = 5.0


class Unreached(Exception):
    """The server did not get the request: there is no connection."""


class Lost(Exception):
    """The connection broke while the server had the request, or it did not answer in time: it may have been done or not."""


class _Life:
    """One connection, from connecting to its end. All of it happens in one task, as the library wants it."""

    def __init__(self, server: McpServer, clock: Clock, changed: Callable[[], None], secrets: Secrets) -> None:
        self._server = server
        self._secrets = secrets
        self._clock = clock
        self._changed = changed
        self._stop = asyncio.Event()
        self._complaints = Complaints(server.name, secrets)
        self.ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self.task = asyncio.Task(self._live())

    @property
    def over(self) -> bool:
        """Whether nothing can be asked of it any more."""
        return self._stop.is_set() or self.task.done()

    def end(self) -> None:
        """Let it go; its task ends soon after."""
        self._stop.set()
        if not self.ready.done():
            self.task.cancel()

    async def _live(self) -> None:
        try:
            transport = reach(self._server, self._complaints, self._stop.set, self._secrets)
            client = Client(transport, message_handler=self._heard, cache=None, read_timeout_seconds=_seconds(self._server))
            async with client:
                self.ready.set_result(client)
                listening = asyncio.Task(self._listen(client))
                try:
                    await self._stop.wait()
                finally:
                    listening.cancel()
                    await asyncio.wait([listening])
        except asyncio.CancelledError:
            self._fail(Unreached("it is being closed"))
            raise
        except Exception as error:  # whatever ends a connection ends only that
            self._fail(error)
            log.debug("the connection to %s ended: %r", self._server.name, error)
        finally:
            self._stop.set()

    def _fail(self, error: Exception) -> None:
        if not self.ready.done():
            cause, said = _cause(error), self._secrets.clean(str(self._complaints))
            if isinstance(cause, MCPError) and cause.code == REFUSED:  # time alone will not mend that
                cause = Rejected(
                    "mcp.refused",
                    f"The tool server {self._server.name} does not let us in: {self._secrets.clean(cause.message)}. Give it "
                    "what it wants to see (headers=, a secret that is still good).",
                    server=self._server.name,
                )
            if not isinstance(cause, (Rejected, Unreached)):
                why = self._secrets.clean(str(cause)) or type(cause).__name__
                cause = Unreached(f"{why}. It says: {said}" if said else why)
            self.ready.set_exception(cause)
            self.ready.exception()  # seen: perhaps nobody waits any more

    async def _heard(self, message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._changed()

    async def _listen(self, client: Client) -> None:
        """From 2026-07-28 on, who wants to hear of changes asks for them."""
        offered = client.server_capabilities.tools
        if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or offered is None or not offered.list_changed:
            return
        while True:
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    async for _ in changes:
                        self._changed()
            except (MCPError, SubscriptionLost, TimeoutError) as error:
                log.debug("%s does not tell of changes: %s", self._server.name, error)
            await self._clock.sleep(_LISTEN_AGAIN_SECONDS)
            self._changed()  # what happened meanwhile was not heard


class McpConnection:
    """See the module. Shared by all agents of a worker that name the same server."""

    def __init__(self, server: McpServer, clock: Clock, secrets: Secrets) -> None:
        self._secrets = secrets
        self._server = server
        self._clock = clock
        self._life: _Life | None = None
        self._listed: list[types.Tool] = []
        self._fresh_until = 0.0
        self._listing = asyncio.Lock()
        self.generation = 0
        """Grows with every list."""

    async def listed(self) -> list[types.Tool]:
        """Its tools, as last listed if that is recent. Raises ``Unreached``, ``Lost``, ``MCPError``."""
        async with self._listing:
            gone = self._life is not None and self._life.over
            if gone or self._clock.monotonic() >= self._fresh_until:
                self._fresh_until = self._clock.monotonic() + self._server.refresh_seconds
                try:
                    self._listed = await self._list()
                    self.generation += 1
                except BaseException:
                    self._fresh_until = 0.0
                    raise
            return self._listed

    async def call(self, name: str, arguments: dict[str, Any], seconds: float, told: Progress) -> types.CallToolResult:
        """Call a tool, once. Raises ``Unreached``, ``Lost``, ``MCPError``."""

        async def tell(progress: float, total: float | None, message: str | None) -> None:
            told(progress, total, message)

        async def ask(client: Client) -> types.CallToolResult:
            return await client.call_tool(name, arguments, seconds or None, tell)

        return await self._ask(ask, seconds)

    async def close(self) -> None:
        """See ``Closes``."""
        if self._life is not None:
            self._life.end()
            await asyncio.wait([self._life.task])

    async def _list(self) -> list[types.Tool]:
        async def ask(client: Client) -> list[types.Tool]:
            found: list[types.Tool] = []
            cursor: str | None = None
            for _ in range(_PAGES):
                page = await client.list_tools(cursor=cursor)
                found += page.tools
                cursor = page.next_cursor
                if not cursor:
                    break
            return found

        return await self._ask(ask, self._server.connect_seconds)

    async def _ask(self, ask: Callable[[Client], Any], seconds: float) -> Any:
        """Ask on a connection that is there, on a new one if the server does not know the old one any more."""
        for attempt in (1, 2):
            life, client = await self._connected()
            try:
                async with asyncio.timeout(seconds + _LATE_SECONDS if seconds else None):
                    return await ask(client)
            except MCPError as error:
                if error.code in (NOT_SENT, SESSION_GONE):
                    life.end()
                    if error.code == SESSION_GONE and attempt == 1:
                        continue
                    raise Unreached(error.message) from error
                if error.code in (types.CONNECTION_CLOSED, CUT_OFF):
                    life.end()
                    raise Lost(error.message) from error
                if error.code == types.REQUEST_TIMEOUT:
                    raise Lost(f"it did not answer within {seconds:g} s") from error
                raise
            except TimeoutError as error:
                life.end()
                raise Lost(f"it did not answer within {seconds:g} s") from error
        raise AssertionError

    async def _connected(self) -> tuple[_Life, Client]:
        life = self._life
        if life is None or life.over:
            life = self._life = _Life(self._server, self._clock, self._changed, self._secrets)
            self._fresh_until = 0.0
        try:
            async with asyncio.timeout(self._server.connect_seconds):
                return life, await asyncio.shield(life.ready)
        except TimeoutError as error:
            life.end()
            raise Unreached(f"it was not ready within {self._server.connect_seconds:g} s") from error

    def _changed(self) -> None:
        self._fresh_until = 0.0


def _seconds(server: McpServer) -> float:
    return server.connect_seconds


def _cause(error: BaseException) -> BaseException:
    """The first of what went wrong, without the groups around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return error  # pyright: ignore[reportUnknownVariableType]
