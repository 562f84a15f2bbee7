"""PostgreSQL's ``text`` cannot hold a NUL character; names and keys of users may. So NUL is written as an escape.

Bodies are ``bytea`` and need none of this.
"""

from __future__ import annotations

_ESCAPE = "\x1b"


def safe(text: str) -> str:
    """What to store for ``text``; the same string unless it has a NUL or an ESC in it."""
    if "\0" in text or _ESCAPE in text:
        return text.replace(_ESCAPE, _ESCAPE + "1").replace("\0", _ESCAPE + "0")
    return text


def plain(stored: str) -> str:
    """The inverse of ``safe``."""
    if _ESCAPE in stored:
        return stored.replace(_ESCAPE + "0", "\0").replace(_ESCAPE + "1", _ESCAPE)
    return stored


def join(labels: tuple[str, ...]) -> str:
    """Labels in one column."""
    return safe("\n".join(labels)) if labels else ""


def split(stored: str) -> tuple[str, ...]:
    """The inverse of ``join``."""
    return tuple(plain(stored).split("\n")) if stored else ()
