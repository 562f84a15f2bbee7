"""``Health``: how a target is, learnt from real traffic.

A breaker per target: closed while it answers; open after several failures in a row, or when the share of failures (an
exponentially weighted mean) passes a half; then one probe is let through after a pause that doubles while probes fail. A
pause that the vendor asked for (Retry-After) keeps the target out without blaming it.
"""

from __future__ import annotations

_ALPHA = 0.2
_IN_A_ROW = 3
_SHARE = 0.5
_SHARE_AFTER = 8
_PAUSE_SECONDS = 1.0
_PAUSE_MOST_SECONDS = 15.0
_PROBE_SECONDS = 30.0


class Health:
    """One target's. Times are monotonic seconds."""

    __slots__ = (
        "_pause",
        "_seen",
        "error_share",
        "failures",
        "first_ms",
        "open",
        "probing",
        "rest_until",
        "retry_at",
        "why",
    )

    def __init__(self) -> None:
        self.error_share = 0.0
        self.first_ms = 0.0
        self.failures = 0
        self.open = False
        self.probing = 0.0
        """When the probe that is under way began; 0 for none."""
        self.retry_at = 0.0
        self.rest_until = 0.0
        self.why = ""
        self._pause = _PAUSE_SECONDS
        self._seen = 0

    def admits(self, now: float) -> bool:
        """Whether it may be asked now."""
        return now >= self.free_at(now)

    def free_at(self, now: float) -> float:
        """When it may be asked next; not after ``now`` if at once."""
        at = self.rest_until
        if self.open:
            at = max(at, self.retry_at)
            if self.probing and now - self.probing < _PROBE_SECONDS:
                at = max(at, self.probing + _PROBE_SECONDS)
        return at

    def begin(self, now: float) -> None:
        """It is asked."""
        if self.open:
            self.probing = now

    def well(self, first_ms: float) -> bool:
        """It answered. Whether that closed the breaker."""
        recovered = self.open
        self._seen += 1
        self.failures = 0
        self.error_share = 0.0 if recovered else self.error_share * (1 - _ALPHA)
        self.first_ms = first_ms if not self.first_ms else self.first_ms + _ALPHA * (first_ms - self.first_ms)
        self.open, self.probing, self._pause, self.why = False, 0.0, _PAUSE_SECONDS, ""
        return recovered

    def ill(self, now: float, why: str) -> None:
        """It failed."""
        self._seen += 1
        self.failures += 1
        self.error_share += _ALPHA * (1 - self.error_share)
        self.why = why
        if self.open:
            self._pause = min(self._pause * 2, _PAUSE_MOST_SECONDS)
            self.retry_at, self.probing = now + self._pause, 0.0
        elif self.failures >= _IN_A_ROW or (self._seen >= _SHARE_AFTER and self.error_share > _SHARE):
            self.open, self.retry_at = True, now + self._pause

    def indifferent(self) -> None:
        """The call ended without saying anything of the target: it was called off, or the request was wrong."""
        self.probing = 0.0

    def rest(self, now: float, seconds: float, why: str) -> None:
        """It asked to be left alone for so long."""
        self.rest_until = max(self.rest_until, now + seconds)
        self.why, self.probing = why, 0.0

    @property
    def state(self) -> str:
        """``closed``, ``half-open`` or ``open``."""
        return "closed" if not self.open else "half-open" if self.probing else "open"
