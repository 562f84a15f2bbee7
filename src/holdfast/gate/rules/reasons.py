"""``reason:``: a text with values of the intent in braces. A value that is missing never hides the rest of the reason."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from .expression import Expression
from .facts import Facts

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Reason:
    """Texts and expressions in turn."""

    parts: tuple[str | Expression, ...]
    zone: str

    def told(self, facts: Facts) -> str:
        """The reason for this intent."""
        return "".join(part if isinstance(part, str) else self._value(part, facts) for part in self.parts)

    def _value(self, part: Expression, facts: Facts) -> str:
        try:
            return shown(facts.value(part.path, self.zone) if part.path else part.value(facts.context(self.zone, part.late)))
        except Exception:
            return "?"

    @property
    def needs(self) -> list[Expression]:
        """Those that need CEL to run."""
        return [part for part in self.parts if not isinstance(part, str) and not part.path]


def split(text: str) -> list[tuple[str, bool, int]]:
    """Texts and expressions (true) of a reason, with their places."""
    found: list[tuple[str, bool, int]] = []
    at = 0
    for match in _PART.finditer(text):
        found.append((text[at : match.start()], False, at))
        if match.group() in ("{{", "}}"):
            found.append((match.group()[0], False, match.start()))
        else:
            found.append((match[1], True, match.start() + 1))
        at = match.end()
    found.append((text[at:], False, at))
    return [part for part in found if part[0]]


def shown(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, float) and value.is_integer():
        text = str(int(value))
    elif isinstance(value, dict | list | tuple):
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
