"""The real runtime under simulated time and faults, a few hundred worlds by seed.

A failure prints its seed; ``python -m holdfast.testing.simulate --from SEED --verbose`` runs that world again.
Seeds that once found something stay in ``PINNED``.
"""

from __future__ import annotations

import pytest

from holdfast.testing.simulation import simulate

PINNED = [
    0,
    6,
    10,
    11,
    14,
    17,
    19,
    22,
    24,
    27,
    32,
    33,
    38,
    46,
    47,
    52,
    54,
    96,
    100,
    102,
    127,
    134,
    138,
    167,
    172,
    5119,
    5221,
    5547,
    5589,
    5603,
    5656,
    10734,
    10978,
    11043,
    11417,
    20423,
    30867,
    31512,
    31763,
    32441,
    40353,
    42708,
    50851,
    51189,
    70162,
    80201,
]
FRESH = range(1_000, 1_240)
AT_ONCE = 20


@pytest.mark.parametrize("seed", PINNED)
def test_a_world_that_once_broke_holds(seed: int) -> None:
    simulate(seed)


@pytest.mark.parametrize("first", FRESH[::AT_ONCE])
def test_invariants_hold_under_faults(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        simulate(seed)


def test_the_same_seed_is_the_same_world() -> None:
    assert simulate(7) == simulate(7)
