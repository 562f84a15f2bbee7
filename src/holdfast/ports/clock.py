"""Time, randomness and identity come through here, so that a simulation can own them."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Two readings of time and a wait. ``now_ms`` may jump (it is the wall); ``monotonic`` never goes back."""

    def now_ms(self) -> int:
        """Wall-clock milliseconds since 1970 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait at least ``seconds`` of monotonic time."""
        ...


class Random(Protocol):
    """Randomness for jitter and for ids of the world outside."""

    def uniform(self) -> float:
        """A float in [0, 1)."""
        ...

    def token(self, chars: int = 12) -> str:
        """An unguessable string of lower-case hexadecimal digits."""
        ...
