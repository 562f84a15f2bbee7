"""Durations as people type them: 30s, 5m, 2h, 7d, or plain seconds."""

from __future__ import annotations

import re

from ..domain.errors import Rejected

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LONGEST_SECONDS = 1000 * 366 * 86400.0


def seconds(text: str) -> float:
    """Raises ``Rejected(duration.malformed)``."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w|)\s*", text)
    if found is None:
        raise Rejected("duration.malformed", f"{text!r} is not a duration. Write 30s, 5m, 2h or 7d.", text=text)
    length = float(found[1]) * _UNITS[found[2]]
    if length > _LONGEST_SECONDS:
        raise Rejected("duration.malformed", f"{text!r} is longer than a thousand years.", text=text)
    return length
