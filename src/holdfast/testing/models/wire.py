"""What happens on a connection, as values: bytes, waits and ends. Nothing here touches a socket.

A fault is a plan of such acts, so that it can be read, and composed, without knowing how it is carried out.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http.client import responses
from itertools import pairwise
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing goes out for so many seconds; the caller may hang up meanwhile."""

    seconds: float


class Mark(enum.Enum):
    """What bytes cannot say."""

    END = enum.auto()
    """The answer is whole; the connection stays for the next request."""
    END_AND_CLOSE = enum.auto()
    """The answer is whole, and the connection closes without having said that it would."""
    CLOSE = enum.auto()
    """The connection closes in order (FIN), whatever is missing."""
    RESET = enum.auto()
    """The connection is torn down (RST)."""
    HANG = enum.auto()
    """Nothing more, for ever: it is over when the caller hangs up."""


Act: TypeAlias = bytes | Wait | Mark
Plan: TypeAlias = Iterator[Act]

How: TypeAlias = Literal["reset", "close", "clean", "open"]
"""How an answer breaks off: torn down, closed without an end, ended in order as HTTP, or left open in silence."""

LAST_CHUNK = b"0\r\n\r\n"
ENDINGS: Mapping[How, tuple[Act, ...]] = {
    "reset": (Mark.RESET,),
    "close": (Mark.CLOSE,),
    "clean": (LAST_CHUNK, Mark.END),
    "open": (Mark.HANG,),
}

_REASONS = {**responses, 529: "Overloaded"}


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The status line and headers of a response, with the date."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}", f"date: {formatdate(usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def pieces(text: str, count: int) -> list[str]:
    """A text in at most ``count`` pieces of about the same size; none if it is empty."""
    count = max(1, min(count, len(text)))
    bounds = [len(text) * index // count for index in range(count + 1)]
    return [text[start:end] for start, end in pairwise(bounds) if end > start]
