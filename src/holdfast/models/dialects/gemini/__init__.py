"""Google Gemini (generateContent), as a target only: no client speaks it to Holdfast.

What it cannot carry:
- other vendors' reasoning, and the words of its own; signatures go back on the part on which they stood;
- a switch for calls side by side, ``strict``, the name of a schema, a user, cache breakpoints, a sixth stop sequence;
- instructions in the middle: they stand at the top; messages of a role in a row are one, results first and in the order of
  their calls; a conversation that the model begins is begun by the user;
- ids of calls to models before the third generation; arguments that are no JSON object: they go as
  ``{"invalid_json": ...}``; a tool result's several texts: they are one;
- images in a tool's result to models before the third generation: they follow it and name the call;
- how hard to think, exactly: the nearest of its levels or budgets;
- images in an answer, and what Google's own tools did.
"""

from __future__ import annotations

from typing import Any

from ....domain.conversation import Answer, Prompt, Usage
from .. import errors, wire
from ..dialect import Kind, StreamWriter
from ..lost import Lost
from . import answers
from .shapes import UsageMetadata
from .write_prompt import write_prompt

# status and Google's word for it
_ERRORS: dict[Kind, tuple[int, str]] = {
    "rate_limited": (429, "RESOURCE_EXHAUSTED"),
    "quota": (429, "RESOURCE_EXHAUSTED"),
    "overloaded": (503, "UNAVAILABLE"),
    "auth": (401, "UNAUTHENTICATED"),
    "not_allowed": (403, "PERMISSION_DENIED"),
    "unknown_model": (404, "NOT_FOUND"),
    "bad_request": (400, "INVALID_ARGUMENT"),
    "too_long": (400, "INVALID_ARGUMENT"),
    "content_filter": (400, "INVALID_ARGUMENT"),
    "prefill_refused": (400, "INVALID_ARGUMENT"),
    "timeout": (504, "DEADLINE_EXCEEDED"),
}


class Gemini:
    """See the module."""

    name = "gemini"
    path = "/models/{model}:generateContent"

    def url_path(self, model: str, *, stream: bool) -> str:
        """See ``Dialect``."""
        return f"/models/{model}:streamGenerateContent?alt=sse" if stream else f"/models/{model}:generateContent"

    def auth(self, key: str) -> dict[str, str]:
        """See ``Dialect``."""
        return {"x-goog-api-key": key}

    def read_prompt(self, body: dict[str, Any]) -> Prompt:
        """Refuses: a target only."""
        raise _target_only()

    def write_prompt(
        self, prompt: Prompt, model: str, *, stream: bool, max_tokens: int = 0, lost: Lost | None = None
    ) -> dict[str, Any]:
        """See ``Dialect``."""
        return write_prompt(prompt, model, self.name, lost or Lost())

    def read_answer(self, body: Any) -> Answer:
        """See ``Dialect``."""
        return answers.read_answer(body)

    def read_usage(self, body: Any) -> Usage:
        """See ``Dialect``."""
        return answers.read_usage(wire.usage_of(body, "usageMetadata", UsageMetadata))

    def write_answer(self, answer: Answer, model: str, *, id: str, created: int) -> dict[str, Any]:
        """Refuses: a target only."""
        raise _target_only()

    def reader(self) -> answers.Reader:
        """See ``Dialect``."""
        return answers.Reader()

    def writer(self, model: str, *, id: str, created: int, include_usage: bool = True) -> StreamWriter:
        """Refuses: a target only."""
        raise _target_only()

    def read_error(self, status: int, body: Any) -> tuple[Kind, str]:
        """See ``Dialect``."""
        return errors.read_error(status, body)

    def write_error(self, kind: Kind, message: str) -> tuple[int, dict[str, Any]]:
        """See ``Dialect``."""
        status, word = _ERRORS.get(kind, (500, "INTERNAL"))
        return status, {"error": {"code": status, "message": message, "status": word}}


def _target_only() -> Exception:
    return wire.refused("dialect", "clients cannot speak gemini to Holdfast; it is for targets only")
