"""When a schedule falls due: pure arithmetic on milliseconds, no clock.

Cron expressions are read in a time zone and follow its summer time the way Debian's cron does (cronsim): a run that
falls into the skipped hour happens right after it, one in the doubled hour happens once, and hourly ones happen every
real hour. Intervals count real time from where the schedule began.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError

from ..domain.errors import Rejected

SKIP, ONCE, ALL = "skip", "once", "all"
MISSED = (SKIP, ONCE, ALL)
CATCH_UP = 1_000
"""Missed runs that ``all`` makes up for at most; the newest ones."""
LATE_MS = 60_000
"""How late a run may start and still count as on time."""


class Rule(msgspec.Struct, frozen=True):
    """When: a cron expression in a zone, or every so many milliseconds since ``start``."""

    cron: str = ""
    every_ms: int = 0
    zone: str = "UTC"
    start: int = 0


class Plan(msgspec.Struct, frozen=True):
    """What a tick is to do: the due times to run for, how many were passed over, and the next due time (0 for never)."""

    runs: list[int]
    passed_over: int
    next: int


def check(rule: Rule, missed: str) -> Rule:
    """Raises ``Rejected(schedule.malformed)`` for what will never work."""
    if bool(rule.cron) == bool(rule.every_ms):
        raise _malformed("give either a cron expression or an interval, not both and not neither")
    if rule.every_ms < 0 or (rule.every_ms and rule.every_ms < 1_000):
        raise _malformed("an interval is at least one second")
    if missed not in MISSED:
        raise _malformed(f"the policy for missed runs is one of {', '.join(MISSED)}, not {missed!r}")
    try:
        ZoneInfo(rule.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _malformed(f"{rule.zone!r} is not a time zone; write one like Europe/Berlin or UTC") from None
    if rule.cron:
        try:
            CronSim(rule.cron, datetime(2026, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise _malformed(f"{rule.cron!r} is not a cron expression ({error}); write e.g. '0 9 * * mon-fri'") from None
        if not after(rule, rule.start):
            raise _malformed(f"{rule.cron!r} never falls due")
    return rule


def after(rule: Rule, ms: int) -> int:
    """The first due time strictly after ``ms``; 0 if there is none."""
    if rule.every_ms:
        return rule.start + max((ms - rule.start) // rule.every_ms + 1, 1) * rule.every_ms
    return _cron(rule, ms, reverse=False)


def until(rule: Rule, ms: int) -> int:
    """The last due time at or before ``ms``; 0 if there is none."""
    if rule.every_ms:
        count = (ms - rule.start) // rule.every_ms
        return rule.start + count * rule.every_ms if count > 0 else 0
    return _cron(rule, ms + 1, reverse=True)


def _cron(rule: Rule, ms: int, *, reverse: bool) -> int:
    # cronsim looks at whole seconds and, forwards, never returns the moment it starts from
    at = ms // 1000 + (1 if reverse and ms % 1000 else 0)
    moment = datetime.fromtimestamp(at, ZoneInfo(rule.zone))
    try:
        return int(next(CronSim(rule.cron, moment, reverse=reverse)).timestamp()) * 1000
    except StopIteration:
        return 0


def plan(rule: Rule, missed: str, due: int, now: int) -> Plan:
    """What to do at ``now`` about everything since ``due`` (inclusive), the oldest due time not yet dealt with."""
    if now < due:
        return Plan([], 0, due)
    last = max(until(rule, now), due)
    nearly = after(rule, last)
    if missed == ALL:
        runs, over = _all(rule, due, last)
    elif missed == ONCE or now - last <= min(LATE_MS, max(nearly - last, 0) // 2 if nearly else LATE_MS):
        runs, over = [last], 0 if last == due else 1
    else:
        runs, over = [], 1
    return Plan(runs, over, nearly)


def _all(rule: Rule, due: int, last: int) -> tuple[list[int], int]:
    """The due times from ``due`` to ``last``, the newest ``CATCH_UP`` of them."""
    if rule.every_ms:
        count = (last - due) // rule.every_ms + 1
        kept = min(count, CATCH_UP)
        return [last - (kept - 1 - n) * rule.every_ms for n in range(kept)], count - kept
    runs = [last]
    while runs[-1] > due and len(runs) < CATCH_UP:
        before = until(rule, runs[-1] - 1)
        if before < due or not before:
            break
        runs.append(before)
    over = 1 if len(runs) == CATCH_UP and runs[-1] > due else 0
    return runs[::-1], over


def _malformed(why: str) -> Rejected:
    return Rejected("schedule.malformed", f"This is not a schedule: {why}.")
