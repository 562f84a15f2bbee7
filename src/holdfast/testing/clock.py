"""The clock and the dice of a simulation; both are ports that the runtime takes instead of the real ones."""

from __future__ import annotations

import asyncio
import random

from .loop import SimulatedLoop

START_MS = 1_800_000_000_000
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


class SimulatedClock:
    """Virtual time of one machine. ``jump`` moves its wall and leaves the monotonic clock alone, as a bad NTP step does."""

    def __init__(self, loop: SimulatedLoop, start_ms: int = START_MS) -> None:
        self._loop = loop
        self._start_ms = self._right_ms = start_ms

    def now_ms(self) -> int:
        """See the port."""
        return self._start_ms + int(self._loop.time() * 1000)

    def monotonic(self) -> float:
        """See the port."""
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """See the port."""
        await asyncio.sleep(seconds)

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward, or back if negative."""
        self._start_ms += int(seconds * 1000)

    @property
    def wrong(self) -> bool:
        """Whether the wall clock shows something else than the time."""
        return self._start_ms != self._right_ms

    def set_right(self) -> None:
        """Undo all jumps."""
        self._start_ms = self._right_ms


class SeededRandom:
    """The same numbers and tokens for the same seed."""

    def __init__(self, seed: int | str) -> None:
        self._dice = random.Random(seed)

    def uniform(self) -> float:
        """See the port."""
        return self._dice.random()

    def token(self, chars: int = 12) -> str:
        """See the port."""
        return "".join(self._dice.choice(_ALPHABET) for _ in range(chars))


__all__ = ["START_MS", "SeededRandom", "SimulatedClock"]
