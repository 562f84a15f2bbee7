"""Server-sent events: what an operation that goes on yields, each item with an id from which the next connection goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from ...domain.errors import HoldfastError
from ...journal.codec import to_json
from .problems import internal, problem_of
from .requests import Request

_FIRST_SECONDS = 0.1
"""How long a failure before the first item may take to be an ordinary HTTP error; after that, the stream has begun."""
_QUIET_SECONDS = 15.0
"""After so much silence a comment is sent: proxies keep the connection, and a client that is gone is noticed."""

_END = object()
Id = Callable[[Any], str]


def event(data: bytes, *, id: str = "", name: str = "") -> bytes:
    """One event's bytes."""
    head = (f"event: {name}\n" if name else "") + (f"id: {id}\n" if id else "")
    return head.encode() + b"data: " + data + b"\n\n"


async def stream(request: Request, items: AsyncIterator[Any], id_of: Id, where: str) -> None:
    """Send what comes until it ends (event ``end``), fails (event ``error``), or the client hangs up. Raises what fails
    before anything was sent."""
    sending = _Sending(request, items, id_of, where)
    try:
        await sending.run()
    finally:
        await sending.stop()


class _Sending:
    """One stream on its way out."""

    def __init__(self, request: Request, items: AsyncIterator[Any], id_of: Id, where: str) -> None:
        self._request = request
        self._items = items
        self._id_of = id_of
        self._where = where
        self._begun = False
        self._left = self._task(request.hung_up())
        self._coming = self._task(self._next())

    def _task(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return asyncio.Task(work, loop=asyncio.get_running_loop())

    async def _next(self) -> Any:
        return await anext(self._items, _END)

    async def run(self) -> None:
        """See ``stream``."""
        while True:
            seconds = _QUIET_SECONDS if self._begun else _FIRST_SECONDS
            await asyncio.wait({self._coming, self._left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if self._left.done():
                return
            if not self._coming.done():
                await self._send(b": quiet\n\n")
                continue
            try:
                item = self._coming.result()
            except Exception as error:
                await self._fail(error if isinstance(error, HoldfastError) else internal(error, self._where))
                return
            if item is _END:
                await self._send(event(b"{}", name="end"))
                await self._request.end_stream()
                return
            self._coming = self._task(self._next())
            await self._send(event(to_json(item), id=self._id_of(item)))

    async def _send(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            await self._request.begin_stream()
        await self._request.piece(data)

    async def _fail(self, error: HoldfastError) -> None:
        if not self._begun:
            raise error
        await self._send(event(to_json(problem_of(error)), name="error"))
        await self._request.end_stream()

    async def stop(self) -> None:
        """Let go of what still runs, and of the generator behind it."""
        for task in (self._left, self._coming):
            task.cancel()
        await asyncio.wait({self._left, self._coming})
        close: Callable[[], Awaitable[None]] | None = getattr(self._items, "aclose", None)
        if close is not None:
            await close()
