"""Whole chat completions, usage and finish reasons, in and out."""

from __future__ import annotations

from typing import Any, cast

from ....domain.conversation import Answer, Finish, Part, Text, Thinking, ToolCall, Usage
from .. import wire
from ..dialect import Malformed, ModelProblem
from ..errors import read_error
from .shapes import AnswerCall, AnswerMessage, ChatAnswer, ChatUsage

_FINISH: dict[str, Finish] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "refusal",
}
_REASONS: dict[Finish, str] = {"length": "length", "tool_calls": "tool_calls", "content_filter": "content_filter"}


def read_answer(body: Any) -> Answer:
    """See ``Dialect``."""
    if isinstance(body, dict) and (error := cast("dict[str, Any]", body).get("error")):
        raise ModelProblem(*read_error(0, {"error": error}))
    whole = wire.answer(body, ChatAnswer)
    if not whole.choices:
        raise Malformed(f"not an answer: it has no choices; it begins {wire.shown(body)}")
    choice = whole.choices[0]
    parts = _parts(choice.message, whole.id or "")
    calls = any(isinstance(part, ToolCall) for part in parts)
    finish = read_finish(choice.finish_reason, calls, bool(choice.message.refusal))
    return Answer(parts, finish, read_usage(whole.usage), whole.model or "", whole.id or "")


def _parts(message: AnswerMessage, id: str) -> list[Part]:
    thought, text = read_content(message)
    parts: list[Part] = []
    if thought:
        parts.append(Thinking(thought))
    if text or message.refusal:
        parts.append(Text(text or message.refusal or ""))
    parts += [
        read_call(number, call, id, read_arguments(call) or "{}") for number, call in enumerate(message.tool_calls or [])
    ]
    return parts


def read_call(number: int, call: AnswerCall, id: str, arguments: str) -> ToolCall:
    """A call, or the beginning of one. ``id`` is the answer's, for servers that give calls none."""
    if call.function is None or not call.function.name:
        raise Malformed(f"not an answer: call {number} names no function")
    return ToolCall(call.id or f"call_{number}_{id}", call.function.name, arguments)


def read_arguments(call: AnswerCall) -> str:
    """The text of a call's arguments, or a piece of it."""
    arguments = call.function.arguments if call.function else None
    return arguments if isinstance(arguments, str) else wire.arguments_text(arguments) if arguments else ""


def read_content(message: AnswerMessage) -> tuple[str, str]:
    """Reasoning and words of a message, or of a piece of one."""
    thought = message.reasoning_content or message.reasoning or ""
    content = message.content
    if content is None or isinstance(content, str):
        return thought, content or ""
    text = ""
    for part in content:
        if part.get("type") == "thinking":
            pieces: list[dict[str, Any]] = part.get("thinking") or []
            thought += "".join(str(piece.get("text", "")) for piece in pieces)
        else:
            text += str(part.get("text") or "")
    return thought, text


def read_finish(reason: str | None, calls: bool, refused: bool) -> Finish:
    """Why an answer ended. Not every server says so if it ended with calls."""
    finish = _FINISH.get((reason or "stop").lower(), "other")
    if refused and finish in ("stop", "content_filter"):
        return "refusal"
    return "tool_calls" if calls and finish == "stop" else finish


def read_usage(usage: ChatUsage | None) -> Usage:
    """Tokens of an answer."""
    if usage is None:
        return Usage()
    inside, out = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        usage.prompt_tokens or 0,
        usage.completion_tokens or 0,
        (inside.cached_tokens if inside else None) or usage.prompt_cache_hit_tokens or 0,
        (inside.cache_write_tokens if inside else None) or 0,
        (out.reasoning_tokens if out else None) or 0,
    )


def write_finish(finish: Finish, text: bool) -> str:
    """The reason an answer ended, in OpenAI's words. A refusal without words is a filter's to a client."""
    return "content_filter" if finish == "refusal" and not text else _REASONS.get(finish, "stop")


def write_usage(usage: Usage) -> dict[str, Any]:
    """Tokens of an answer."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def write_answer(answer: Answer, model: str, *, id: str, created: int) -> dict[str, Any]:
    """See ``Dialect``."""
    text = answer.text
    refused = answer.finish == "refusal"
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if refused or not text else text,
        "refusal": text if refused else None,
    }
    if thought := "".join(part.text for part in answer.parts if isinstance(part, Thinking)):
        message["reasoning_content"] = thought
    if calls := answer.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
    finish = write_finish(answer.finish, bool(text))
    return {
        "id": id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": write_usage(answer.usage),
    }
