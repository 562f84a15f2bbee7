"""``transform:``: what is done instead. Everything but the named arguments stays as it was."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ...domain.intent import Intent
from .expression import Expression
from .facts import Facts

REDACTED = "[redacted]"
CHANGEABLE = frozenset(("run", "tool"))
"""Verbs whose arguments can still be changed where the gate stands: those of messages and prompts are encoded by then."""


@dataclass(frozen=True, slots=True)
class Change:
    """See the module. Arguments that are not there stay away: only ``set`` adds any."""

    drop: tuple[str, ...]
    redact: tuple[tuple[str, re.Pattern[str] | None], ...]
    cap: tuple[tuple[str, float], ...]
    set: tuple[tuple[str, Expression], ...]
    zone: str

    def made(self, arguments: dict[str, Any], facts: Facts) -> dict[str, Any]:
        """The arguments after it. Expressions look at the arguments as they were asked for."""
        found = {name: value for name, value in arguments.items() if name not in self.drop}
        for name, pattern in self.redact:
            if name in found:
                found[name] = REDACTED if pattern is None else _blacked_out(found[name], pattern)
        for name, most in self.cap:
            if name in found:
                value = found[name]
                if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
                    raise TypeError(f"{name} is {value!r}, which is no number to cap")
                if value > most:
                    found[name] = int(most) if float(most).is_integer() and isinstance(value, int) else most
        for name, expression in self.set:
            found[name] = expression.value(facts.context(self.zone, expression.late))
        return found


def _blacked_out(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return pattern.sub(REDACTED, value)
    if isinstance(value, dict):
        return {k: _blacked_out(v, pattern) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [_blacked_out(item, pattern) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def in_form(intent: Intent, arguments: dict[str, Any]) -> Any:
    """Arguments by name in the form of the intent's own. Raises ``TypeError`` if they do not fit it."""
    args = intent.args
    if isinstance(args, tuple):
        if intent.verb == "tool" and len(args) == 1 and isinstance(args[0], dict):  # pyright: ignore[reportUnknownArgumentType]
            return (arguments,)
        places = [str(place) for place in range(len(arguments))]
        if sorted(arguments, key=lambda name: (len(name), name)) != places:
            raise TypeError("positional arguments cannot be left out or added")
        return tuple(arguments[place] for place in places)
    if isinstance(args, dict):
        return arguments
    return arguments.get("0")
