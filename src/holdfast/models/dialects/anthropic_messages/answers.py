"""Whole messages, usage and stop reasons, in and out."""

from __future__ import annotations

from typing import Any, cast

from ....domain.conversation import Answer, Finish, Part, Text, Thinking, ToolCall, Usage
from .. import wire
from ..dialect import Kind, Malformed, ModelProblem
from ..errors import read_error
from ..thinking import wrapped
from .read_prompt import VENDOR
from .shapes import ANSWER_TYPES, AnswerBlock, MessageAnswer, MessagesUsage, RedactedBlock, TextBlock, ThinkingBlock

_FINISH: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}
_REASONS: dict[Finish, str] = {
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refusal": "refusal",
    "content_filter": "refusal",
}


def read_answer(body: Any) -> Answer:
    """See ``Dialect``."""
    if isinstance(body, dict) and cast("dict[str, Any]", body).get("type") == "error":
        raise ModelProblem(*read_error(0, body))
    whole = wire.answer(body, MessageAnswer)
    parts: list[Part] = []
    for raw in whole.content:
        if raw.get("type") in ANSWER_TYPES:
            parts += _part(wire.answer(raw, cast("type[AnswerBlock]", AnswerBlock)))
    if whole.stop_reason is None:
        raise Malformed(f"not an answer: it has no stop_reason; it begins {wire.shown(body)}")
    finish = read_finish(whole.stop_reason, any(isinstance(part, ToolCall) for part in parts))
    return Answer(parts, finish, read_usage(whole.usage), whole.model or "", whole.id or "")


def _part(block: AnswerBlock) -> list[Part]:
    if isinstance(block, TextBlock):
        return [Text(block.text)] if block.text else []
    if isinstance(block, ThinkingBlock):
        return [Thinking(block.thinking, block.signature, vendor=VENDOR)]
    if isinstance(block, RedactedBlock):
        return [Thinking(redacted=block.data, vendor=VENDOR)]
    return [ToolCall(block.id, block.name, wire.encode(block.input).decode())]


def read_finish(reason: str | None, calls: bool) -> Finish:
    """Why an answer ended."""
    finish = _FINISH.get(reason or "end_turn", "other")
    return "tool_calls" if calls and finish == "stop" else finish


def read_usage(usage: MessagesUsage | None) -> Usage:
    """Tokens of an answer."""
    if usage is None:
        return Usage()
    cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    out = usage.output_tokens_details
    reasoning = (out.thinking_tokens if out else None) or 0
    return Usage((usage.input_tokens or 0) + cached + written, usage.output_tokens or 0, cached, written, reasoning)


def write_finish(finish: Finish) -> str:
    """Why an answer ended, in Anthropic's words."""
    return _REASONS.get(finish, "end_turn")


def write_usage(usage: Usage) -> dict[str, Any]:
    """Tokens of an answer."""
    return {
        "input_tokens": max(0, usage.input - usage.cached - usage.written),
        "output_tokens": usage.output,
        "cache_read_input_tokens": usage.cached,
        "cache_creation_input_tokens": usage.written,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    }


def write_answer(answer: Answer, model: str, id: str) -> dict[str, Any]:
    """See ``Dialect``."""
    content = [block for part in answer.parts if (block := write_block(part))]
    return message(model, id, content, write_finish(answer.finish), answer.usage)


def message(model: str, id: str, content: list[dict[str, Any]], reason: str | None, usage: Usage) -> dict[str, Any]:
    """A message; at the beginning of a stream without content and reason."""
    return {
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": write_usage(usage),
    }


def write_block(part: Part) -> dict[str, Any]:
    """A part as a block; nothing for an image."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, ToolCall):
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": wire.arguments_object(part.arguments)}
    if isinstance(part, Thinking):
        if part.vendor == VENDOR and part.redacted:
            return {"type": "redacted_thinking", "data": part.redacted}
        return {"type": "thinking", "thinking": part.text, "signature": write_signature(part)}
    return {}


def write_signature(thinking: Thinking) -> str:
    """What a client must hand back with the reasoning."""
    return thinking.signature if thinking.vendor in (VENDOR, "") else wrapped(thinking)


# status and type
_ERRORS: dict[Kind, tuple[int, str]] = {
    "rate_limited": (429, "rate_limit_error"),
    "quota": (402, "billing_error"),
    "overloaded": (529, "overloaded_error"),
    "server_error": (500, "api_error"),
    "auth": (401, "authentication_error"),
    "not_allowed": (403, "permission_error"),
    "unknown_model": (404, "not_found_error"),
    "bad_request": (400, "invalid_request_error"),
    "too_long": (400, "invalid_request_error"),
    "content_filter": (400, "invalid_request_error"),
    "prefill_refused": (400, "invalid_request_error"),
    "malformed": (500, "api_error"),
    "truncated": (500, "api_error"),
    "timeout": (504, "timeout_error"),
    "connection": (500, "api_error"),
}
# Anthropic has no codes for these: its clients look for the words.
_WORDS: dict[Kind, str] = {
    "too_long": "prompt is too long",
    "content_filter": "blocked by content filtering policy",
    "prefill_refused": "this model does not support assistant message prefill",
}


def write_error(kind: Kind, message: str) -> tuple[int, dict[str, Any]]:
    """See ``Dialect``."""
    status, type = _ERRORS[kind]
    words = _WORDS.get(kind, "")
    if words and words not in message.lower():
        message = f"{words}: {message}"
    return status, {"type": "error", "error": {"type": type, "message": message}}
