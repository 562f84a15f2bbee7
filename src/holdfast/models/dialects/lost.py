"""``Lost``: what a writer of a prompt leaves out because the vendor has no words for it.

Whoever leaves something out says so at that very place, by a short name: a field of the request (``seed``,
``logit_bias``, ``reasoning.summary``, ``tools.web_search``) or a part of the conversation (``THINKING`` and the others
below). What cannot change the answer is not counted: ids, white space at an end, where a vendor may cache.
"""

from __future__ import annotations

import re
from typing import Any

THINKING = "thinking"
"""Reasoning of an earlier answer: unsigned, or signed by another vendor."""
SPOKEN_MEDIA = "assistant.media"
"""An image, a sound or a document in what the model said."""
TOOL_FAILED = "tool_result.error"
"""That a tool failed: its words are there all the same."""
SYSTEM_ORDER = "system.order"
"""Where in the conversation the system spoke: its words stand at the top."""
ARGUMENTS = "tool_call.arguments"
"""Arguments that are no JSON object, for a vendor that takes only objects: they go as text in one."""
PREFILL = "prefill"
"""The beginning of the answer, which the model was to go on from."""
SCHEMA_STRICT = "schema.strict"
"""That the schema must be kept: the vendor takes this only for closed objects."""

_MOST = 24
_NAME_LENGTH = 48
_ODD = re.compile(r"[^\w.\-]", re.ASCII)
_NESTED = ("response_format", "text", "format", "reasoning", "output_config")
"""Objects of which each field is an option of its own."""
_ELSEWHERE = ("strict", "thinking")
"""Said otherwise: as ``SCHEMA_STRICT``, and as an effort."""


class Lost:
    """What was left out of one request, each once, in the order in which it was found."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: dict[str, None] = {}

    def say(self, what: str, is_lost: bool = True) -> None:
        """It is left out, if ``is_lost``. A name of a client's own making is cut to what a header can carry."""
        if is_lost and len(self._said) < _MOST:
            self._said[_ODD.sub("?", what[:_NAME_LENGTH])] = None

    def say_fields(self, fields: dict[str, Any], inside: str = "") -> None:
        """Fields that only another dialect knows. One that asks for nothing is not missed."""
        for name, value in fields.items():
            if name in _ELSEWHERE or value in (None, False, "", [], {}):
                continue
            if name in _NESTED and isinstance(value, dict):
                self.say_fields(value, f"{inside}{name}.")  # pyright: ignore[reportUnknownArgumentType]
            elif name == "tools" and isinstance(value, list):
                for tool in value:  # pyright: ignore[reportUnknownVariableType]
                    self.say(f"tools.{tool.get('type', '')}" if isinstance(tool, dict) else "tools")  # pyright: ignore[reportUnknownMemberType]
            else:
                self.say(inside + name)

    def told(self) -> list[str]:
        """The names."""
        return list(self._said)
