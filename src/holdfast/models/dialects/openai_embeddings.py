"""OpenAI embeddings: texts in, vectors out. It goes through to servers that speak OpenAI's words, as it is; there is nothing
to convert, since a vector of one model means nothing to another.
"""

from __future__ import annotations

from typing import Any

from ...domain.conversation import Answer, Prompt
from ...domain.errors import Rejected
from .dialect import Malformed
from .openai_chat import OpenAIChat


class OpenAIEmbeddings(OpenAIChat):
    """See the module."""

    name = "openai-embeddings"
    path = "/embeddings"

    def read_prompt(self, body: dict[str, Any]) -> Prompt:
        """No conversation: only the model's name. Raises ``Rejected(model.bad_request)``."""
        if "input" not in body:
            raise Rejected("model.bad_request", "input: is missing: give a text, or a list of texts.", field="input")
        return Prompt(str(body.get("model", "")), [])

    def read_answer(self, body: Any) -> Answer:
        """No answer in words either: that there are vectors. Raises ``Malformed``."""
        if not isinstance(body, dict) or not isinstance(body.get("data"), list):  # pyright: ignore[reportUnknownMemberType]
            raise Malformed("these are no embeddings: data is missing")
        return Answer([], usage=self.read_usage(body))
