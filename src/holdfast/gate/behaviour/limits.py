"""From what was learned to limits that an action is compared with: computed now and then, so that judging is comparing.

Counts. X is the count in a window less one, given that there is any. With a flat prior over the rate, what n windows with a
sum of s predict is exactly negative binomial with size s + 1/2; where the variance is larger than the mean says, a size
fitted to the variance (at the upper end of what it may be) takes its place. The limit is the least count whose upper tail is
at most alpha.

Sustained rates. Page's CUSUM over finished minutes of the log likelihood ratio of twice the usual rate. Lorden's bound: with
a threshold of log(1/alpha) it raises a false alarm at most once in 1/alpha windows.

Volumes. Beyond the 99th percentile a Pareto tail through the 90th and the 99th: P(X > x) = 0.01 (x / q99)^-k, with
k = log 10 / log(q99 / q90). It is heavier than the tails of amounts and sizes usually are, which is the safe side.

Whatever was seen in honest traffic is never an anomaly: no limit lies below the largest value that was learned.
"""

from __future__ import annotations

from math import log, sqrt

from .learned import Action, Windows
from .sketches import Volumes
from .tails import least_count, negative_binomial_tail

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
PAYLOAD = "payload"
SPANS = {"minute": MINUTE_MS, "hour": HOUR_MS}
_STEEPEST = log(10.0) / log(1.15)
_LEAST_SAMPLES_OF_A_TAIL = 100
_ROOM, _ROOM_BYTES = 1.5, 256.0
"""A limit leaves this much room beyond the largest value seen: where all are alike, a little more is no news."""


class Limits:
    """What one action of one kind of agent is compared with.

    Attributes:
        counts: the least count that is an anomaly, by window.
        drift: (gain per count, loss per window, threshold) of the CUSUM; None if nothing is known.
        volumes: the largest value that is none, by argument.
    """

    __slots__ = ("alpha", "at", "counts", "drift", "volumes")

    def __init__(self, action: Action, alpha: float, minimum: int) -> None:
        self.alpha = alpha
        self.at = action.n
        self.counts: dict[str, int] = {}
        self.drift: tuple[float, float, float] | None = None
        self.volumes: dict[str, float] = {}
        for name, windows in action.windows.items():
            if windows.n >= minimum:
                mean, size = fitted(windows)
                self.counts[name] = max(least_count(alpha, mean, size), windows.largest + 1) + 1
                if name == "minute":
                    self.drift = _drift(mean, size, alpha)
        for name, volumes in action.volumes.items():
            if volumes.judges and volumes.n >= max(minimum, _LEAST_SAMPLES_OF_A_TAIL):
                room = volumes.largest * _ROOM + (_ROOM_BYTES if name == PAYLOAD else 0.0)
                self.volumes[name] = max(_largest(volumes, alpha), room)

    def stale(self, action: Action, alpha: float) -> bool:
        """Whether so much was learned since, or so much changed, that they have to be computed anew."""
        return action.n > self.at * 1.1 + 16 or not 0.7 < alpha / self.alpha < 1.4


def fitted(windows: Windows) -> tuple[float, float]:
    """Mean and size of the negative binomial distribution that the next window is compared with."""
    n = windows.n
    mean = windows.total / n
    variance = max(windows.squares - n * mean * mean, 0.0) / max(n - 1, 1)
    upper = variance * (1.0 + 3.0 * sqrt(2.0 / n))
    mean = (windows.total + 0.5) / n + 2.0 * sqrt(max(variance, mean) / n)
    size = windows.total + 0.5
    if upper > mean:
        size = min(size, mean * mean / (upper - mean))
    return mean, size


def surprise_of_count(windows: Windows, count: int) -> float:
    """The tail probability of a count, for the explanation."""
    return negative_binomial_tail(count - 1, *fitted(windows))


def surprise_of_volume(volumes: Volumes, value: float) -> float:
    """The tail probability of a value, for the explanation."""
    q99, steepness = _tail(volumes)
    return 0.01 * ((value + 1.0) / (q99 + 1.0)) ** -steepness


def _drift(mean: float, size: float, alpha: float) -> tuple[float, float, float]:
    double = 2.0 * mean + 0.5
    gain = log((double / (double + size)) / (mean / (mean + size)))
    return gain, size * log((size + double) / (size + mean)), log(1.0 / alpha)


def _largest(volumes: Volumes, alpha: float) -> float:
    q99, steepness = _tail(volumes)
    return (q99 + 1.0) * (0.01 / min(alpha, 0.01)) ** (1.0 / steepness) - 1.0


def _tail(volumes: Volumes) -> tuple[float, float]:
    q90, q99 = volumes.quantile(0.90), volumes.quantile(0.99)
    spread = log((q99 + 1.0) / (q90 + 1.0))
    return q99, min(log(10.0) / spread, _STEEPEST) if spread > 0 else _STEEPEST
