"""OpenAI responses. Nothing is kept at a vendor: a prompt that came in another dialect is sent with ``store`` off.

What it cannot carry:
- stop sequences and a seed, whether a tool failed, a tool result's tool name, images in what a model said, cache
  breakpoints, an image's ``detail``, a message's ``phase``, annotations, log probabilities;
- other vendors' signatures to OpenAI; to a client they go inside ``encrypted_content``, and reasoning of several
  paragraphs comes back as one;
- items that name what a vendor keeps, tools that OpenAI's clients run in ways of their own (shell, computer, custom):
  refused; what OpenAI's own tools did (a web search) is left out of an answer;
- ``strict`` left out of a tool: it is sent as false;
- an answer's finish ``stop`` with calls (``tool_calls``); in a stream a refusal is its words and then an empty refusal;
- a message without content; temperature and top_p to models that reason.
"""

from __future__ import annotations

from typing import Any

from ....domain.conversation import Answer, Prompt, Usage
from .. import openai, wire
from ..lost import Lost
from . import answers, read_prompt, read_stream, write_prompt, write_stream
from .shapes import ResponsesUsage


class OpenAIResponses(openai.OpenAI):
    """See the module."""

    name = "openai-responses"
    path = "/responses"

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
        return answers.read_usage(wire.usage_of(body, "usage", ResponsesUsage))

    def write_answer(self, answer: Answer, model: str, *, id: str, created: int) -> dict[str, Any]:
        """See ``Dialect``."""
        return answers.write_answer(answer, model, id=id, created=created)

    def reader(self) -> read_stream.Reader:
        """See ``Dialect``."""
        return read_stream.Reader()

    def writer(self, model: str, *, id: str, created: int, include_usage: bool = True) -> write_stream.Writer:
        """See ``Dialect``."""
        return write_stream.Writer(model, id, created)
