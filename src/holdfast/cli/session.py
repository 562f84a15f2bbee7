"""From options to a client: a server's wire, or a store opened by this very process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from ..sdk.client import Client
from . import options

T = TypeVar("T")

_PATIENCE_SECONDS = 2.0
"""How long a press of the tab key waits for a server that is busy."""


def run(work: Callable[[Client], Awaitable[T]], url: str = "", store: str = "", *, built_in: bool = False) -> T:
    """Connect, do the work, hang up. ``built_in``: where a store is opened, the work needs Holdfast's own agents."""

    async def main() -> T:
        async with client(url, store, built_in=built_in) as connected:
            if options.DRY_RUN[0]:
                from .rehearsing import rehearsed

                return await rehearsed(work, connected)
            return await work(connected)

    return asyncio.run(main())


def timed(ask: Callable[[Client], Awaitable[T]], url: str = "", store: str = "") -> tuple[T, int]:
    """What is asked for, and the time there, to tell how long ago something was."""

    async def work(connected: Client) -> tuple[T, int]:
        return await ask(connected), await connected.now()

    return run(work, url, store)


@asynccontextmanager
async def client(url: str = "", store: str = "", *, built_in: bool = False) -> AsyncGenerator[Client]:
    """A client for the options ``--url`` and ``--store``."""
    if not store:
        from ..protocols.wire.channel import connect

        async with connect(url or None, sender="cli", token=token_for(url)) as connected:
            yield connected
        return
    from ..bootstrap.runtime import Runtime
    from ..domain.errors import NotFound, Rejected

    scheme, _, rest = store.partition(":")
    if scheme == "memory":
        raise Rejected("store.url", "memory:// belongs to one process; there is nothing to look at from outside.", url=store)
    if scheme in ("holdfast", "holdfast+unix"):
        async with client(store) as connected:
            yield connected
        return
    if scheme == "sqlite":
        path = rest.partition("?")[0].removeprefix("//")[1:]
        if not os.path.exists(path) and not built_in:  # the first token comes before the first server
            raise NotFound(
                "store.missing",
                f"There is no store {path or rest!r}. `holdfast up --store {store} FILE` makes one.",
                url=store,
            )
    async with Runtime([], store, name="cli", built_in=built_in) as runtime:
        yield runtime


def token_for(url: str) -> str:
    """The token of this run: given, or kept by `holdfast login` for this server."""
    if options.TOKEN[0]:
        return options.TOKEN[0]
    from .credentials import kept

    return kept(url or os.environ.get("HOLDFAST_URL", ""))


def quick(url: str, incomplete: str) -> list[str]:
    """Addresses for shell completion; nothing if no server answers in time."""
    from ..domain.errors import HoldfastError

    async def look() -> list[str]:
        async with asyncio.timeout(_PATIENCE_SECONDS), client(url) as connected:
            return [a.address for a in await connected.agents(like=incomplete, limit=50)]

    try:
        return asyncio.run(look())
    except (HoldfastError, TimeoutError, OSError):
        return []
