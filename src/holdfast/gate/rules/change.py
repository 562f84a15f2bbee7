"""``transform:``: what is done instead. Everything but the named arguments stays as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from ...domain.intent import Intent
from ...journal.codec import Shape, decode_any, encode
from .expression import Expression
from .facts import Facts

REDACTED = "[redacted]"
WITHHELD = "[withheld]"
"""What people see in the place of what was blacked out, where they are shown the arguments as they were."""
CHANGEABLE = frozenset(("run", "tool", "call", "send", "publish", "model", "set", "accept"))
"""Verbs whose arguments can be changed: those that take something somewhere. The others wait, or only name something."""
MASKS = frozenset(("without_secrets", "without_personal"))
"""Functions that take out of a value what nobody is to see."""
_ROLES = "roles."
_GONE = object()
_PLAIN = (str, int, float, bytes, type(None))
Making = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Change:
    """See the module. Arguments that are not there stay away: only ``set`` adds any.

    What is changed is named as in conditions: ``note``, ``order.note`` for a field of an argument (of each in a list),
    ``roles.content`` for all arguments with a role.
    """

    drop: tuple[str, ...]
    redact: tuple[tuple[str, re.Pattern[str] | None], ...]
    cap: tuple[tuple[str, float], ...]
    set: tuple[tuple[str, Expression], ...]
    zone: str

    def made(self, arguments: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
        """The arguments after it. Expressions look at the arguments as they came to it."""
        found = _copy(arguments)
        for name in self.drop:
            _apply(found, name, facts.intent, lambda _: _GONE)
        for name, pattern in self.redact:
            _apply(found, name, facts.intent, lambda value, p=pattern: _blacked_out(value, p, REDACTED))
        for name, most in self.cap:
            _apply(found, name, facts.intent, lambda value, name=name, most=most: _capped(value, most, name))
        for name, expression in self.set:
            made = expression.value(facts.context(self.zone, expression.late))
            if not _apply(found, name, facts.intent, lambda _, made=made: made):
                if "." in name:
                    raise KeyError(name)
                found[name] = made
        return found

    def veil(self, found: dict[str, Any], intent: Intent) -> None:
        """See ``veiled_by``."""
        for name, pattern in self.redact:
            _apply(found, name, intent, lambda value, p=pattern: _blacked_out(value, p, WITHHELD))
        for name, expression in self.set:
            if expression.found.functions & MASKS:
                _apply(found, name, intent, lambda _: WITHHELD)


def veiled_by(changes: Iterable[Change], intent: Intent) -> dict[str, Any]:
    """The arguments as they were, for people and the journal: what is blacked out is not in them either."""
    found = _copy(intent.arguments)
    for change in changes:
        change.veil(found, intent)
    return found


def _copy(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return arguments.copy() if isinstance(arguments, dict) else dict(arguments)


def _apply(found: dict[str, Any], name: str, intent: Intent, make: Making) -> bool:
    """Change what is meant by a name; whether there is any such thing."""
    name = name.removeprefix("args.")
    if name in found:
        places = [(name, ())]
    elif name.startswith(_ROLES):
        places = [(one, ()) for one in intent.declared.named(name.removeprefix(_ROLES)) if one in found]
    else:
        root, *path = name.split(".")
        places = [(root, tuple(path))] if root in found else []
    for root, path in places:
        value = _within(found[root], path, make)
        if value is _GONE:
            del found[root]
        else:
            found[root] = value
    return bool(places)


def _within(value: Any, path: tuple[str, ...], make: Making) -> Any:
    """A value with ``make`` applied to what is at a path in it."""
    if not path:
        return make(value)
    if isinstance(value, list | tuple):
        return [_within(item, path, make) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(value, dict):
        if isinstance(value, _PLAIN):
            raise TypeError(f"{path[0]} is looked for in what has no fields")
        return _alike(value, lambda plain: _within(plain, path, make))
    fields = dict(cast("dict[str, Any]", value))
    if path[0] in fields:
        made = _within(fields[path[0]], path[1:], make)
        if made is _GONE:
            del fields[path[0]]
        else:
            fields[path[0]] = made
    return fields


def _capped(value: Any, most: float, name: str) -> Any:
    if isinstance(value, list | tuple):
        return [_capped(item, most, name) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise TypeError(f"{name} is {value!r}, which is no number to cap")
    if value <= most:
        return value
    return int(most) if float(most).is_integer() and isinstance(value, int) else most


def _blacked_out(value: Any, pattern: re.Pattern[str] | None, mark: str) -> Any:
    """A value without what a pattern matches, in whatever kind it is hidden: a card number may be a number, too."""
    if pattern is None:
        return mark
    if isinstance(value, str):
        return pattern.sub(mark, value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, dict):
        given = cast("dict[Any, Any]", value)
        return {_blacked_out(k, pattern, mark): _blacked_out(v, pattern, mark) for k, v in given.items()}
    if isinstance(value, list | tuple):
        return [_blacked_out(item, pattern, mark) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, bytes):
        text = value.decode("utf-8", "surrogateescape")
        return pattern.sub(mark, text).encode("utf-8", "surrogateescape")
    if isinstance(value, int | float):
        text = str(value)
        return pattern.sub(mark, text) if pattern.search(text) else value
    return _alike(value, lambda plain: _blacked_out(plain, pattern, mark))


def _alike(value: Any, make: Making) -> Any:
    """What becomes of a value of a type (a struct, a date), as the same type. Raises if it does not fit it any more."""
    plain = decode_any(encode(value, "argument"))
    if type(plain) is type(value):  # it is what it is: a date has no other words than those it is written with
        text = str(value)
        made = make(text)
        return value if made == text else made
    made = make(plain)
    return value if made == plain else Shape(type(value)).convert(made, "argument")


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
    if arguments.keys() - {"0"} or "0" not in arguments:
        raise TypeError("a single value cannot be left out, and nothing can be added to it")
    return arguments["0"]
