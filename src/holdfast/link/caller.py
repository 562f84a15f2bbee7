"""The side that asks. ``Line`` is one connection; ``Caller`` keeps one, makes a new one when it breaks, and asks again.

Asking again is the caller's word: only what is safe to happen twice, or carries a key, may be ``again``.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from ..domain.errors import HoldfastError, Unavailable
from . import frames
from .endpoint import Endpoint
from .frames import Frame, Hello, Raw, Splitter, pack

_CONNECT_SECONDS = 5.0
_REFILL = 32
_DRAINING = "worker.draining"
"""What a server says that ends before it has the answer; the answer will be had from the next one."""

Pushed = Callable[[str, Raw], None]


class ConnectionBroke(Exception):
    """The connection went away with the request on its way: whether it happened is unknown."""


class Line(asyncio.Protocol):
    """One connection, seen from the asking side."""

    def __init__(self, at: Endpoint, hello: Hello, pushed: Pushed) -> None:
        self._at = at
        self._hello = hello
        self._pushed = pushed
        self._loop = asyncio.get_running_loop()
        self._splitter = Splitter()
        self._next = 0
        self._waiting: dict[int, asyncio.Future[Raw]] = {}
        self._streams: dict[int, _Items] = {}
        self._out: list[bytearray] = []
        self._transport: asyncio.Transport | None = None
        self._writable: asyncio.Future[None] | None = None
        self.greeted: asyncio.Future[Hello] = self._loop.create_future()
        self.lost: asyncio.Future[None] = self._loop.create_future()

    # -- asyncio ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._transport.write(pack(frames.HELLO, frames.PROTOCOL, frames.MAGIC, self._hello))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._out.clear()
        self.resume_writing()
        if not self.lost.done():
            self.lost.set_result(None)
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionBroke())
            self.greeted.exception()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionBroke())
        for items in self._streams.values():
            items.fail(ConnectionBroke())
        self._waiting.clear()
        self._streams.clear()

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._splitter.feed(data):
                self._take(frame)
        except HoldfastError as error:
            self._fail(error if self.greeted.done() else _not_holdfast(self._at))

    def _fail(self, error: HoldfastError) -> None:
        """The other side said that nothing more will come, or cannot be understood."""
        if not self.greeted.done():
            self.greeted.set_exception(error)
            self.greeted.exception()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)
        self.close()

    def _take(self, frame: Frame) -> None:
        kind = frame.kind
        if kind == frames.RESULT or (kind == frames.FAULT and frame.id in self._waiting):
            future = self._waiting.pop(frame.id, None)
            if future is not None and not future.done():
                if kind == frames.RESULT:
                    future.set_result(frame.body)
                else:
                    future.set_exception(frames.decode_problem(frame.body).error())
        elif kind == frames.PUSH:
            self._pushed(frame.name, frame.body)
        elif kind == frames.HELLO and frame.name == frames.MAGIC and not self.greeted.done():
            self.greeted.set_result(frames.decode_hello(frame.body))
        elif frame.id in self._streams:
            items = self._streams[frame.id]
            if kind == frames.ITEM:
                items.put(frame.body)
            else:
                del self._streams[frame.id]
                items.fail(frames.decode_problem(frame.body).error() if kind == frames.FAULT else None)
        elif kind == frames.FAULT and frame.id == 0:
            self._fail(frames.decode_problem(frame.body).error())

    # -- asking -------------------------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether it can be used."""
        return self._transport is not None and not self._transport.is_closing()

    async def request(self, name: str, body: Any) -> Raw:
        """Ask and wait for the answer. Raises ``ConnectionBroke`` and what the other side raised."""
        if self._writable is not None:
            await self._writable
        if self._transport is None:
            raise ConnectionBroke
        self._next = id = self._next + 1
        data = pack(frames.CALL, id, name, body)
        future = self._waiting[id] = self._loop.create_future()
        self._send(data)
        try:
            return await future
        finally:
            self._waiting.pop(id, None)

    async def stream(self, name: str, body: Any) -> AsyncIterator[Raw]:
        """Ask for answers that go on; leaving the loop stops them."""
        if self._transport is None:
            raise ConnectionBroke
        self._next = id = self._next + 1
        items = self._streams[id] = _Items(self._loop)
        self._send(pack(frames.STREAM, id, name, body))
        taken = 0
        try:
            while True:
                item = await items.get()
                if item is None:
                    return
                yield item
                taken += 1
                if taken == _REFILL:
                    taken = 0
                    self._send(pack(frames.CREDIT, id, "", _REFILL))
        finally:
            if self._streams.pop(id, None) is not None:
                self._send(pack(frames.STOP, id))

    def _send(self, data: bytearray) -> None:
        if self._transport is None:
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None and out:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def close(self) -> None:
        """Hang up."""
        self._flush()
        if self._transport is not None:
            self._transport.close()


class _Items:
    """What a stream brought and nobody took yet; the credit bounds it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[Raw] = deque()
        self._over = False
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None

    def put(self, item: Raw) -> None:
        self._items.append(item)
        self._wake()

    def fail(self, error: BaseException | None) -> None:
        self._over, self._error = True, error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> Raw | None:
        while not self._items:
            if self._error is not None:
                raise self._error
            if self._over:
                return None
            self._waiter = self._loop.create_future()
            await self._waiter
        return self._items.popleft()


class Caller:
    """Keeps a connection to one place.

    Args:
        at: where.
        hello: what this side says of itself.
        pushed: called for what the other side pushes.
        patience_seconds: how long requests wait for a server that was there and is gone.
    """

    def __init__(
        self,
        at: Endpoint,
        hello: Hello | None = None,
        *,
        pushed: Pushed | None = None,
        patience_seconds: float = 15.0,
    ) -> None:
        self.at = at
        self.server = Hello()
        self._hello = hello or Hello(name="client", pid=os.getpid())
        self._pushed: Pushed = pushed or _ignore
        self._patience = patience_seconds
        self._line: Line | None = None
        self._connecting: asyncio.Lock = asyncio.Lock()
        self._closed = False

    async def connect(self) -> Line:
        """The connection, a new one if need be. Raises ``Unavailable(server.unreachable)``, ``Conflict(server.protocol)``,
        ``Unavailable(server.not_holdfast)``."""
        line = self._line
        if line is not None and line.alive:
            return line
        async with self._connecting:
            if self._line is not None and self._line.alive:
                return self._line
            if self._closed:
                raise Unavailable("server.closed", "This client was closed; open a new one with holdfast.connect().")
            self._line = await self._dial()
            return self._line

    async def _dial(self) -> Line:
        loop = asyncio.get_running_loop()

        def make() -> Line:
            return Line(self.at, self._hello, self._pushed)

        line: Line | None = None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                if self.at.path:
                    _, line = await loop.create_unix_connection(make, self.at.path)
                else:
                    _, line = await loop.create_connection(make, self.at.host, self.at.port, ssl=_tls(self.at))
                self.server = await line.greeted
                return line
        except ssl.SSLError as error:
            raise Unavailable(
                "server.tls",
                f"No safe connection to {self.at.url}: {error.reason or error}. If its certificate is your own authority's, "
                "say where that is (HOLDFAST_CA).",
                url=self.at.url,
            ) from error
        except (OSError, TimeoutError) as error:
            if line is not None:
                line.close()
                raise _not_holdfast(self.at) from error
            raise _unreachable(self.at) from error
        except ConnectionBroke as error:
            raise _unreachable(self.at) from error

    async def request(self, name: str, body: Any, *, again: bool = True) -> Raw:
        """Ask. When the connection breaks meanwhile and ``again`` allows it, ask again on a new one."""
        line = self._line
        if line is None or not line.alive:
            line = await self._reconnect() if line is not None else await self.connect()
        while True:
            try:
                return await line.request(name, body)
            except ConnectionBroke:
                if not again:
                    raise Unavailable(
                        "server.interrupted",
                        f"The connection to {self.at.url} broke while {name!r} was on its way; whether it happened is "
                        "unknown. Look before doing it again.",
                        operation=name,
                    ) from None
                line = await self._reconnect()
            except Unavailable as error:
                if error.code != _DRAINING or not again:
                    raise
                line.close()  # the server ends; another one may come
                line = await self._reconnect()

    async def _reconnect(self) -> Line:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        wait = 0.02
        while True:
            try:
                return await self.connect()
            except Unavailable as error:
                if loop.time() + wait > until or error.code != "server.unreachable":
                    raise
            await asyncio.sleep(wait)  # noqa: TID251 - a connection's own pace, nothing that a turn sees
            wait = min(wait * 2, 0.5)

    async def stream(self, name: str, body: Any) -> AsyncIterator[Raw]:
        """Ask for answers that go on. A broken connection ends it with ``Unavailable(server.interrupted)``."""
        line = await self.connect()
        try:
            async for item in line.stream(name, body):
                yield item
        except ConnectionBroke:
            raise Unavailable(
                "server.interrupted", f"The connection to {self.at.url} broke; start watching again.", operation=name
            ) from None

    async def close(self) -> None:
        """Hang up for good."""
        self._closed = True
        if self._line is not None:
            line = self._line
            line.close()
            await asyncio.wait([line.lost], timeout=1.0)


def _tls(at: Endpoint) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=os.environ.get("HOLDFAST_CA") or None) if at.tls else None


def _ignore(name: str, body: Raw) -> None:
    """Nobody asked for what is pushed."""


def _unreachable(at: Endpoint) -> Unavailable:
    return Unavailable(
        "server.unreachable",
        f"No server answers at {at.url}. Start one (holdfast up my_agents.py), or say where it is "
        "(--url, or the environment variable HOLDFAST_URL).",
        url=at.url,
    )


def _not_holdfast(at: Endpoint) -> Unavailable:
    return Unavailable(
        "server.not_holdfast",
        f"What answers at {at.url} is not a Holdfast server. Check the address (--url, HOLDFAST_URL).",
        url=at.url,
    )


__all__ = ["Caller", "ConnectionBroke", "Line"]
