"""``Acting``: what the MCP server asks for operations. Knows nothing of the SDK, which is an extra."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol


class Acting(Protocol):
    """The operations in somebody's name, near or far."""

    async def invoke(self, name: str, given: dict[str, Any]) -> Any:
        """One operation with JSON-like input."""
        ...

    def stream(self, name: str, given: dict[str, Any]) -> AsyncIterator[Any]:
        """The items of one that goes on."""
        ...
