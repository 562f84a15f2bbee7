"""Lengths of time as policies write them: ``90s``, ``30m``, ``2h``, ``7d``, ``1w``, or one unit's name."""

from __future__ import annotations

import re
from functools import lru_cache

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_NAMED = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])\Z")


@lru_cache(maxsize=1024)
def milliseconds(text: str) -> int:
    """A length of time. Raises ``ValueError`` that says how to write one."""
    if text in _NAMED:
        return _NAMED[text] * 1000
    match = _LENGTH.match(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a length of time; write 90s, 30m, 2h, 7d, or {', '.join(_NAMED)}")
    return round(float(match[1]) * _UNITS[match[2]] * 1000)
