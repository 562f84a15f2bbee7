"""``holdfast --dry-run COMMAND``: the command runs up to the first operation that changes something, which tells instead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import typer

from ..protocols.wire.contract import signature
from ..sdk.client import Channel, Client
from .options import CHOSEN, Format
from .output import show_one

T = TypeVar("T")


class _Told(Exception):
    """What an operation would have done."""


class _Rehearsing:
    """A channel that changes nothing."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def request(self, operation: str, *args: Any, **given: Any) -> Any:
        """See ``Channel``."""
        what = signature(operation)
        if not what.what.changes:
            return await self._channel.request(operation, **what.named(args, given))
        raise _Told(await self._channel.request(operation, **what.named(args, given), dry_run=True))

    def stream(self, operation: str, **given: Any) -> AsyncIterator[Any]:
        """See ``Channel``."""
        return self._channel.stream(operation, **given)

    async def now_ms(self) -> int:
        """See ``Channel``."""
        return await self._channel.now_ms()


async def rehearsed(work: Callable[[Client], Awaitable[T]], client: Client) -> T:
    """Do the work without its changes. Ends the command where it would have changed something."""
    try:
        return await work(Client(_Rehearsing(client.channel), sender="cli"))
    except _Told as told:
        [found] = told.args
        if CHOSEN[0] is Format.table:
            print(f"would {found.would}")
        else:
            show_one(found, CHOSEN[0])
        raise typer.Exit from None
