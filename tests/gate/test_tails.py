"""Tails are exact: the same as adding up probabilities one by one, far out and near the mean."""

from __future__ import annotations

from math import exp, isclose, lgamma, log

import pytest

from holdfast.gate.behaviour.tails import least_count, negative_binomial_tail, poisson_tail


def poisson(k: int, mean: float) -> float:
    return exp(k * log(mean) - mean - lgamma(k + 1))


def negative_binomial(k: int, mean: float, size: float) -> float:
    q = mean / (mean + size)
    return exp(lgamma(k + size) - lgamma(size) - lgamma(k + 1) + k * log(q) + size * log(1 - q))


@pytest.mark.parametrize("mean", [0.01, 0.5, 3.0, 30.0, 400.0])
def test_poisson_tails_are_sums(mean: float) -> None:
    for count in (1, 2, 5, int(mean), int(mean * 2) + 1, int(mean * 3) + 20):
        summed = sum(poisson(k, mean) for k in range(count, count + 4_000))
        assert isclose(poisson_tail(count, mean), summed, rel_tol=1e-7, abs_tol=1e-290), (count, mean)
    assert poisson_tail(0, mean) == 1.0 and poisson_tail(3, 0.0) == 0.0


@pytest.mark.parametrize("mean", [0.01, 0.5, 3.0, 30.0])
@pytest.mark.parametrize("size", [0.3, 1.0, 7.5, 200.0])
def test_negative_binomial_tails_are_sums(mean: float, size: float) -> None:
    for count in (1, 2, 5, int(mean) + 1, int(mean * 4) + 3):
        summed = sum(negative_binomial(k, mean, size) for k in range(count, count + 6_000))
        assert isclose(negative_binomial_tail(count, mean, size), summed, rel_tol=1e-6), (count, mean, size)


def test_with_a_large_size_it_is_poisson() -> None:
    assert isclose(negative_binomial_tail(9, 3.0, 1e8), poisson_tail(9, 3.0), rel_tol=1e-5)


@pytest.mark.parametrize("alpha", [1e-2, 1e-4, 1e-8])
def test_the_least_count_is_the_least(alpha: float) -> None:
    for mean, size in ((0.1, 1.0), (4.0, 2.0), (50.0, 1e12)):
        count = least_count(alpha, mean, size)
        assert negative_binomial_tail(count, mean, size) <= alpha < negative_binomial_tail(count - 1, mean, size)
