"""Names of tools that come from elsewhere, as every vendor of models takes them."""

from __future__ import annotations

import hashlib
import re

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_CHARACTERS = 64


def safe_name(name: str) -> str:
    """Letters, digits, ``_`` and ``-``; one that is too long keeps its beginning and a digest."""
    safe = _NOT_IN_NAMES.sub("_", name)
    if len(safe) <= _CHARACTERS:
        return safe
    return f"{safe[: _CHARACTERS - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
