"""Rows on their way to a model: plain JSON, no more than wanted."""

from __future__ import annotations

from typing import Any

import msgspec

from ...ports.database import Bounds

_HEX_BYTES = 64


class Answer:
    """Collects rows until there are enough."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._left = bounds.bytes
        self.rows: list[list[Any]] = []
        self.more = False

    def add(self, row: Any) -> bool:
        """Take one more row; False if it did not fit, and no other will."""
        if len(self.rows) >= self._bounds.rows or self._left <= 0:
            self.more = True
            return False
        cells = [self._cell(value) for value in row]
        self._left -= len(msgspec.json.encode(cells))
        self.rows.append(cells)
        return True

    def _cell(self, value: Any) -> Any:
        if isinstance(value, bytes):
            data = value
            shown = data[:_HEX_BYTES].hex()
            return f"\\x{shown}" if len(data) <= _HEX_BYTES else f"\\x{shown}… ({len(data):,} bytes)"
        plain = msgspec.to_builtins(value, enc_hook=str, str_keys=True)
        if isinstance(plain, str) and len(plain) > self._left:
            self.more = True
            return f"{plain[: max(self._left, 100)]}… ({len(plain):,} characters)"
        return plain
