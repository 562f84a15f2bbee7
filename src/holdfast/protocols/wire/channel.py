"""The client's side: ``connect`` gives a ``Client`` whose operations travel to a server.

Calls and messages get a dedupe key of their own, so that asking again after a lost connection never does anything twice.
"""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import AsyncIterator
from typing import Any

from ...domain.errors import Rejected
from ...link import DEFAULT_URL, Caller, endpoint
from ...link.frames import Hello
from ...sdk.client import Client
from .contract import signature


class WireChannel:
    """The channel of a client that talks to a server."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self._nonce = secrets.token_hex(6)
        self._numbers = itertools.count(1)

    async def request(self, operation: str, *args: Any, **given: Any) -> Any:
        """See ``Channel``."""
        what = signature(operation)
        if what.streams:
            raise Rejected("operation.input", f"{operation!r} goes on: use `async for ... in client.stream({operation!r})`.")
        if args:
            given = what.named(args, given)
        if what.keyed and not given.get("key"):
            given["key"] = f"{self._nonce}-{next(self._numbers):x}"
        answer = await self.caller.request(operation, given, again=what.again)
        return what.result(answer, dry=bool(given.get("dry_run")))

    async def stream(self, operation: str, **given: Any) -> AsyncIterator[Any]:
        """See ``Channel``."""
        what = signature(operation)
        async for item in self.caller.stream(operation, given):
            yield what.result(item)

    async def now_ms(self) -> int:
        """See ``Channel``."""
        return await self.request("now")


class connect:  # noqa: N801 - reads like the function that it is: `async with connect() as client`
    """Connect to a running server.

    >>> async with holdfast.connect() as client:
    ...     total = await client.call(add["tickets"], 5)

    Args:
        url: ``holdfast://host:port`` or ``holdfast+unix:///path``; by default the environment's HOLDFAST_URL, else
            ``holdfast://127.0.0.1:7433``.
        sender: who the messages are from, as agents and people see it.
        patience_seconds: how long requests wait for a server that was there and is gone (a restart).
        token: who you are, for a server that asks; by default the environment's HOLDFAST_TOKEN.

    Raises:
        Unavailable: ``server.unreachable`` if nobody answers there.
        Rejected: ``auth.required``, or what is wrong with the token.
    """

    def __init__(
        self, url: str | None = None, *, sender: str = "client", patience_seconds: float = 15.0, token: str = ""
    ) -> None:
        at = endpoint(url or os.environ.get("HOLDFAST_URL") or DEFAULT_URL)
        from ... import __version__

        hello = Hello(__version__, sender, os.getpid(), token or os.environ.get("HOLDFAST_TOKEN", ""))
        self._caller = Caller(at, hello, patience_seconds=patience_seconds)
        self._sender = sender

    async def __aenter__(self) -> Client:
        await self._caller.connect()
        return Client(WireChannel(self._caller), sender=self._sender)

    async def __aexit__(self, *exc: object) -> None:
        await self._caller.close()
