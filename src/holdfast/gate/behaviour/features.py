"""What of an action is looked at: its size, its amounts, where it goes, and whether it is the same call as another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from ...domain.errors import Rejected
from ...journal.codec import encode

_AMOUNTS = ("amount", "count")


def values(roles: Mapping[str, str], arguments: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The sizes of what arguments stand for: numbers as they are, lists by their length."""
    for arg, role in roles.items():
        if role in _AMOUNTS:
            value = arguments.get(arg)
            if isinstance(value, list | tuple | dict):
                yield arg, float(len(value))  # pyright: ignore[reportUnknownArgumentType]
            elif isinstance(value, int | float) and not isinstance(value, bool):
                yield arg, abs(float(value))


def destinations(roles: Mapping[str, str], arguments: Mapping[str, Any], to: str) -> Iterator[Any]:
    """Where it goes, place by place."""
    if to:
        yield to
    for arg, role in roles.items():
        if role == "destination":
            value = arguments.get(arg)
            if isinstance(value, list | tuple):
                yield from value  # pyright: ignore[reportUnknownVariableType]
            elif value is not None:
                yield value


def packed(arguments: Mapping[str, Any]) -> bytes:
    """All arguments as bytes; what cannot be written is taken as it is shown."""
    try:
        return encode(arguments)
    except Rejected:
        return repr(arguments).encode()


def call_of(name: str, body: bytes) -> int:
    """The same for the same call, in this process."""
    return hash((name, body))


def digest(value: Any) -> int:
    """A place as a number that is the same everywhere."""
    return int.from_bytes(blake2b(str(value).encode(), digest_size=6).digest())


def shown(value: Any) -> str:
    """A place in a sentence."""
    text = str(value)
    return text if len(text) <= 80 else text[:79] + "…"
