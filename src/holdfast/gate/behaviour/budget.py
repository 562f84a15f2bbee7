"""How rare something has to be before anybody is bothered: the false alarm budget.

Every check of every action is a test; honest traffic fails a test at level alpha with a probability of at most alpha, and so
raises at most alpha times the number of tests in false alarms, however the tests depend on each other. With A alarms a day
in the budget and M tests a day being made, alpha = A / M keeps it. M is measured: an exponentially weighted rate over a day,
corrected for the time that is not known yet.
"""

from __future__ import annotations

from math import exp

DAY_MS = 86_400_000
_LEAST_TESTS = 200.0
"""A day: what is assumed of kinds of agents that hardly do anything."""
LARGEST_ALPHA = 0.02
_LEAST_KNOWN_MS = 60_000


class AlarmBudget:
    """The budget of one kind of agent."""

    __slots__ = ("_per_day", "_since", "_weight", "alarms_per_day", "alpha", "at")

    def __init__(self, alarms_per_day: float) -> None:
        self.alarms_per_day = alarms_per_day
        self.alpha = 0.0
        self.at = self._since = 0
        self._weight = 0.0
        self._per_day = 0.0
        self._renew()

    def spend(self, tests: int, at: int) -> None:
        """So many tests are made now."""
        if not self._since:
            self._since = self.at = at
        elapsed = at - self.at
        if elapsed > 0:
            self._weight *= exp(-elapsed / DAY_MS)
            self.at = at
        before = self._weight
        self._weight = before + tests
        known = max(at - self._since, _LEAST_KNOWN_MS) / DAY_MS
        rate = self._weight / (1.0 - exp(-known))
        if not 0.8 * self._per_day < rate < 1.25 * self._per_day:  # else as it was: limits are computed from it
            self._per_day = rate
            self._renew()

    def _renew(self) -> None:
        self.alpha = min(self.alarms_per_day / max(self._per_day, _LEAST_TESTS), LARGEST_ALPHA)
