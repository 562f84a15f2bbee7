"""Exact upper tails of counts, by the incomplete gamma and beta functions (Numerical Recipes 6.2, 6.4).

A normal approximation is off by orders of magnitude exactly where thresholds lie: three or four standard deviations above a
small mean. These hold for any mean, in a handful of steps.
"""

from __future__ import annotations

from math import exp, lgamma, log, log1p

_STEPS = 500
_ENOUGH = 1e-15
_TINY = 1e-300


def poisson_tail(count: int, mean: float) -> float:
    """P(X >= count) for a Poisson variable: the regularised lower incomplete gamma function P(count, mean)."""
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    return _gamma_series(count, mean) if mean < count + 1 else 1.0 - _gamma_fraction(count, mean)


def negative_binomial_tail(count: int, mean: float, size: float) -> float:
    """P(X >= count) for a negative binomial variable with this mean and variance ``mean + mean**2 / size``: the regularised
    incomplete beta function I_q(count, size) with q = mean / (mean + size). With a large size it is a Poisson variable."""
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if size > 1e9:
        return poisson_tail(count, mean)
    return _beta(mean / (mean + size), float(count), size)


def least_count(alpha: float, mean: float, size: float) -> int:
    """The smallest count with a tail of at most ``alpha``."""
    low, high = 0, 1
    while negative_binomial_tail(high, mean, size) > alpha:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if negative_binomial_tail(middle, mean, size) > alpha:
            low = middle
        else:
            high = middle
    return high


def _gamma_series(a: float, x: float) -> float:
    term = total = 1.0 / a
    n = a
    for _ in range(_STEPS + int(x)):
        n += 1.0
        term *= x / n
        total += term
        if term < total * _ENOUGH:
            break
    return total * exp(-x + a * log(x) - lgamma(a))


def _gamma_fraction(a: float, x: float) -> float:
    b = x + 1.0 - a
    c, d = 1.0 / _TINY, 1.0 / b
    h = d
    for i in range(1, _STEPS + int(x)):
        step = -i * (i - a)
        b += 2.0
        d = step * d + b
        d = 1.0 / (d if abs(d) > _TINY else _TINY)
        c = b + step / c
        c = c if abs(c) > _TINY else _TINY
        h *= d * c
        if abs(d * c - 1.0) < _ENOUGH:
            break
    return exp(-x + a * log(x) - lgamma(a)) * h


def _beta(x: float, a: float, b: float) -> float:
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _beta_fraction(x, a, b) / a
    return 1.0 - front * _beta_fraction(1.0 - x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    c = 1.0
    d = 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    h = d
    for m in range(1, _STEPS + int(a + b)):
        for step in (
            m * (b - m) * x / ((a - 1.0 + 2 * m) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 1.0 + 2 * m)),
        ):
            d = 1.0 + step * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + step / c
            c = c if abs(c) > _TINY else _TINY
            h *= d * c
        if abs(d * c - 1.0) < _ENOUGH:
            break
    return h
