"""Every dialect by its name, loaded when it is first spoken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from .dialect import Dialect

__all__ = ["DIALECTS", "Dialect"]

_WHERE = {
    "openai-chat": ("openai_chat", "OpenAIChat"),
    "openai-responses": ("openai_responses", "OpenAIResponses"),
    "anthropic": ("anthropic_messages", "AnthropicMessages"),
    "gemini": ("gemini", "Gemini"),
    "openai-embeddings": ("openai_embeddings", "OpenAIEmbeddings"),
}


class _Dialects(Mapping[str, Dialect]):
    def __init__(self) -> None:
        self._loaded: dict[str, Dialect] = {}

    def __getitem__(self, name: str) -> Dialect:
        found = self._loaded.get(name)
        if found is None:
            found = self._loaded[name] = _load(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_WHERE)

    def __len__(self) -> int:
        return len(_WHERE)


@cache
def _load(name: str) -> Dialect:
    module, cls = _WHERE[name]
    return getattr(import_module(f"{__name__}.{module}"), cls)()


DIALECTS: Mapping[str, Dialect] = _Dialects()
