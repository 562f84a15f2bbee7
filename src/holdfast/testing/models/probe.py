"""``Probe``: a client on a bare connection that shows what came over the wire, byte for byte, and how it ended.

Real clients hide what matters in tests of vendors and gateways: whether a body was complete, whether the connection was
reset or closed, in which chunks a stream came.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeAlias
from urllib.parse import urlsplit

import msgspec

Ended: TypeAlias = Literal["whole", "closed", "reset", "silent"]
"""As HTTP says; or closed or reset before; or nothing more came within the patience of the probe."""


@dataclass(slots=True)
class Heard:
    """One answer.

    Attributes:
        raw: every byte.
        status: 0 if no head came.
        body: without the framing of chunks.
        chunks: those of a chunked body, each with when it was complete, in seconds since the request.
        ended: how.
    """

    raw: bytes = b""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    chunks: list[tuple[float, bytes]] = field(default_factory=list[tuple[float, bytes]])
    ended: Ended = "whole"
    headers_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def json(self) -> Any:
        """The body as a value."""
        return msgspec.json.decode(self.body)

    @property
    def data(self) -> list[str]:
        """The data of each event, undecoded."""
        return [line.removeprefix("data: ") for line in self.body.decode().split("\n") if line.startswith("data: ")]

    @property
    def events(self) -> list[Any]:
        """The data of each event that is JSON, as values."""
        values: list[Any] = []
        for data in self.data:
            with contextlib.suppress(msgspec.DecodeError):
                values.append(msgspec.json.decode(data))
        return values


class Probe:
    """One connection. Requests on it go one after the other, or all at once with ``send``.

    ``patience_seconds`` is how long it waits for the next byte before it takes the vendor for silent. It reads its socket
    itself: asyncio's streams forget what they have when a reset comes.
    """

    def __init__(self, url: str, patience_seconds: float = 5.0) -> None:
        self._at = urlsplit(url)
        self._patience = patience_seconds
        self._data = bytearray()
        self._socket = socket.socket()
        self._socket.setblocking(False)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(self._socket, (self._at.hostname or "127.0.0.1", self._at.port or 80))
        except BaseException:
            self._socket.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection, whatever is still to come."""
        self._socket.close()

    async def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Heard:
        """A request, and all of its answer."""
        await self.send("POST", path, body, headers)
        return await self.hear()

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Heard:
        """A request without a body, and all of its answer."""
        await self.send("GET", path, None, headers)
        return await self.hear()

    async def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> None:
        """A request alone. Bytes go out as they are, anything else as JSON."""
        encoded = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        told = {"host": self._at.netloc, "content-length": str(len(encoded)), **(headers or {})}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
        await self.write(("\r\n".join(lines) + "\r\n\r\n").encode() + encoded)

    async def write(self, data: bytes) -> None:
        """Bytes as they are."""
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def hear(self, chunks: int | None = None) -> Heard:
        """One answer, to its end or for as long as the patience lasts; or only up to so many chunks."""
        heard = Heard()
        began = asyncio.get_running_loop().time()
        try:
            await self._head(heard, began)
            await self._body(heard, began, chunks)
        except TimeoutError:
            heard.ended = "silent"
        except EOFError:
            heard.ended = "closed"
        except ConnectionResetError:
            heard.ended = "reset"
        if heard.ended != "whole":
            heard.raw += bytes(self._data)
            self._data.clear()
        heard.seconds = asyncio.get_running_loop().time() - began
        return heard

    async def _head(self, heard: Heard, began: float) -> None:
        top = await self._until(b"\r\n\r\n", heard)
        heard.headers_seconds = asyncio.get_running_loop().time() - began
        status, *lines = top.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        heard.status = int(status.split(" ")[1])
        heard.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    async def _body(self, heard: Heard, began: float, chunks: int | None) -> None:
        if heard.headers.get("transfer-encoding") != "chunked":
            left = int(heard.headers.get("content-length", "0"))
            while left:
                if not self._data:
                    await self._more()
                part = self._take(min(left, len(self._data)), heard)
                heard.body += part
                left -= len(part)
            return
        while chunks is None or len(heard.chunks) < chunks:
            size = int(await self._until(b"\r\n", heard), 16)
            if not size:
                await self._until(b"\r\n", heard)
                return
            while len(self._data) < size + 2:
                await self._more()
            data = self._take(size + 2, heard)[:-2]
            heard.chunks.append((asyncio.get_running_loop().time() - began, data))
            heard.body += data

    async def _until(self, end: bytes, heard: Heard) -> bytes:
        while (at := self._data.find(end)) < 0:
            await self._more()
        return self._take(at + len(end), heard)

    def _take(self, size: int, heard: Heard) -> bytes:
        part = bytes(self._data[:size])
        del self._data[:size]
        heard.raw += part
        return part

    async def _more(self) -> None:
        reading = asyncio.get_running_loop().sock_recv(self._socket, 65536)
        data = await asyncio.wait_for(reading, self._patience)
        if not data:
            raise EOFError
        self._data += data
