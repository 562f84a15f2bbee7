"""OpenAI's embeddings: vectors that are the same for the same text, of length one, as numbers or as base64."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from typing import Any, cast

import msgspec

from ..answer import Event
from ..call import Call, Reply, tokens

DIMENSIONS = 16
DIMENSIONS_MAX = 4096


class Embeddings:
    """``POST /v1/embeddings``. Of a reply, only the model's name and the input tokens count."""

    def whole(self, call: Call, reply: Reply) -> Any:
        """A list of embeddings."""
        texts = _texts(call.body.get("input"))
        encoded = call.body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": _base64(vector) if encoded else vector}
            for index, vector in enumerate(embed(text, _dimensions(call)) for text in texts)
        ]
        used = reply.input_tokens
        count = sum(tokens(len(text)) for text in texts) if used is None else used
        answer = {"object": "list", "data": data, "model": reply.model or call.model}
        return {**answer, "usage": {"prompt_tokens": count, "total_tokens": count}} if reply.usage else answer

    def events(self, call: Call, reply: Reply) -> list[Event]:
        """Embeddings are not streamed."""
        return []

    def failure(self, call: Call, reply: Reply) -> list[Event]:
        """Nor do they fail in the middle."""
        return []


def embed(text: str, dimensions: int) -> list[float]:
    """A unit vector made of the text's hash."""
    digest = hashlib.shake_256(text.encode()).digest(dimensions * 2)
    raw = [value / 32768 for value in struct.unpack(f"<{dimensions}h", digest)]
    length = math.sqrt(sum(value * value for value in raw)) or 1.0
    return [value / length for value in raw]


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _dimensions(call: Call) -> int:
    given = call.body.get("dimensions")
    return given if isinstance(given, int) and 0 < given <= DIMENSIONS_MAX else DIMENSIONS


def _texts(given: Any) -> list[str]:
    """One text, several, or the same in tokens."""
    if isinstance(given, str):
        return [given]
    items = cast("list[Any]", given) if isinstance(given, list) else []
    if items and isinstance(items[0], int):
        return [msgspec.json.encode(items).decode()]
    return [item if isinstance(item, str) else msgspec.json.encode(item).decode() for item in items]
