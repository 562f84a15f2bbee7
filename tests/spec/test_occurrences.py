"""When schedules fall due, summer time and missed runs included; nothing here looks at a clock."""

from __future__ import annotations

import itertools
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from holdfast.control import occurrences
from holdfast.control.occurrences import ALL, CATCH_UP, ONCE, SKIP, Rule
from holdfast.domain.errors import Rejected

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def at(text: str, *, fold: int = 0) -> int:
    """Milliseconds of a moment in Berlin."""
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp() * 1000)


def told(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, BERLIN).strftime("%a %m-%d %H:%M %z")


def series(rule: Rule, start: int, count: int) -> list[str]:
    found: list[str] = []
    for _ in range(count):
        start = occurrences.after(rule, start)
        found.append(told(start))
    return found


def berlin(cron: str) -> Rule:
    return Rule(cron=cron, zone="Europe/Berlin")


def test_nine_on_weekdays_stays_nine_through_the_year() -> None:
    rule = berlin("0 9 * * mon-fri")
    assert series(rule, at("2026-03-26T12:00"), 3) == [
        "Fri 03-27 09:00 +0100",
        "Mon 03-30 09:00 +0200",
        "Tue 03-31 09:00 +0200",
    ]
    assert series(rule, at("2026-10-23T08:00"), 2) == ["Fri 10-23 09:00 +0200", "Mon 10-26 09:00 +0100"]


def test_a_run_in_the_skipped_hour_comes_right_after_it() -> None:
    assert series(berlin("30 2 * * *"), at("2026-03-28T12:00"), 2) == ["Sun 03-29 03:00 +0200", "Mon 03-30 02:30 +0200"]


def test_a_run_in_the_doubled_hour_happens_once() -> None:
    assert series(berlin("30 2 * * *"), at("2026-10-24T12:00"), 2) == ["Sun 10-25 02:30 +0200", "Mon 10-26 02:30 +0100"]


def test_an_hourly_run_happens_every_real_hour() -> None:
    rule = berlin("0 * * * *")
    moments = [at("2026-10-25T00:30")]
    for _ in range(5):
        moments.append(occurrences.after(rule, moments[-1]))
    assert [b - a for a, b in itertools.pairwise(moments[1:])] == [HOUR] * 4


def test_intervals_count_from_their_start_and_ignore_the_clock_on_the_wall() -> None:
    rule = Rule(every_ms=10 * MINUTE, start=at("2026-03-29T01:55"))
    assert occurrences.after(rule, rule.start) == rule.start + 10 * MINUTE
    assert occurrences.after(rule, rule.start - DAY) == rule.start + 10 * MINUTE
    assert occurrences.after(rule, rule.start + 10 * MINUTE) == rule.start + 20 * MINUTE
    assert occurrences.until(rule, rule.start + 10 * MINUTE - 1) == 0
    assert occurrences.until(rule, rule.start + 25 * MINUTE) == rule.start + 20 * MINUTE


@pytest.mark.parametrize("cron", ["0 9 * * mon-fri", "*/7 * * * *", "30 2 * * *", "0 0 1 * *", "0 0 29 2 *"])
def test_backwards_and_forwards_agree(cron: str) -> None:
    rule = berlin(cron)
    due = at("2026-03-01T00:00")
    for _ in range(60):
        due = occurrences.after(rule, due)
        assert occurrences.until(rule, due) == due
        assert occurrences.until(rule, due + 999) == due
        assert occurrences.until(rule, due - 1) < due


def test_a_tick_on_time_runs_once_whatever_the_policy() -> None:
    rule = berlin("0 9 * * *")
    due = at("2026-05-04T09:00")
    for missed in (SKIP, ONCE, ALL):
        plan = occurrences.plan(rule, missed, due, due + 20)
        assert plan.runs == [due] and plan.next == due + DAY and plan.passed_over == 0


def test_missed_runs() -> None:
    rule = berlin("0 9 * * *")
    due = at("2026-05-04T09:00")
    late = due + 3 * DAY + 5 * HOUR
    assert occurrences.plan(rule, SKIP, due, late).runs == []
    assert occurrences.plan(rule, ONCE, due, late).runs == [due + 3 * DAY]
    assert occurrences.plan(rule, ALL, due, late).runs == [due + n * DAY for n in range(4)]
    for missed in (SKIP, ONCE, ALL):
        assert occurrences.plan(rule, missed, due, late).next == due + 4 * DAY


def test_skip_still_runs_what_is_due_right_now_after_missing_others() -> None:
    rule = berlin("0 9 * * *")
    due = at("2026-05-04T09:00")
    assert occurrences.plan(rule, SKIP, due, due + 2 * DAY + 5_000).runs == [due + 2 * DAY]


def test_catching_up_has_a_bound_and_keeps_the_newest() -> None:
    for rule in (Rule(every_ms=1_000), berlin("* * * * *")):
        due = occurrences.after(rule, at("2026-05-04T09:00"))
        gap = occurrences.after(rule, due) - due
        plan = occurrences.plan(rule, ALL, due, due + 5_000 * gap)
        assert len(plan.runs) == CATCH_UP and plan.runs[-1] == due + 5_000 * gap and plan.passed_over > 0
        assert plan.runs == sorted(plan.runs)


def test_a_clock_that_went_back_waits_for_the_same_due_time() -> None:
    rule = berlin("0 9 * * *")
    due = at("2026-05-04T09:00")
    assert occurrences.plan(rule, ALL, due, due - HOUR) == occurrences.Plan([], 0, due)


@pytest.mark.parametrize(
    ("rule", "missed"),
    [
        (Rule(), ONCE),
        (Rule(cron="0 9 * * *", every_ms=5_000), ONCE),
        (Rule(cron="0 9 * *"), ONCE),
        (Rule(cron="61 9 * * *"), ONCE),
        (Rule(cron="0 0 30 2 *"), ONCE),
        (Rule(cron="0 9 * * *", zone="Mars/Olympus"), ONCE),
        (Rule(cron="0 9 * * *", zone="../../etc/passwd"), ONCE),
        (Rule(every_ms=10), ONCE),
        (Rule(every_ms=-5_000), ONCE),
        (Rule(every_ms=5_000), "sometimes"),
    ],
)
def test_what_will_never_work_is_refused(rule: Rule, missed: str) -> None:
    with pytest.raises(Rejected) as caught:
        occurrences.check(rule, missed)
    assert caught.value.code == "schedule.malformed"
