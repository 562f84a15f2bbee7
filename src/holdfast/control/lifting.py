"""Images and files in requests of programs outside: out of the body before it is journaled, back in before it is sent.

A body stays in its own dialect, so this knows nothing of dialects: what is lifted is any long string that is base64 or a
data URL, and it comes back exactly as it was. Where it stood is written beside the body by whoever took it out.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, cast

import msgspec

from ..mailbox.artifacts import Artifacts

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(;[\w.+=-]+)*;base64,")
_IMAGES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")


class Placed(msgspec.Struct, array_like=True):
    """Something that was taken out of a body: where it stood, under which key it is kept, what stood before it in the same
    string, how long it was there, and whether it is an image."""

    path: list[str | int]
    artifact: str
    before: str = ""
    bytes: int = 0
    image: bool = False


async def lifted(artifacts: Artifacts, tenant: str, body: dict[str, Any], least: int) -> list[Placed]:
    """Take what is longer than ``least`` bytes out of a body. Raises ``LimitExceeded(artifact.too_large)``."""
    found: list[tuple[Any, Placed, bytes]] = []
    _look(body, [], least * 4 // 3, found)
    for holder, placed, data in found:
        placed.artifact = await artifacts.keep(tenant, data)
        holder[placed.path[-1]] = ""
    return [placed for _, placed, _ in found]


async def put_back(artifacts: Artifacts, tenant: str, body: dict[str, Any], placed: list[Placed]) -> dict[str, Any]:
    """The body as it came. Raises ``NotFound(artifact.missing)``."""
    for one in placed:
        holder: Any = body
        for step in one.path[:-1]:
            holder = holder[step]
        holder[one.path[-1]] = one.before + base64.b64encode(await artifacts.read(tenant, one.artifact)).decode()
    return body


def _look(value: Any, path: list[str | int], least: int, found: list[tuple[Any, Placed, bytes]]) -> None:
    items = cast(Any, value.items() if isinstance(value, dict) else enumerate(value))
    for key, inner in items:
        if isinstance(inner, str):
            if len(inner) > least and (read := _read(inner)) is not None:
                before, data = read
                placed = Placed([*path, key], "", before, len(inner), data.startswith(_IMAGES))
                found.append((cast(Any, value), placed, data))
        elif isinstance(inner, (dict, list)):
            _look(inner, [*path, key], least, found)


def _read(text: str) -> tuple[str, bytes] | None:
    """What stands before it, and the content; None if it is not base64 that can be written again exactly as it was."""
    head = _DATA_URL.match(text)
    start = head.end() if head else 0
    if _BASE64.fullmatch(text, start) is None:
        return None
    try:
        data = base64.b64decode(text[start:], validate=True)
    except (binascii.Error, ValueError):
        return None
    same = base64.b64encode(data).decode() == text[start:]
    return (text[:start], data) if same else None


__all__ = ["Placed", "lifted", "put_back"]
