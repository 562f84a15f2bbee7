"""The log as it is: dpkg's lines, odd lines, logs that rotate. Reads and understands; decides nothing."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from typing import BinaryIO, cast

LINE_BYTES = 64 * 1024
"""A longer line is taken in pieces of this size."""

_TIME = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)"
_OF_A_PACKAGE = re.compile(_TIME + r" (?:status (\S+)|([a-z]+)) ([a-z0-9][a-z0-9+.:-]{0,150})((?: \S+){1,2})")
_OF_DPKG = re.compile(_TIME + r" (?:(startup) (?:archives|packages) \S+|(conffile) .+ \S+)")


@dataclass(frozen=True)
class Line:
    """A line about a package. A ``status`` line tells its status and one version; any other, what is to be done with it
    and two versions."""

    at: str
    verb: str
    package: str
    status: str
    versions: tuple[str, ...]


@dataclass(frozen=True)
class Stray:
    """A line about no package: ``kind`` is dpkg's own verb, or ``odd``; an odd one has no time."""

    at: str
    kind: str
    text: str


@dataclass(frozen=True)
class Log:
    """A log file, known by its first line: rotation and compression give it another path and no other ``mark``."""

    path: str
    mark: str


@dataclass(frozen=True)
class Chunk:
    """Whole lines, the place after them, and what there is so far of a line that is still being written."""

    lines: list[bytes]
    offset: int
    unfinished: bytes


def parse(raw: bytes) -> Line | Stray:
    """What a line says. Never fails: what cannot be understood is ``odd``."""
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return Stray("", "odd", raw.decode(errors="backslashreplace").rstrip("\r\n"))
    if found := _OF_DPKG.fullmatch(text):
        return Stray(found[1], found[2] or found[3], text)
    if found := _OF_A_PACKAGE.fullmatch(text):
        at, status, verb, package, versions = found.groups()
        return Line(at, verb or "status", package, status or "", tuple(versions.split()))
    return Stray("", "odd", text)


def opened(path: str) -> BinaryIO:
    """A log, compressed or not, as bytes."""
    return cast(BinaryIO, gzip.open(path)) if path.endswith(".gz") else open(path, "rb")


def identify(path: str) -> Log:
    """A log by its first line; raises ``OSError``."""
    with opened(path) as file:
        return Log(path, hashlib.sha256(file.readline(LINE_BYTES)).hexdigest()[:12])


def read_chunk(path: str, offset: int, count: int) -> Chunk:
    """Up to ``count`` lines from a byte offset on."""
    lines: list[bytes] = []
    with opened(path) as file:
        file.seek(offset)
        while len(lines) < count:
            line = file.readline(LINE_BYTES)
            if not line.endswith(b"\n") and len(line) < LINE_BYTES:
                return Chunk(lines, offset, line)
            lines.append(line)
            offset += len(line)
    return Chunk(lines, offset, b"")
