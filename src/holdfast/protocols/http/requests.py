"""The little of HTTP that the endpoints need, straight on ASGI: a body in, JSON or a stream out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BODY_BYTES = 32 << 20
_JSON = (b"content-type", b"application/json")
_SSE = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))


class TooLarge(Exception):
    """The body is longer than anybody needs."""


class Gone(Exception):
    """The client has hung up."""


class Headed(Protocol):
    """Whatever has headers."""

    def header(self, name: bytes) -> str:
        """A header by its lower-case name; ``""`` if it is not there."""
        ...


class Request:
    """One request and the way to answer it."""

    __slots__ = ("_receive", "_send", "method", "path", "scope")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self._receive = receive
        self._send = send

    def header(self, name: bytes) -> str:
        """A header by its lower-case name; ``""`` if it is not there."""
        for key, value in self.scope["headers"]:
            if key == name:
                return value.decode("latin-1")
        return ""

    async def body(self) -> bytes:
        """All of it. Raises ``TooLarge`` or ``Gone``."""
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            piece = message.get("body", b"")
            size += len(piece)
            if size > BODY_BYTES:
                raise TooLarge
            pieces.append(piece)
            if not message.get("more_body"):
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def hand_over(self, application: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        """Let somebody else answer."""
        await application(self.scope, self._receive, self._send)

    async def hung_up(self) -> None:
        """Returns when the client hangs up; only after ``body``."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def query(self) -> dict[str, str]:
        """The query's parameters; of one that is given twice, the last."""
        return dict(parse_qsl(self.scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))

    def cookie(self, name: str) -> str:
        """A cookie; ``""`` if it is not there."""
        for part in self.header(b"cookie").split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                return value
        return ""

    async def reply(
        self, status: int, body: bytes = b"", kind: bytes = b"", headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        """Answer with bytes of a kind; with neither, only by status and headers."""
        own = [(b"content-length", str(len(body)).encode()), *([(b"content-type", kind)] if kind else [])]
        await self._send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
        await self._send({"type": "http.response.body", "body": body})

    async def json(self, status: int, value: Any, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answer with JSON."""
        body = msgspec.json.encode(value)
        length = (b"content-length", str(len(body)).encode())
        await self._send({"type": "http.response.start", "status": status, "headers": [_JSON, length, *headers]})
        await self._send({"type": "http.response.body", "body": body})

    async def answer(self, status: int, kind: bytes, body: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answer with any body; without it for HEAD."""
        fixed = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
        await self._send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})

    async def begin_stream(self, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answer with server-sent events."""
        await self._send({"type": "http.response.start", "status": 200, "headers": [*_SSE, *headers]})

    async def piece(self, data: bytes) -> None:
        """Some of them."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end_stream(self) -> None:
        """No more."""
        await self._send({"type": "http.response.body", "body": b""})
