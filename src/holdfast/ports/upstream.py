"""How the model gateway reaches a vendor: one HTTP exchange at a time, its body as it comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Broken(Exception):
    """The connection could not be made or ended early. ``kind`` says which: ``connect``, ``reset``, ``protocol`` or
    ``late``."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Exchange(Protocol):
    """One request under way. Whoever opened it must ``close`` it, whatever happened."""

    async def head(self) -> tuple[int, Mapping[str, str]]:
        """Status and headers (names in lower case), when they are there. Raises ``Broken``."""
        ...

    async def read(self) -> bytes:
        """The next piece of the body, ``b""`` at its end. Raises ``Broken`` if it was cut off."""
        ...

    def expire(self) -> None:
        """Whoever waits for it waits no longer: ``Broken(late)``."""
        ...

    def close(self) -> None:
        """Done with it. A connection whose answer was read to its end is kept for the next request; any other is cut, so
        that the vendor stops working on it."""
        ...


class Upstream(Protocol):
    """Reaches vendors."""

    async def open(self, method: str, url: str, headers: Mapping[str, str], body: bytes, connect_seconds: float) -> Exchange:
        """Send a request. Raises ``Broken(connect)`` if there is no connection in time."""
        ...

    async def close(self) -> None:
        """Hang up everywhere."""
        ...
