"""The list of models, in OpenAI's form or in Anthropic's; gateways ask for it to see whether a vendor is alive."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..answer import Event
from ..call import Call, Reply

_LONG_AGO_SECONDS = 1_735_689_600
_LONG_AGO = "2025-01-01T00:00:00Z"


class Listing:
    """``GET /v1/models`` and ``GET /v1/models/{id}``."""

    def __init__(self, models: Collection[str]) -> None:
        self._models = sorted(models)

    def whole(self, call: Call, reply: Reply) -> Any:
        """All models, or the one that was named."""
        entry = _anthropic if call.anthropic else _openai
        if call.model:
            return entry(call.model)
        data = [entry(name) for name in self._models]
        if not call.anthropic:
            return {"object": "list", "data": data}
        first, last = (self._models[0], self._models[-1]) if self._models else (None, None)
        return {"data": data, "has_more": False, "first_id": first, "last_id": last}

    def events(self, call: Call, reply: Reply) -> list[Event]:
        """A list is not streamed."""
        return []

    def failure(self, call: Call, reply: Reply) -> list[Event]:
        """Nor does it fail in the middle."""
        return []


def _openai(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _LONG_AGO_SECONDS, "owned_by": "holdfast"}


def _anthropic(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name, "created_at": _LONG_AGO, "lifecycle": "active"}
