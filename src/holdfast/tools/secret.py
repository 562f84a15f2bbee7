"""Secrets in what is declared of a tool: where they are (``env:NAME``, ``file:PATH``), never what they are."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..domain.errors import Rejected

_PLACE = re.compile(r"(?<![^\s])(env|file):(\S+)")


def revealed(text: str) -> str:
    """The text with the words ``env:NAME`` and ``file:PATH`` replaced by what is there (``Bearer env:TOKEN``). Raises
    ``Rejected(tool.secret)``."""
    return _PLACE.sub(_look, text)


def _look(found: re.Match[str]) -> str:
    kind, where = found.groups()
    if kind == "env":
        value = os.environ.get(where)
        if value is None:
            raise Rejected("tool.secret", f"A tool needs the environment variable {where}, which is not set.", name=where)
        return value
    try:
        return Path(where).read_text().strip()
    except OSError as error:
        raise Rejected(
            "tool.secret", f"A tool needs {where}, which cannot be read: {error.strerror}.", name=where
        ) from error
