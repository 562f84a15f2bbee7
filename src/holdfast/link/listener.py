"""The side that answers: accepts connections, runs each request beside the others, streams no faster than they are read.

A request that was taken is never cancelled by its caller's going away: what it began is finished, only the answer has
nowhere to go.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import stat
from collections.abc import AsyncIterator
from typing import Any, Protocol, cast

import msgspec

from ..domain.errors import Conflict, HoldfastError, LimitExceeded, Unavailable
from . import frames
from .endpoint import Endpoint
from .frames import Frame, Hello, Problem, Raw, Splitter, pack

log = logging.getLogger("holdfast")

REQUESTS = 100_000
"""Requests of one connection that may be open at the same time."""
_HELLO_SECONDS = 10.0
_HELLO_BYTES = 64 << 10
"""Of somebody who was not let in yet."""
_WRONG_DOOR = (
    b"This port speaks Holdfast's own protocol, which you did not. "
    b"Use the holdfast command or holdfast.connect() from Python.\n"
)


class Service(Protocol):
    """What a listener serves."""

    async def begin(self, peer: Peer) -> None:
        """Somebody connected, and said ``peer.hello``. Raises what it is to be turned away with."""
        ...

    async def request(self, peer: Peer, name: str, body: Raw) -> Any:
        """The answer to one request; any msgpack value."""
        ...

    def stream(self, peer: Peer, name: str, body: Raw) -> AsyncIterator[Any]:
        """The answers to one request that go on."""
        ...

    def end(self, peer: Peer) -> None:
        """The connection is gone."""
        ...


class Peer(asyncio.Protocol):
    """One connection, seen from the answering side."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._service = listener.service
        self._loop = asyncio.get_running_loop()
        self._splitter = Splitter()
        self._greeted = False
        self._admitting: asyncio.Task[None] | None = None
        self._out: list[bytearray] = []
        self._open = 0
        self._credit: dict[int, int] = {}
        self._streams: dict[int, asyncio.Task[None]] = {}
        self._more: dict[int, asyncio.Event] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._hello_timer: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport | None = None
        self.hello = Hello()

    # -- asyncio ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._listener.peers.add(self)
        self._hello_timer = self._loop.call_later(_HELLO_SECONDS, self.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._out.clear()
        self._writable.set()
        self._listener.peers.discard(self)
        for task in list(self._streams.values()):
            task.cancel()
        if self._hello_timer is not None:
            self._hello_timer.cancel()
        if self._admitting is not None:
            self._admitting.cancel()
        if self._greeted:
            self._service.end(self)

    def pause_writing(self) -> None:
        """Who does not read the answers gets no more questions in."""
        self._writable.clear()
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        self._writable.set()
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._splitter.feed(data, frames.FRAME_BYTES if self._greeted else _HELLO_BYTES):
                if self.transport is None or self.transport.is_closing():
                    return
                if self._greeted:
                    self._take(frame)
                else:
                    self._greet(frame)
        except HoldfastError as error:
            if not self._greeted:
                self._turn_away()
            else:
                self._send(pack(frames.FAULT, 0, "", Problem.of(error)))
                self.close()

    # -- frames -------------------------------------------------------------------------------------------------

    def _greet(self, frame: Frame) -> None:
        if frame.kind != frames.HELLO or frame.name != frames.MAGIC or self._admitting is not None:
            self._turn_away()
            return
        try:
            self.hello = frames.decode_hello(frame.body)
        except msgspec.MsgspecError:
            self._turn_away()
            return
        mine = self._listener.hello
        if frame.id != frames.PROTOCOL:
            older = "client" if frame.id < frames.PROTOCOL else "server"
            error = Conflict(
                "server.protocol",
                f"The server speaks protocol {frames.PROTOCOL} (Holdfast {mine.version}), the client protocol {frame.id} "
                f"(Holdfast {self.hello.version}). Upgrade the {older}.",
                server=frames.PROTOCOL,
                client=frame.id,
            )
            self._send(pack(frames.FAULT, 0, "", Problem.of(error)))
            self.close()
            return
        self._admitting = asyncio.Task(self._admit(), loop=self._loop)

    async def _admit(self) -> None:
        """Let it in, or say why not."""
        try:
            await self._service.begin(self)
        except HoldfastError as error:
            self._send(pack(frames.FAULT, 0, "", Problem.of(error)))
            self.close()
            return
        if self.transport is None:
            return
        self._greeted = True
        if self._hello_timer is not None:
            self._hello_timer.cancel()
        self._send(pack(frames.HELLO, frames.PROTOCOL, frames.MAGIC, self._listener.hello))

    def _turn_away(self) -> None:
        if self.transport is not None:
            self.transport.write(_WRONG_DOOR)
        self.close()

    def _take(self, frame: Frame) -> None:
        kind = frame.kind
        if kind == frames.CALL:
            if self._open >= REQUESTS:
                self._fault(
                    frame.id,
                    LimitExceeded(
                        "server.busy",
                        f"This connection has {REQUESTS:,} requests open already. Wait for answers, or use another "
                        "connection.",
                    ),
                )
                return
            self._open += 1
            asyncio.Task(self._answer(frame), loop=self._loop).add_done_callback(self._listener.running.discard)
        elif kind == frames.STREAM:
            self._credit[frame.id] = 64
            self._more[frame.id] = asyncio.Event()
            self._streams[frame.id] = asyncio.Task(self._flow(frame), loop=self._loop)
        elif kind == frames.CREDIT:
            if frame.id in self._credit:
                self._credit[frame.id] += msgspec.msgpack.decode(frame.body, type=int)
                self._more[frame.id].set()
        elif kind == frames.STOP and frame.id in self._streams:
            self._streams[frame.id].cancel()

    async def _answer(self, frame: Frame) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._listener.running.add(task)
        try:
            self._send(pack(frames.RESULT, frame.id, "", await self._service.request(self, frame.name, frame.body)))
        except HoldfastError as error:
            self._fault(frame.id, error)
        except Exception as error:  # the caller must hear of it, whatever it is
            log.exception("the operation %s failed", frame.name)
            self._fault(frame.id, _internal(frame.name, error))
        finally:
            self._open -= 1

    async def _flow(self, frame: Frame) -> None:
        try:
            items = self._service.stream(self, frame.name, frame.body)
            async for item in items:
                while self._credit[frame.id] <= 0:
                    self._more[frame.id].clear()
                    await self._more[frame.id].wait()
                await self._writable.wait()
                self._credit[frame.id] -= 1
                self._send(pack(frames.ITEM, frame.id, "", item))
            self._send(pack(frames.END, frame.id))
        except HoldfastError as error:
            self._fault(frame.id, error)
        except Exception as error:  # the caller must hear of it, whatever it is
            log.exception("the stream %s failed", frame.name)
            self._fault(frame.id, _internal(frame.name, error))
        finally:
            for table in (self._credit, self._more, self._streams):
                table.pop(frame.id, None)

    def _fault(self, id: int, error: HoldfastError) -> None:
        try:
            self._send(pack(frames.FAULT, id, "", Problem.of(error)))
        except (TypeError, ValueError, OverflowError):
            self._send(pack(frames.FAULT, id, "", Problem(type(error).__name__, error.code, error.message)))

    @property
    def streams(self) -> dict[int, int]:
        """The streams that go on, and how many items each may still send."""
        return dict(self._credit)

    @property
    def keeps_up(self) -> bool:
        """Whether the other side reads what it is sent as fast as it comes."""
        return self._writable.is_set()

    def push(self, name: str, body: Any) -> None:
        """Tell the other side something that it did not ask for now."""
        self._send(pack(frames.PUSH, 0, name, body))

    def _send(self, data: bytearray) -> None:
        if self.transport is None:
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self.transport is not None and out:
            self.transport.write(out[0] if len(out) == 1 else b"".join(out))

    def close(self) -> None:
        """Send what is written and hang up."""
        self._flush()
        if self.transport is not None:
            self.transport.close()


def _internal(name: str, error: Exception) -> HoldfastError:
    return HoldfastError(
        "server.internal",
        f"The operation {name!r} failed inside the server: {type(error).__name__}: {error}. This is a bug of Holdfast; the "
        "server's log has the place.",
        operation=name,
    )


class Listener:
    """Listens at one place until it is stopped."""

    def __init__(self, at: Endpoint, service: Service, hello: Hello, tls: ssl.SSLContext | None = None) -> None:
        self.at = at
        self._tls = tls
        self.service = service
        self.hello = hello
        self.peers: set[Peer] = set()
        self.running: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> Endpoint:
        """Begin to listen; the place, with the port that was chosen for port 0. Raises ``Unavailable(server.port)``."""
        loop = asyncio.get_running_loop()
        try:
            if self.at.path:
                await self._free_path(loop)
                self._server = await loop.create_unix_server(lambda: Peer(self), self.at.path)
                os.chmod(self.at.path, 0o600)
            else:
                self._server = await loop.create_server(lambda: Peer(self), self.at.host, self.at.port, ssl=self._tls)
                port = self._server.sockets[0].getsockname()[1]
                self.at = Endpoint(self.at.host, port, tls=self._tls is not None)
        except OSError as error:
            raise self._taken(os.strerror(error.errno) if error.errno else str(error)) from error
        return self.at

    def _taken(self, why: str) -> Unavailable:
        return Unavailable(
            "server.port",
            f"Cannot listen at {self.at.url}: {why}. Another server may be running there (holdfast version asks it); choose "
            "another place with --port or --unix, or stop it.",
            url=self.at.url,
        )

    async def _free_path(self, loop: asyncio.AbstractEventLoop) -> None:
        """A socket file that nobody listens on was left by a crash."""
        if not os.path.exists(self.at.path):
            return
        try:
            transport, _ = await loop.create_unix_connection(asyncio.Protocol, self.at.path)
        except ConnectionRefusedError:
            if not stat.S_ISSOCK(os.stat(self.at.path).st_mode):
                raise self._taken("a file is there that is no socket") from None
            os.unlink(self.at.path)
        else:
            transport.close()
            raise self._taken("a server answers there")

    def stop_accepting(self) -> None:
        """Let nobody new in."""
        if self._server is not None:
            self._server.close()
            self._server = None
            if self.at.path and os.path.exists(self.at.path):
                os.unlink(self.at.path)

    def hang_up(self) -> None:
        """Close every connection."""
        self.stop_accepting()
        for peer in list(self.peers):
            peer.close()

    async def finish(self, seconds: float) -> None:
        """Wait until the requests that run have been answered, at most so long."""
        if self.running:
            await asyncio.wait(self.running, timeout=seconds)
