"""Whole responses, usage and finish reasons, in and out."""

from __future__ import annotations

from typing import Any, cast

from ....domain.conversation import Answer, Finish, Part, Text, Thinking, ToolCall, Usage
from .. import wire
from ..dialect import Malformed, ModelProblem
from ..errors import read_error
from . import reasoning
from .shapes import (
    OUTPUT_TYPES,
    FunctionCall,
    Message,
    OutputItem,
    OutputText,
    Reasoning,
    Refusal,
    Response,
    ResponsesUsage,
)

_INCOMPLETE: dict[str, Finish] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_Words = (OutputText, Refusal)
_REASONS: dict[Finish, str | None] = {"length": "max_output_tokens", "content_filter": "content_filter", "other": None}


def read_answer(body: Any) -> Answer:
    """See ``Dialect``."""
    whole = wire.answer(body, Response)
    if whole.error or whole.status in ("failed", "cancelled"):
        raise failure(whole)
    if whole.output is None or whole.status not in (None, "completed", "incomplete"):
        raise Malformed(f"not an answer: it has no output; it begins {wire.shown(body)}")
    parts: list[Part] = []
    refused = False
    for raw in whole.output:
        if raw.get("type") in OUTPUT_TYPES:
            item = wire.answer(raw, cast("type[OutputItem]", OutputItem))
            refused = refused or (isinstance(item, Message) and any(isinstance(c, Refusal) for c in item.content))
            parts += _parts(item)
    finish = read_finish(whole, any(isinstance(part, ToolCall) for part in parts), refused)
    return Answer(parts, finish, read_usage(whole.usage), whole.model or "", whole.id or "")


def _parts(item: Message | FunctionCall | Reasoning) -> list[Part]:
    if isinstance(item, FunctionCall):
        return [ToolCall(item.call_id, item.name, item.arguments or "{}")]
    if isinstance(item, Reasoning):
        text = "\n\n".join(piece.text for piece in item.summary or item.content or [])
        return [Thinking(text, reasoning.signature(item.id, item.encrypted_content or ""), vendor=reasoning.VENDOR)]
    if isinstance(item.content, str):
        return [Text(item.content)] if item.content else []
    words = [part.refusal if isinstance(part, Refusal) else part.text for part in item.content if isinstance(part, _Words)]
    return [Text(text) for text in words if text]


def failure(response: Response) -> ModelProblem:
    """The error of a response that failed."""
    return ModelProblem(*read_error(0, {"error": response.error or {"message": f"the response is {response.status}"}}))


def read_finish(response: Response, calls: bool, refused: bool) -> Finish:
    """Why an answer ended."""
    if response.status == "incomplete":
        reason = response.incomplete_details.reason if response.incomplete_details else None
        return _INCOMPLETE.get(reason or "", "other")
    return "refusal" if refused else "tool_calls" if calls else "stop"


def read_usage(usage: ResponsesUsage | None) -> Usage:
    """Tokens of an answer."""
    if usage is None:
        return Usage()
    inside, out = usage.input_tokens_details, usage.output_tokens_details
    return Usage(
        usage.input_tokens or 0,
        usage.output_tokens or 0,
        (inside.cached_tokens if inside else None) or 0,
        (inside.cache_write_tokens if inside else None) or 0,
        (out.reasoning_tokens if out else None) or 0,
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    """Tokens of an answer."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def write_answer(answer: Answer, model: str, *, id: str, created: int) -> dict[str, Any]:
    """See ``Dialect``."""
    refused = answer.finish == "refusal"
    items = [item for number, part in enumerate(answer.parts) if (item := write_item(part, f"{id}_{number}", refused))]
    if refused and not answer.text:
        items.append(write_item(Text(""), f"{id}_refusal", True))
    return response(model, id, created, items, answer.finish, answer.usage)


def write_item(part: Part, place: str, refused: bool = False) -> dict[str, Any]:
    """A part as an item of the output; nothing for an image. ``place`` makes its id unique."""
    if isinstance(part, ToolCall):
        call = {"call_id": part.id, "name": part.name, "arguments": part.arguments}
        return {"type": "function_call", "id": f"fc_{place}", "status": "completed", **call}
    if isinstance(part, Thinking):
        return reasoning.for_client(part, place)
    if isinstance(part, Text):
        content = refusal(part.text) if refused else output_text(part.text)
        return {"type": "message", "id": f"msg_{place}", "status": "completed", "role": "assistant", "content": [content]}
    return {}


def output_text(text: str) -> dict[str, Any]:
    """Words of a model."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def refusal(text: str) -> dict[str, Any]:
    """Words by which a model refused."""
    return {"type": "refusal", "refusal": text}


def response(
    model: str, id: str, created: int, items: list[dict[str, Any]], finish: Finish | None = None, usage: Usage | None = None
) -> dict[str, Any]:
    """A response with all the fields that OpenAI's clients read. Without ``finish`` it is still being given."""
    status = "in_progress" if finish is None else "incomplete" if finish in _REASONS else "completed"
    return {
        "id": id,
        "object": "response",
        "created_at": created,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": _REASONS[finish]} if finish in _REASONS else None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": model,
        "output": items,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "usage": write_usage(usage) if usage is not None else None,
        "user": None,
    }
