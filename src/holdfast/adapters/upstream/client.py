"""``HttpUpstream``: an HTTP/1.1 client for the one thing that the gateway does: post a body, read the answer as it comes.

The general clients cost three to ten times more per request than the rest of the gateway (docs/adr/0009), so this one is
a connection pool around the ``httptools`` parser. It follows no redirects and keeps no cookies; ``HTTPS_PROXY`` and
``NO_PROXY`` are honoured with CONNECT.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from typing import cast
from urllib.parse import SplitResult, urlsplit

import httptools

from ...ports.upstream import Broken
from .proxy import proxy_for, tunnel

_IDLE_SECONDS = 30.0
_BUFFER_BYTES = 1 << 20
_Place = tuple[str, str, int]


class Connection(asyncio.Protocol):
    """A connection, and the exchange that it carries at the moment."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.idle_since = 0.0
        self._parser: httptools.HttpResponseParser | None = None
        self._status = 0
        self._headers: dict[str, str] = {}
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._whole = True
        self._headed = False
        self._keeps = False
        self._broken: Broken | None = None
        self._waiter: asyncio.Future[None] | None = None

    # -- the transport's side -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's has its own base

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if self._parser is None or self._whole:
            self._fail(Broken("protocol", "the vendor sent data that nobody asked for"))
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(Broken("protocol", "the vendor wants another protocol"))
        except httptools.HttpParserError as error:
            self._fail(Broken("protocol", f"what the vendor sent is not HTTP: {error}"))
            self.abort()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self.transport = None
        if not self._whole:
            if self._headed and not self._framed():
                self._whole = True  # the end of the connection is the end of such a body
            else:
                self._fail(Broken("reset", f"the connection was cut: {exc or 'closed by the other side'}"))
        self._wake()

    # -- the parser's side --------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """See httptools."""
        assert self._parser is not None
        self._status = self._parser.get_status_code()
        if self._status >= 200:  # anything below announces the real answer
            self._headed = True
            self._keeps = self._parser.should_keep_alive() and self._framed()
        else:
            self._headers = {}

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._pieces.append(body)
        self._held += len(body)
        if self._held > _BUFFER_BYTES and self.transport is not None:
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        """See httptools."""
        if self._headed:
            self._whole = True

    # -- the exchange -------------------------------------------------------------------------------------------

    @property
    def free(self) -> bool:
        """Whether it can carry another request."""
        return self._whole and self._broken is None and self.transport is not None and not self.transport.is_closing()

    def send(self, head: bytes, body: bytes) -> None:
        """Begin an exchange."""
        assert self.transport is not None
        self._parser = httptools.HttpResponseParser(self)
        self._status, self._headers, self._held = 0, {}, 0
        self._whole = self._headed = self._keeps = False
        self._pieces.clear()
        self.transport.write(head + body if len(body) < 65_536 else head)
        if len(body) >= 65_536:
            self.transport.write(body)

    async def head(self) -> tuple[int, Mapping[str, str]]:
        """See ``Exchange``."""
        while not self._headed:
            await self._more()
        return self._status, self._headers

    async def read(self) -> bytes:
        """See ``Exchange``."""
        while not self._pieces:
            if self._whole:
                return b""
            await self._more()
        pieces = b"".join(self._pieces) if len(self._pieces) > 1 else self._pieces[0]
        self._pieces.clear()
        if self._held > _BUFFER_BYTES and self.transport is not None:
            self.transport.resume_reading()
        self._held = 0
        return pieces

    def reusable(self) -> bool:
        """Whether the exchange ended cleanly, read to its end, and the vendor keeps the connection."""
        return self.free and not self._pieces and self._keeps

    def expire(self) -> None:
        """See ``Exchange``."""
        self._fail(Broken("late", "the time is over"))

    def abort(self) -> None:
        """Cut it."""
        if self.transport is not None:
            self.transport.abort()

    def _framed(self) -> bool:
        return "content-length" in self._headers or "chunked" in self._headers.get("transfer-encoding", "")

    async def _more(self) -> None:
        if self._broken is not None:
            raise self._broken
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: Broken) -> None:
        if self._broken is None:
            self._broken = error
        self._wake()


class HttpExchange:
    """See ``holdfast.ports.upstream.Exchange``."""

    __slots__ = ("_connection", "_place", "_pool", "expire", "head", "read")

    def __init__(self, pool: HttpUpstream, place: _Place, connection: Connection) -> None:
        self._pool = pool
        self._place = place
        self._connection: Connection | None = connection
        self.head = connection.head
        self.read = connection.read
        self.expire = connection.expire

    def close(self) -> None:
        """See ``Exchange``."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(self._place, connection)


class HttpUpstream:
    """See the module.

    Args:
        ssl_context: how vendors prove who they are; the system's certificates by default.
    """

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self._ssl = ssl_context
        self._idle: dict[_Place, list[Connection]] = {}
        self._urls: dict[str, tuple[SplitResult, _Place]] = {}

    async def open(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, connect_seconds: float
    ) -> HttpExchange:
        """See ``Upstream``."""
        parts, place = self._parsed(url)
        connection = self._take(place)
        if connection is None:  # in a task of its own: what connecting makes of tasks are no branches of anybody's turn
            connection = await asyncio.Task(self._connect(place, connect_seconds), loop=asyncio.get_running_loop())
        path = parts.path or "/"
        lines = [f"{method} {path}?{parts.query} HTTP/1.1" if parts.query else f"{method} {path} HTTP/1.1"]
        lines.append(f"host: {parts.netloc.rpartition('@')[2]}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"content-length: {len(body)}\r\n\r\n")
        connection.send("\r\n".join(lines).encode("latin-1"), body)
        return HttpExchange(self, place, connection)

    async def close(self) -> None:
        """See ``Upstream``."""
        for connections in self._idle.values():
            for connection in connections:
                connection.abort()
        self._idle.clear()

    def give_back(self, place: _Place, connection: Connection) -> None:
        """An exchange is over."""
        if connection.reusable():
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.setdefault(place, []).append(connection)
        else:
            connection.abort()

    def _take(self, place: _Place) -> Connection | None:
        idle = self._idle.get(place)
        if not idle:
            return None
        oldest_allowed = asyncio.get_running_loop().time() - _IDLE_SECONDS
        while idle:
            connection = idle.pop()
            if connection.free and connection.idle_since > oldest_allowed:
                return connection
            connection.abort()
        return None

    def _parsed(self, url: str) -> tuple[SplitResult, _Place]:
        found = self._urls.get(url)
        if found is None:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise Broken("connect", f"{url!r} is no http or https address")
            place = (parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
            if len(self._urls) > 10_000:
                self._urls.clear()
            found = self._urls[url] = parts, place
        return found

    async def _connect(self, place: _Place, connect_seconds: float) -> Connection:
        scheme, host, port = place
        loop = asyncio.get_running_loop()
        context = self._context() if scheme == "https" else None
        try:
            async with asyncio.timeout(connect_seconds):
                proxy = proxy_for(scheme, host)
                if proxy is None:
                    _, connection = await loop.create_connection(
                        Connection, host, port, ssl=context, server_hostname=host if context else None
                    )
                    return connection
                socket = await tunnel(proxy, host, port)
                _, connection = await loop.create_connection(
                    Connection, sock=socket, ssl=context, server_hostname=host if context else None
                )
                return connection
        except TimeoutError as error:
            raise Broken("connect", f"{host}:{port} did not take the connection within {connect_seconds:g} s") from error
        except (OSError, ssl.SSLError) as error:
            raise Broken("connect", f"{host}:{port}: {error}") from error

    def _context(self) -> ssl.SSLContext:
        if self._ssl is None:
            self._ssl = ssl.create_default_context()
        return self._ssl
