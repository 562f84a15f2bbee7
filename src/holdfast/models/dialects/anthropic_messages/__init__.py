"""Anthropic messages.

What it cannot carry:
- a seed, the name of a schema, documents that are neither pdf nor text (refused), sound (refused), a document's
  ``context`` and ``citations``, a breakpoint's ``ttl``, breakpoints on calls, fields of a tool beyond its schema;
- images in what a model said, a tool result's tool name, empty texts, white space at the end of a prefill;
- stop sequences of white space; a temperature over 1, both temperature and top_p, either while a budget to think is set,
  and any to the models that refuse them;
- reasoning without a signature, and other vendors' to Anthropic; to a client theirs goes in a signature of our own;
- how hard to think, exactly: budgets are efforts, and the effort is the nearest that the model takes; where thinking cannot
  be switched off it is a low effort, and a budget is left out where Anthropic refuses it (beside a forced tool, with too low
  a limit, while tools answer a message that has lost its reasoning);
- instructions in the middle: they wait for the model's next turn, or stand at the top for models that take them only
  there; messages of a role in a row are one, results first; a conversation that the model begins is begun by the user;
- arguments that are no JSON object: they go as ``{"invalid_json": ...}``; the spaces between arguments;
- a call's id with other characters than letters, digits, dash and underscore: a digest of it;
- blocks of a request that stand for what Anthropic's own tools did: refused; in an answer they are left out;
- an answer's finish ``other`` (``stop``), ``content_filter`` (``refusal``), ``stop`` with calls (``tool_calls``).
"""

from __future__ import annotations

from typing import Any

from ....domain.conversation import Answer, Prompt, Usage
from .. import errors, wire
from ..dialect import Kind
from ..lost import Lost
from . import answers, read_prompt, streams, write_prompt
from .shapes import MessagesUsage

_VERSION = "2023-06-01"


class AnthropicMessages:
    """See the module."""

    name = "anthropic"
    path = "/messages"

    def url_path(self, model: str, *, stream: bool) -> str:
        """See ``Dialect``."""
        return self.path

    def auth(self, key: str) -> dict[str, str]:
        """See ``Dialect``."""
        return {"x-api-key": key, "anthropic-version": _VERSION}

    def read_prompt(self, body: dict[str, Any]) -> Prompt:
        """See ``Dialect``."""
        return read_prompt.read_prompt(body, self.name)

    def write_prompt(
        self, prompt: Prompt, model: str, *, stream: bool, max_tokens: int = 0, lost: Lost | None = None
    ) -> dict[str, Any]:
        """See ``Dialect``."""
        lost = lost or Lost()
        return write_prompt.write_prompt(prompt, model, self.name, lost, stream=stream, max_tokens=max_tokens)

    def read_answer(self, body: Any) -> Answer:
        """See ``Dialect``."""
        return answers.read_answer(body)

    def read_usage(self, body: Any) -> Usage:
        """See ``Dialect``."""
        return answers.read_usage(wire.usage_of(body, "usage", MessagesUsage))

    def write_answer(self, answer: Answer, model: str, *, id: str, created: int) -> dict[str, Any]:
        """See ``Dialect``."""
        return answers.write_answer(answer, model, id)

    def reader(self) -> streams.Reader:
        """See ``Dialect``."""
        return streams.Reader()

    def writer(self, model: str, *, id: str, created: int, include_usage: bool = True) -> streams.Writer:
        """See ``Dialect``."""
        return streams.Writer(model, id)

    def read_error(self, status: int, body: Any) -> tuple[Kind, str]:
        """See ``Dialect``."""
        return errors.read_error(status, body)

    def write_error(self, kind: Kind, message: str) -> tuple[int, dict[str, Any]]:
        """See ``Dialect``."""
        return answers.write_error(kind, message)
