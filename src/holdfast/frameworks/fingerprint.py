"""What makes a framework's agent another one: the code and the words that it is made of. The same in every process."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from hashlib import sha256
from typing import Any


def fingerprint(parts: Iterable[Any]) -> str:
    """A hash over texts and functions; of anything else its type counts."""
    digest = sha256()
    for part in parts:
        digest.update(_text(part).encode() + b"\0")
    return digest.hexdigest()


def _text(part: Any) -> str:
    if part is None or isinstance(part, (str, int, float, bool)):
        return repr(part)
    if not inspect.isroutine(part):
        return type(part).__qualname__
    try:
        return inspect.getsource(part)
    except (OSError, TypeError):
        code = getattr(part, "__code__", None)
        return repr((code.co_code, code.co_names)) if code is not None else part.__name__


__all__ = ["fingerprint"]
