"""OpenAI chat completions, and the many servers that speak it (vLLM, llama.cpp, Ollama, OpenRouter, Groq, Mistral, Azure).

What it cannot carry:
- signatures of reasoning, and reasoning in a request (but to models that refuse to go on without it); of an answer's
  reasoning only the words go to a client, as ``reasoning_content``;
- where one text of a message ends and the next begins: a message of texts alone is one text, a system's or a user's with
  blank lines between;
- images and documents in a tool's result: they follow in a message of the user that names the call;
- whether a tool failed, a tool result's tool name, images in what a model said, cache breakpoints;
- documents by address, and sound other than inline wav and mp3: refused;
- an image's ``detail``, the ``name`` of a participant, log probabilities, OpenAI's custom tools (refused);
- an answer's finish ``other`` (``stop``), ``stop`` with calls (``tool_calls``), a refusal without words
  (``content_filter``); words that are cut into parts without anything between are one part, and a whole answer is in the
  order reasoning, words, calls; in a stream a refusal's words are its content, too;
- temperature and top_p to OpenAI's models that reason, which refuse them.
"""

from __future__ import annotations

from typing import Any

from ....domain.conversation import Answer, Prompt, Usage
from .. import openai, wire
from ..lost import Lost
from . import answers, read_prompt, streams, write_prompt
from .shapes import ChatUsage


class OpenAIChat(openai.OpenAI):
    """See the module."""

    name = "openai-chat"
    path = "/chat/completions"

    def read_prompt(self, body: dict[str, Any]) -> Prompt:
        """See ``Dialect``."""
        return read_prompt.read_prompt(body, self.name)

    def write_prompt(
        self, prompt: Prompt, model: str, *, stream: bool, max_tokens: int = 0, lost: Lost | None = None
    ) -> dict[str, Any]:
        """See ``Dialect``."""
        return write_prompt.write_prompt(prompt, model, self.name, lost or Lost(), stream=stream)

    def read_answer(self, body: Any) -> Answer:
        """See ``Dialect``."""
        return answers.read_answer(body)

    def read_usage(self, body: Any) -> Usage:
        """See ``Dialect``."""
        return answers.read_usage(wire.usage_of(body, "usage", ChatUsage))

    def write_answer(self, answer: Answer, model: str, *, id: str, created: int) -> dict[str, Any]:
        """See ``Dialect``."""
        return answers.write_answer(answer, model, id=id, created=created)

    def reader(self) -> streams.Reader:
        """See ``Dialect``."""
        return streams.Reader()

    def writer(self, model: str, *, id: str, created: int, include_usage: bool = True) -> streams.Writer:
        """See ``Dialect``."""
        return streams.Writer(model, id, created, include_usage)
