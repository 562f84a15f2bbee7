"""Connections: one driver connection as a ``Link``, a small pool of them, and reconnecting.

Only here is the driver called. A connection that is found closed before a call is replaced silently; one that is cut
during a call makes that call raise ``Unavailable(store.unreachable)``, and the next call connects anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from ...domain.errors import Unavailable
from .place import GONE, Place, translate

Row = tuple[Any, ...]
T = TypeVar("T")

CONNECT_SECONDS = 5.0
CALL_SECONDS = 30.0
LISTING_SECONDS = 300.0
WAIT_SECONDS = 30.0
PLANS_SECONDS = 60.0
"""How long plans are kept; tables grow, and not every server analyses them."""

_COMMON = {
    "application_name": "holdfast",
    "jit": "off",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
_HOT = {
    # The statements of the hot path always go by an index from a handful of rows to a handful of rows. Their plans are
    # made once and kept, perhaps while a table is still small, so the planner is told so instead of being asked to guess:
    # every row that is looked at is dear, finding one by an index is not.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "random_page_cost": "0.01",
    "cpu_tuple_cost": "1",
    "cpu_index_tuple_cost": "1",
}


class Driver(Protocol):
    """What is used of an asyncpg connection."""

    async def fetch(self, query: str, *args: Any, timeout: float | None = None) -> list[Any]: ...
    async def fetchrow(self, query: str, *args: Any, timeout: float | None = None) -> Any: ...
    async def fetchval(self, query: str, *args: Any, timeout: float | None = None) -> Any: ...
    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str: ...
    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None: ...
    async def remove_listener(self, channel: str, callback: Callable[..., None]) -> None: ...
    def add_termination_listener(self, callback: Callable[..., None]) -> None: ...
    def transaction(self) -> Any: ...
    def is_closed(self) -> bool: ...
    def terminate(self) -> None: ...
    async def close(self, *, timeout: float | None = None) -> None: ...


async def connect(place: Place, *, hot: bool) -> Driver:
    """One connection; raises what ``translate`` gives."""
    settings = _COMMON | {"search_path": f'"{place.schema}"'} | (_HOT if hot else {})
    try:
        return await asyncpg.connect(place.dsn, timeout=CONNECT_SECONDS, server_settings=settings)  # type: ignore[return-value]
    except GONE as error:
        raise translate(error, place) from error
    except ValueError as error:
        raise translate(OSError(str(error)), place) from error


class Pool:
    """At most ``size`` connections, handed out last in, first out, so that a quiet store uses a warm one."""

    def __init__(self, place: Place, size: int, *, hot: bool) -> None:
        self._place, self._hot = place, hot
        self._free: list[Driver] = []
        self._slots = asyncio.Semaphore(size)
        self._out: set[Driver] = set()
        self._planned: dict[Driver, float] = {}
        self._seconds = CALL_SECONDS if hot else LISTING_SECONDS
        self._closed = False

    async def row(self, query: str, *args: Any) -> Any:
        """The first row of a query, or None."""
        async with Borrowed(self) as link:
            return await link.fetchrow(query, *args, timeout=self._seconds)

    async def rows(self, query: str, *args: Any) -> list[Any]:
        """All rows of a query."""
        async with Borrowed(self) as link:
            return await link.fetch(query, *args, timeout=self._seconds)

    async def value(self, query: str, *args: Any) -> Any:
        """The first column of the first row."""
        async with Borrowed(self) as link:
            return await link.fetchval(query, *args, timeout=self._seconds)

    async def take(self) -> Driver:
        """A connection for one call; waits a bounded time for a free one."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._slots.acquire()
        except TimeoutError as error:
            raise Unavailable(
                "store.unreachable",
                f"PostgreSQL at {self._place.shown} is too slow: a call waited {WAIT_SECONDS:.0f} s for a connection.",
                url=self._place.shown,
            ) from error
        try:
            if self._closed:
                raise Unavailable("store.unreachable", "The store was closed.", url=self._place.shown)
            while self._free:
                link = self._free.pop()
                if not link.is_closed():
                    break
            else:
                link = await connect(self._place, hot=self._hot)
        except BaseException:
            self._slots.release()
            raise
        self._out.add(link)
        now = asyncio.get_running_loop().time()
        if now - self._planned.setdefault(link, now) > PLANS_SECONDS and self._hot:
            self._planned[link] = now
            await self._plan_anew(link)
        return link

    async def _plan_anew(self, link: Driver) -> None:
        try:
            await link.execute("DISCARD PLANS", timeout=self._seconds)
        except GONE as error:
            self.give_back(link, broken=True)
            raise translate(error, self._place) from error
        except BaseException:
            self.give_back(link, broken=True)
            raise

    def give_back(self, link: Driver, *, broken: bool) -> None:
        """Return a connection; a broken one is dropped."""
        self._out.discard(link)
        if broken or self._closed:
            link.terminate()
        if link.is_closed():
            self._planned.pop(link, None)
        else:
            self._free.append(link)
        self._slots.release()

    async def close(self) -> None:
        """End all connections; calls in flight are cut."""
        self._closed = True
        free, self._free = self._free, []
        for link in self._out:
            link.terminate()
        for link in free:
            await end(link)


class Borrowed:
    """A connection of a pool for one block; the driver's errors leave it translated, except collisions."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> Driver:
        self._link = await self._pool.take()
        return self._link

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        answered = error is None or isinstance(error, asyncpg.PostgresError)
        self._pool.give_back(self._link, broken=not answered)
        if isinstance(error, GONE) and getattr(error, "sqlstate", "") not in COLLISIONS:
            raise translate(error, self._pool._place) from error  # pyright: ignore[reportPrivateUsage]


COLLISIONS = frozenset({"40P01", "40001"})
"""Deadlock, serialisation: nothing was applied, and whoever called knows to call again."""
TRIES = 8
"""How often, before it is others that have to wait."""


async def through_collisions(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call until it met nobody."""
    for _ in range(TRIES):
        try:
            return await call()
        except asyncpg.PostgresError:  # only collisions leave a pool as these
            continue
    raise contended()


def contended() -> Unavailable:
    """A call collided with others too often."""
    return Unavailable(
        "store.unreachable", "PostgreSQL kept refusing this call because of others at the same moment. Try again."
    )


async def end(link: Driver) -> None:
    """Close politely, but not for long."""
    try:
        await link.close(timeout=2.0)
    except GONE:
        link.terminate()
