"""Gemini's answers, whole or in pieces: a piece is an answer with less in it, so both are read the same way."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from ....domain.conversation import (
    Answer,
    Assembly,
    Ended,
    Event,
    Finish,
    PartBegan,
    PartGrew,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from .. import wire
from ..dialect import Malformed, ModelProblem, StreamError, Truncated
from ..errors import read_error
from .shapes import Candidate, FunctionCall, Generated, Part, UsageMetadata
from .write_prompt import VENDOR

_pieces = msgspec.json.Decoder(Generated)
_FILTERED = (
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
)
_FINISH: dict[str, Finish] = {"STOP": "stop", "MAX_TOKENS": "length", **dict.fromkeys(_FILTERED, "content_filter")}


def read_answer(body: Any) -> Answer:
    """See ``Dialect``."""
    whole = wire.answer(body, Generated)
    if whole.error:
        raise ModelProblem(*read_error(0, body))
    reader, assembly = Reader(), Assembly()
    if whole.candidates is None and whole.prompt_feedback is None:
        raise Malformed(f"not an answer: it has no candidates; it begins {wire.shown(body)}")
    for event in reader.take(whole):
        assembly.add(event)
    if not reader.finished:
        raise Malformed(f"not an answer: it has no finishReason; it begins {wire.shown(body)}")
    for event in reader.close():
        assembly.add(event)
    return assembly.answer()


def read_usage(usage: UsageMetadata | None) -> Usage:
    """Tokens of an answer."""
    if usage is None:
        return Usage()
    thoughts = usage.thoughts_token_count or 0
    return Usage(
        (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0),
        (usage.candidates_token_count or 0) + thoughts,
        usage.cached_content_token_count or 0,
        0,
        thoughts,
    )


class Reader:
    """Parts begin where what is said changes. The stream has no end mark: it ends when the connection does.

    A signature belongs to the part on which it stands. It becomes reasoning right before that part, or after it if the part
    had begun already; the writer of the next prompt puts it back.
    """

    def __init__(self) -> None:
        self.done = False
        self._finish = ""
        self._usage = Usage()
        self._model = self._id = ""
        self._kind = ""  # of the part that grows: text, thinking
        self._parts = self._calls = 0

    @property
    def finished(self) -> bool:
        """See ``StreamReader``."""
        return bool(self._finish)

    def feed(self, event: str, data: str) -> list[Event]:
        """See ``StreamReader``."""
        if self.done or data.startswith("[DONE]"):
            return []
        piece = wire.piece(data, _pieces)
        if piece.error or event == "error":
            raise StreamError(*read_error(0, data))
        if piece.candidates is None and piece.prompt_feedback is None and piece.usage_metadata is None:
            raise Malformed(f"not a piece of an answer: it has no candidates; it begins {wire.shown(data)}")
        return self.take(piece)

    def close(self) -> list[Event]:
        """See ``StreamReader``."""
        if self.done:
            return []
        if not self._finish:
            raise Truncated
        self.done = True
        finish = _FINISH.get(self._finish, "other")
        return [Ended("tool_calls" if self._calls and finish == "stop" else finish, self._usage, self._model, self._id)]

    def take(self, piece: Generated) -> list[Event]:
        """The events of an answer or a piece of one."""
        self._model = piece.model_version or self._model
        self._id = piece.response_id or self._id
        if piece.usage_metadata is not None:
            self._usage = read_usage(piece.usage_metadata)
        if piece.prompt_feedback is not None and piece.prompt_feedback.block_reason:
            self._finish = "SAFETY"
        events: list[Event] = []
        for candidate in piece.candidates or ():
            if candidate.index == 0:
                self._candidate(candidate, events)
        return events

    def _candidate(self, candidate: Candidate, events: list[Event]) -> None:
        parts = candidate.content.parts if candidate.content else None
        for part in parts or ():
            self._part(part, events)
        if candidate.finish_reason and candidate.finish_reason != "FINISH_REASON_UNSPECIFIED":
            self._finish = candidate.finish_reason

    def _part(self, part: Part, events: list[Event]) -> None:
        signature = part.thought_signature or ""
        if part.function_call is not None:
            self._sign(signature, events)
            self._call(part.function_call, events)
        elif part.thought:
            self._grow("thinking", part.text or "", events, signature)
        else:
            if self._kind != "text" and part.text:
                self._sign(signature, events)
                signature = ""
            if part.text:
                self._grow("text", part.text, events)
            self._sign(signature, events)

    def _sign(self, signature: str, events: list[Event]) -> None:
        if signature:
            self._grow("thinking", "", events, signature)

    def _grow(self, kind: str, text: str, events: list[Event], signature: str = "") -> None:
        if kind != self._kind:
            events.append(PartBegan(self._parts, Text("") if kind == "text" else Thinking(vendor=VENDOR)))
            self._parts += 1
        self._kind = "" if signature else kind  # what is signed does not grow
        if text or signature:
            events.append(PartGrew(self._parts - 1, text, signature))

    def _call(self, call: FunctionCall, events: list[Event]) -> None:
        arguments = wire.arguments_text(call.args or {})
        id = call.id or self._call_id(call.name, arguments)
        events += [PartBegan(self._parts, ToolCall(id, call.name, "")), PartGrew(self._parts, arguments)]
        self._parts += 1
        self._calls += 1
        self._kind = ""

    def _call_id(self, name: str, arguments: str) -> str:
        """The same whenever the same answer is read, and another in another answer."""
        whole = f"{self._id}\n{self._calls}\n{name}\n{arguments}"
        return f"call_{hashlib.blake2b(whole.encode(), digest_size=12).hexdigest()}"
