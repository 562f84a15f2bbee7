"""Every dialect by its name."""

from __future__ import annotations

from .anthropic_messages import AnthropicMessages
from .dialect import Dialect
from .gemini import Gemini
from .openai_chat import OpenAIChat
from .openai_responses import OpenAIResponses

__all__ = ["DIALECTS", "Dialect"]

_ALL: tuple[Dialect, ...] = (OpenAIChat(), OpenAIResponses(), AnthropicMessages(), Gemini())
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in _ALL}
