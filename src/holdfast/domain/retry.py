"""How often, and how patiently, something is tried again."""

from __future__ import annotations

import msgspec

from .errors import HoldfastError, Rejected


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """Exponential backoff with full jitter.

    The wait before attempt ``n + 1`` is ``random(0.5, 1) * min(initial * factor**(n-1), maximum)``.

    Args:
        attempts: tries in all, at least 1. ``1`` means no retry.
        initial_seconds: the first wait.
        factor: growth of the wait.
        maximum_seconds: the longest wait.
        jitter: 0 for exact waits, 1 for waits between half and all.
        on: exception types worth retrying; empty means every ``Exception`` but a ``HoldfastError`` that says no.
        never: exception types that end the attempts at once.
    """

    attempts: int = 3
    initial_seconds: float = 0.1
    factor: float = 2.0
    maximum_seconds: float = 30.0
    jitter: float = 1.0
    on: tuple[type[BaseException], ...] = ()
    never: tuple[type[BaseException], ...] = ()

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.initial_seconds < 0 or self.factor < 1 or self.maximum_seconds < 0:
            raise Rejected(
                "retry.malformed",
                "Retry needs attempts >= 1, initial_seconds >= 0, factor >= 1 and maximum_seconds >= 0.",
            )

    def wants(self, error: BaseException, attempt: int) -> bool:
        """Whether ``error`` on the 1-based ``attempt`` deserves another try."""
        if attempt >= self.attempts or not isinstance(error, Exception) or isinstance(error, self.never or ()):
            return False
        if self.on:
            return isinstance(error, self.on)
        return not isinstance(error, HoldfastError) or error.retry

    def wait_seconds(self, attempt: int, draw: float) -> float:
        """Seconds to wait after the 1-based ``attempt``; ``draw`` is uniform in [0, 1)."""
        full = min(self.initial_seconds * self.factor ** (attempt - 1), self.maximum_seconds)
        return full * (1 - self.jitter / 2 * (1 - draw))


ONCE = Retry(attempts=1)
