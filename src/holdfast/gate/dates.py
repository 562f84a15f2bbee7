"""Dates as people write them: a date that a program needs in one form was said in another."""

from __future__ import annotations

import re
from functools import lru_cache

_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::\d{2})?)?\Z")
_MONTHS = ("january february march april may june july august september october november december").split()  # noqa: SIM905


@lru_cache(4096)
def forms_of(text: str) -> tuple[str, ...]:
    """The ways to write an ISO date (and time), in small letters; nothing for what is no date."""
    found = _ISO.match(text)
    if found is None:
        return ()
    year, month, day = found[1], int(found[2]), int(found[3])
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        return ()
    name = _MONTHS[month - 1]
    nth = f"{day}{_ending(day)}"
    days = [f"{year}-{month:02}-{day:02}", f"{month}/{day}/{year}", f"{month:02}/{day:02}/{year}", f"{day}.{month}.{year}"]
    for its in (name, name[:3]):
        days += [f"{its} {day}", f"{its} {nth}", f"{day} {its}", f"{nth} {its}", f"{nth} of {its}", f"{its} the {nth}"]
    return tuple(days)


def _ending(day: int) -> str:
    return "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
