"""``Witness``: a place outside the store that keeps signed roots.

A hash chain cannot tell that its end was cut off, nor that all of it was written anew by whoever owns the database. A root
that has left the machine can.
"""

from __future__ import annotations

from typing import Protocol


class Witness(Protocol):
    """Roots by number, as the bytes that were signed together with their signature. What was kept once is never replaced."""

    where: str
    """Which place this is, for people; without secrets."""

    async def keep(self, number: int, root: bytes) -> None:
        """Keep a root. The same bytes again change nothing. Raises ``Conflict(audit.witness_disagrees)`` for other bytes,
        ``Unavailable(audit.witness_away)``."""
        ...

    async def kept(self, number: int) -> bytes | None:
        """A root by its number."""
        ...

    async def last(self) -> int:
        """The highest number kept, 0 for none."""
        ...
