"""``Pace``: keeps a target within its limits of requests and tokens per minute and of requests at once."""

from __future__ import annotations

from .routes import Target


class Pace:
    """One target's. Its buckets begin full, hold a minute's allowance and fill steadily."""

    __slots__ = ("_at", "_requests", "_target", "_tokens", "running")

    def __init__(self, target: Target) -> None:
        self._target = target
        self._at = 0.0
        self._requests = float(target.requests_per_minute)
        self._tokens = float(target.tokens_per_minute)
        self.running = 0

    def wait_seconds(self, now: float, tokens: int) -> float:
        """How long until a request of so many tokens may go; 0 for at once."""
        target = self._target
        if target.concurrency and self.running >= target.concurrency:
            return 0.05
        if not target.requests_per_minute and not target.tokens_per_minute:
            return 0.0
        self._fill(now)
        wait = 0.0
        if target.requests_per_minute:
            wait = max(wait, (1 - self._requests) * 60 / target.requests_per_minute)
        if target.tokens_per_minute:
            wanted = min(tokens, target.tokens_per_minute)
            wait = max(wait, (wanted - self._tokens) * 60 / target.tokens_per_minute)
        return wait

    def take(self, tokens: int) -> None:
        """A request goes."""
        self.running += 1
        self._requests -= 1
        self._tokens -= tokens

    def done(self, reserved: int, used: int) -> None:
        """It ended; what was reserved too much flows back."""
        self.running -= 1
        self._tokens += reserved - used

    def _fill(self, now: float) -> None:
        target, passed = self._target, now - self._at
        self._at = now
        self._requests = min(target.requests_per_minute, self._requests + passed * target.requests_per_minute / 60)
        self._tokens = min(target.tokens_per_minute, self._tokens + passed * target.tokens_per_minute / 60)
