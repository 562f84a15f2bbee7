"""The functions that conditions may use: CEL's own, a few that operators miss in it, and how each is typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .types import BOOL, BYTES, DOUBLE, DURATION, DYN, INT, NUMBERS, STRING, TIMESTAMP, TYPE, UINT, Type, list_of

Signature = tuple[tuple[Type, ...], Type]
"""What it takes (the target of a method first) and what it gives."""

_ANY_LIST = list_of(DYN)
_OF_TIME = ("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear")
_OF_DAY = ("getHours", "getMinutes", "getSeconds", "getMilliseconds")

SIGNATURES: Mapping[str, tuple[Signature, ...]] = {
    "size": (((DYN,), INT),),
    "contains": (((STRING, STRING), BOOL),),
    "startsWith": (((STRING, STRING), BOOL),),
    "endsWith": (((STRING, STRING), BOOL),),
    "matches": (((STRING, STRING), BOOL),),
    "int": (((DYN,), INT),),
    "uint": (((DYN,), UINT),),
    "double": (((DYN,), DOUBLE),),
    "string": (((DYN,), STRING),),
    "bytes": (((STRING,), BYTES), ((BYTES,), BYTES)),
    "dyn": (((DYN,), DYN),),
    "type": (((DYN,), TYPE),),
    "timestamp": (((STRING,), TIMESTAMP), ((TIMESTAMP,), TIMESTAMP)),
    "duration": (((STRING,), DURATION), ((DURATION,), DURATION)),
    **dict.fromkeys(_OF_TIME, (((TIMESTAMP,), INT),)),
    **dict.fromkeys(_OF_DAY, (((TIMESTAMP,), INT), ((DURATION,), INT))),
    "lower": (((STRING,), STRING),),
    "trim": (((STRING,), STRING),),
    "replace": (((STRING, STRING, STRING), STRING),),
    "split": (((STRING, STRING), list_of(STRING)),),
    "join": (((_ANY_LIST, STRING), STRING),),
    "distinct": (((_ANY_LIST,), _ANY_LIST),),
    "sumOf": (((_ANY_LIST,), DYN),),
    "domain": (((STRING,), STRING),),
    # what an agent did lately
    "times": (((STRING, STRING), INT),),
    "total": (((STRING, STRING, STRING), DOUBLE),),
    "happened": (((STRING, STRING), BOOL),),
}
"""By name. Any may be called as a function, and as a method of its first argument."""

HISTORY = frozenset(("times", "total", "happened"))
"""They look back, so the runtime has to have the past at hand."""


def _lower(text: str) -> str:
    return text.lower()


def _trim(text: str) -> str:
    return text.strip()


def _replace(text: str, old: str, new: str) -> str:
    return text.replace(old, new)


def _split(text: str, by: str) -> list[str]:
    return text.split(by) if by else list(text)


def _join(items: list[Any], by: str) -> str:
    return by.join(str(item) for item in items)


def _distinct(items: list[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


def _sum_of(items: list[Any]) -> Any:
    return sum(items)


def domain(text: str) -> str:
    """What stands after the ``@`` of a mail address, or a URL's host, in small letters; else the text."""
    host = text.strip().lower()
    if "://" in host:
        host = host.split("://", 1)[1]
        for end in "/?#":
            host = host.split(end, 1)[0]
        host = host.rpartition("@")[2]
        return host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    return host.rpartition("@")[2].rstrip(">")


PYTHON: Mapping[str, Callable[..., Any]] = {
    "lower": _lower,
    "trim": _trim,
    "replace": _replace,
    "split": _split,
    "join": _join,
    "distinct": _distinct,
    "sumOf": _sum_of,
    "domain": domain,
}
"""Those that CEL itself lacks."""

OWN = HISTORY | frozenset(PYTHON)
"""What has to be handed to CEL as functions."""

LISTS = frozenset(("all", "exists", "exists_one", "filter", "map"))
"""Macros over lists and maps; their first argument names the item."""

_ARITHMETIC = {
    "_+_": ({STRING, BYTES, DURATION}, "add"),
    "_-_": ({DURATION}, "subtract"),
    "_*_": (set[Type](), "multiply"),
    "_/_": (set[Type](), "divide"),
    "_%_": (set[Type](), "take the remainder of"),
}


def arithmetic(name: str, left: Type, right: Type) -> tuple[Type | None, str]:
    """What an arithmetic operator gives, or None and the word for what cannot be done."""
    same, word = _ARITHMETIC[name]
    if DYN in (left, right):
        known = right if left == DYN else left
        return (DYN if known in (TIMESTAMP, DURATION, DYN) else known if _may(name, known) else None), word
    if left.name == right.name == "list" and name == "_+_":
        return left, word
    if left == right and (left in same or left.name in NUMBERS):
        return left, word
    if {left, right} == {TIMESTAMP, DURATION} and (name == "_+_" or (name == "_-_" and left == TIMESTAMP)):
        return TIMESTAMP, word
    if left == right == TIMESTAMP and name == "_-_":
        return DURATION, word
    return None, word


def _may(name: str, known: Type) -> bool:
    return known.name in NUMBERS or known in _ARITHMETIC[name][0] or (known.name == "list" and name == "_+_")
