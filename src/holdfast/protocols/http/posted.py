"""The short way of a posted body: read, answered and written without an ASGI call, a task or a scope of its own.

An ASGI application costs a third of what a whole turn does, so the endpoints of models are offered each body first. What
they do not take (a stream, a token that is not known yet, anything wrong) goes the ordinary way through ASGI, as if nothing
had been tried; so do all other paths. Order on a connection, keep-alive, limits and shutdown stay uvicorn's: a ``Posted``
stands in its protocol where a request under way stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

_BODY_BYTES = 1 << 20
"""A longer body goes the ordinary way, which reads it as fast as it is taken."""


class _NobodyListens:
    """What waits for pieces of a body; here nobody does."""

    def set(self) -> None:
        """See ``asyncio.Event``."""


_NOBODY = _NobodyListens()


class Posted:
    """A request with its whole body, and the way to answer it. Its first attributes are those of uvicorn's cycle."""

    __slots__ = (
        "_headers",
        "_protocol",
        "body",
        "disconnected",
        "keep_alive",
        "left",
        "path",
        "response_complete",
        "whole",
    )

    message_event = _NOBODY

    def __init__(self, protocol: PostedFirst, path: str, headers: list[tuple[bytes, bytes]], keep_alive: bool) -> None:
        self.disconnected = self.response_complete = self.whole = False
        self.keep_alive = keep_alive
        self.path = path
        self.body = b""
        self.left: Callable[[], None] | None = None
        """Called when the client hangs up before it has its answer."""
        self._headers = headers
        self._protocol = protocol

    def header(self, name: bytes) -> str:
        """A header by its lower-case name; ``""`` if it is not there."""
        for key, value in self._headers:
            if key == name:
                return value.decode("latin-1")
        return ""

    def reply(self, status: int, value: Any, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answer with JSON, at once."""
        body = msgspec.json.encode(value)
        lines = [STATUS_LINE[status], b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)]
        lines += [b"%b: %b\r\n" % pair for pair in (*self._protocol.server_state.default_headers, *headers)]
        lines.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        lines.append(body)
        self._protocol.answered(self, b"".join(lines))


Take = Callable[[Posted], bool]
"""Begins to answer a request, or says that it does not, and then has done nothing."""


class PostedFirst(HttpToolsProtocol):
    """uvicorn's protocol for HTTP/1.1, with the short way in front. ``paths`` and ``take`` are set by ``short_way``."""

    paths: frozenset[bytes]
    take: Take

    def connection_made(self, transport: Any) -> None:
        """See ``asyncio.Protocol``."""
        super().connection_made(cast(asyncio.Transport, Joined(transport)))

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        posted = cast(object, self.cycle)
        super().connection_lost(exc)
        if isinstance(posted, Posted) and not posted.response_complete and posted.left is not None:
            posted.left()

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools, which leaves the blanks behind a value; they are none of it (RFC 9110, 5.5)."""
        super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        """See httptools."""
        busy = self.cycle is not None and not self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]
        parser = self.parser
        assert parser is not None
        if busy or self.url not in self.paths or self.expect_100_continue or parser.get_method() != b"POST":
            super().on_headers_complete()
            return
        keep_alive = parser.get_http_version() != "1.0" and parser.should_keep_alive()
        self.cycle = cast(Any, Posted(self, self.url.decode(), self.headers, keep_alive))

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        posted = cast(object, self.cycle)
        if isinstance(posted, Posted) and not posted.whole:
            posted.body = posted.body + body if posted.body else body
            if len(posted.body) > _BODY_BYTES:
                self._ordinary(posted)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """See httptools."""
        posted = cast(object, self.cycle)
        if isinstance(posted, Posted) and not posted.whole:
            posted.whole = True
            if not self.take(posted):
                self._ordinary(posted)
                super().on_message_complete()
        else:
            super().on_message_complete()

    def _ordinary(self, posted: Posted) -> None:
        """As if it had gone through ASGI from its beginning."""
        self.cycle = cast(Any, None)
        super().on_headers_complete()
        super().on_body(posted.body)

    def answered(self, posted: Posted, data: bytes) -> None:
        """A request's answer is there."""
        posted.response_complete = True
        if posted.disconnected:
            return
        self.transport.write(data)
        if not posted.keep_alive:
            self.transport.close()
        self.on_response_complete()


class Joined:
    """A transport that writes once per turn of the loop: an answer's head and body leave together, a system call less."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._pieces: list[bytes] = []
        self._later = asyncio.get_running_loop().call_soon

    def write(self, data: bytes) -> None:
        """See ``asyncio.Transport``."""
        if not self._pieces:
            self._later(self._flush)
        self._pieces.append(data)

    def close(self) -> None:
        """See ``asyncio.Transport``."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))


def short_way(paths: Sequence[str], take: Take) -> type[PostedFirst]:
    """The protocol for a server that offers bodies posted to these paths to ``take`` first."""
    own = {"paths": frozenset(path.encode() for path in paths), "take": staticmethod(take)}
    return type("PostedFirst", (PostedFirst,), own)
