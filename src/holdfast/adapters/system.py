"""The real clock and the real dice."""

from __future__ import annotations

import asyncio
import random
import secrets
import time


class SystemClock:
    """Wall, monotonic and event-loop time."""

    def now_ms(self) -> int:
        """See the port."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """See the port."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See the port."""
        await asyncio.sleep(seconds)


class SystemRandom:
    """Jitter from the fast generator, tokens from the operating system's."""

    def uniform(self) -> float:
        """See the port."""
        return random.random()

    def token(self, chars: int = 12) -> str:
        """See the port."""
        return secrets.token_hex((chars + 1) // 2)[:chars]
