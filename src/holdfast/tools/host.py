"""``ToolHost``: what a worker keeps for its tools: connections to other programs, each made when it is first needed, shared
by all agents there, and closed with the worker.

Definitions only describe what they want to reach; nothing in them holds a connection, so they can be loaded, hashed and
replayed without any server being there.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Protocol, TypeVar, cast

from ..domain.errors import Rejected
from ..ports.clock import Clock
from ..ports.database import Database
from ..ports.upstream import Upstream
from ..secrets import Secrets

log = logging.getLogger("holdfast.tools")

_CLOSE_SECONDS = 15.0
_IDENTITY = re.compile(r"(?<![^\s])identity:(\S+)")
Sign = Callable[[str, tuple[str, ...], str], str]
"""From an agent, the chain before it and an audience to a signed token."""


class Closes(Protocol):
    """Something that holds a connection."""

    async def close(self) -> None:
        """Let it go; never raises for what the other side does."""
        ...


K = TypeVar("K", bound=Closes)
T = TypeVar("T")


class ToolHost:
    """See the module.

    Args:
        make_upstream: an HTTP client.
        open_database: a database by its address; raises ``Rejected`` for one of an unknown kind.
        secrets: looks up where tools say that a secret is.
    """

    def __init__(
        self,
        clock: Clock,
        make_upstream: Callable[[], Upstream] | None = None,
        open_database: Callable[[str], Database] | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self.clock = clock
        self.secrets = secrets or Secrets()
        self.sign: Sign | None = None
        """Makes signed tokens for agents; None in a process that has no keys."""
        self._make_upstream = make_upstream
        self._open_database = open_database
        self._kept: dict[Hashable, Closes] = {}
        self._closed = False

    def keep(self, key: Hashable, make: Callable[[], K]) -> K:
        """What is kept under ``key``, made now if it is not there yet."""
        found = self._kept.get(key)
        if found is None:
            if self._closed:
                raise asyncio.CancelledError  # the worker is gone: so is the turn that asks
            found = self._kept[key] = make()
        return cast(K, found)

    @property
    def upstream(self) -> Upstream:
        """The HTTP client."""
        make = self._make_upstream
        if make is None:
            raise Rejected("tool.no_host", "This worker has no HTTP client for its tools.")
        return self.keep("upstream", make)

    def database(self, url: str) -> Database:
        """The database at this address."""
        make = self._open_database
        if make is None:
            raise Rejected("tool.no_host", "This worker has no database drivers for its tools.")
        return self.keep(("database", url), lambda: make(url))

    async def close(self) -> None:
        """Close all of it, side by side."""
        self._closed = True
        kept, self._kept = list(self._kept.values()), {}
        if not kept:
            return
        done, late = await asyncio.wait([asyncio.Task(k.close()) for k in kept], timeout=_CLOSE_SECONDS)
        for task in late:
            task.cancel()
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                log.warning("a connection of a tool was not closed cleanly: %r", error)


class Calling:
    """What a tool with ``takes_host`` is given first: its worker's host, and what belongs to this very call.

    Attributes:
        tell: shows something to whoever looks at the agent right now.
        key: the same on every attempt of this call, for effects that deduplicate.
        agent, chain: who calls, and who delegated the work to it, outermost first.
    """

    __slots__ = ("agent", "chain", "host", "key", "tell")

    def __init__(
        self, host: ToolHost, tell: Callable[[Any], None], key: str, agent: str = "", chain: tuple[str, ...] = ()
    ) -> None:
        self.host = host
        self.tell = tell
        self.key = key
        self.agent = agent
        self.chain = chain

    async def revealed(self, text: str) -> str:
        """A text with its references replaced by the secrets that are there; ``identity:AUDIENCE`` is a token that says for
        this audience who calls and on whose behalf, good for minutes. Raises ``Rejected(tool.secret)``,
        ``Rejected(tool.no_identity)``."""
        return await self.host.secrets.revealed(_IDENTITY.sub(self._signed, text))

    def _signed(self, found: re.Match[str]) -> str:
        if self.host.sign is None or not self.agent:
            raise Rejected(
                "tool.no_identity", "A tool is to say who calls it, and this process has no keys to sign that with."
            )
        token = self.host.sign(self.agent, self.chain, found.group(1))
        self.host.secrets.note(token, found.group())
        return token


async def aside(work: Coroutine[Any, Any, T]) -> T:
    """Run it in a task that is no branch of the turn that asks, whatever tasks it makes; it ends with who asks."""
    return await asyncio.Task(work)
