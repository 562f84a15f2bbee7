"""One connection of a caller: reads requests, carries out plans, and notices when the caller hangs up first.

It is driven by callbacks alone, without a task of its own: a vendor under load costs little, and when it closes there
is nothing left that could leak. Only a script that awaits something runs as a task, which ends with the connection.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable
from typing import Any, Protocol, cast

from .call import Call
from .lean import LeanAnswers
from .request import Malformed, Request, RequestReader
from .wire import Mark, Plan, Wait, head

_NOT_HTTP = head(400, {"content-length": "0", "connection": "close"})
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


class Host(Protocol):
    """What a connection needs of its vendor."""

    def arrived(self, connection: Connection) -> None:
        """A caller connected."""
        ...

    def gone(self, connection: Connection) -> None:
        """The connection is no more."""
        ...

    def received(self, request: Request) -> Call:
        """A request is complete."""
        ...

    def answer(self, call: Call) -> Plan | Awaitable[Plan]:
        """Decide what to do about it."""
        ...

    def ended(self, call: Call) -> None:
        """It is over, one way or the other."""
        ...

    def failed(self, error: Exception) -> None:
        """The script, or what it said, is broken."""
        ...


class Connection(asyncio.Protocol):
    """See the module."""

    _transport: asyncio.Transport

    def __init__(self, host: Host, lean: LeanAnswers | None = None) -> None:
        self._host = host
        self._lean = lean
        self._reader = RequestReader()
        self._call: Call | None = None
        self._plan: Plan | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._keep_alive = True
        self._paused = False
        self._pumping = False
        self._ours = False

    # The transport calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._lean is None:  # so that an answer counts as given when the kernel has it, not when we hold it
            self._transport.set_write_buffer_limits(high=0)
        self._host.arrived(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._drop_plan()
        if self._task is not None:
            self._task.cancel()
        if self._call is not None:
            self._settle(completed=False, cancelled=not self._ours)
        self._host.gone(self)

    def data_received(self, data: bytes) -> None:
        if self._lean is not None and self._call is None and self._reader.empty:
            answer = self._lean.find(data)
            if answer is not None:
                self._transport.write(answer)
                return
        self._reader.feed(data)
        self._pump()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._timer is None:
            self._advance()

    # Requests in

    def _pump(self) -> None:
        """Take requests one after the other, each when the one before is over."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._call is None and not self._transport.is_closing():
                request = self._reader.next()
                if request is None:
                    if self._reader.expects:
                        self._reader.expects = False
                        self._transport.write(_GO_ON)
                    return
                self._begin(request)
        except Malformed:
            self._transport.write(_NOT_HTTP)
            self._transport.close()
        finally:
            self._pumping = False

    def _begin(self, request: Request) -> None:
        self._keep_alive = request.keep_alive
        self._call = self._host.received(request)
        plan = self._host.answer(self._call)
        if isinstance(plan, Awaitable):
            self._task = asyncio.get_running_loop().create_task(self._decide(plan))
        else:
            self._plan = plan
            self._advance()

    async def _decide(self, plan: Awaitable[Plan]) -> None:
        self._plan = await plan
        self._task = None
        self._advance()

    # Answers out

    def _advance(self) -> None:
        """Carry out the plan as far as it goes now; a wait and a full pipe come back here."""
        self._timer = None
        while self._plan is not None and not self._paused and not self._transport.is_closing():
            try:
                act = next(self._plan, Mark.RESET)
            except Exception as error:
                self._host.failed(error)
                act = Mark.RESET
            match act:
                case bytes():
                    self._transport.write(act)
                case Wait(seconds):
                    self._timer = asyncio.get_running_loop().call_later(seconds, self._advance)
                    return
                case Mark.HANG:
                    return
                case Mark.END:
                    self._end(close=not self._keep_alive)
                case Mark.END_AND_CLOSE:
                    self._end(close=True)
                case Mark.CLOSE | Mark.RESET:
                    self._break(reset=act is Mark.RESET)

    def _end(self, *, close: bool) -> None:
        self._drop_plan()
        self._settle(completed=True)
        if close:
            self._transport.close()
        else:
            self._pump()

    def _break(self, *, reset: bool) -> None:
        self._drop_plan()
        self._ours = True
        self._settle(completed=False)
        if reset:
            _linger_not(self._transport)
            self._transport.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """The vendor closes."""
        self._ours = True
        self._transport.abort()

    def _settle(self, *, completed: bool, cancelled: bool = False) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.completed, call.cancelled_by_client = completed, cancelled
            self._host.ended(call)

    def _drop_plan(self) -> None:
        self._plan = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _linger_not(transport: asyncio.Transport) -> None:
    """Closing now sends RST. The option is set through a copy of the descriptor: uvloop does not lend its socket."""
    ours: Any = transport.get_extra_info("socket")
    if ours is None or ours.fileno() < 0:
        return
    with socket.socket(fileno=os.dup(ours.fileno())) as copy:
        copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
