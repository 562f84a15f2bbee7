"""Anthropic's messages: blocks of content, each opened and closed in the stream, and every event with its name."""

from __future__ import annotations

from typing import Any

import msgspec

from ..answer import Event, anthropic_error
from ..call import Call, Reply
from ..wire import pieces
from .usage import arguments_of, named, usage_of

_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}

PING = named("open", {"type": "ping"})


class Messages:
    """``POST /v1/messages``."""

    def whole(self, call: Call, reply: Reply) -> Any:
        """A ``message`` that is over."""
        message = {**_message(call, reply), "content": _blocks(call, reply), "stop_reason": _stop(reply)}
        return {**message, "usage": _usage(call, reply)} if reply.usage else message

    def events(self, call: Call, reply: Reply) -> list[Event]:
        """From ``message_start`` to ``message_stop``."""
        start: dict[str, Any] = {**_message(call, reply), "content": [], "stop_reason": None}
        if reply.usage:
            start["usage"] = {**_usage(call, reply), "output_tokens": 1}
        events = [named("open", {"type": "message_start", "message": start})]
        for index, block in enumerate(_blocks(call, reply)):
            events += _block(index, block, reply, ping=index == 0)
        over: dict[str, Any] = {
            "type": "message_delta",
            "delta": {"stop_reason": _stop(reply), "stop_sequence": None},
        }
        if reply.usage:
            over["usage"] = _usage(call, reply)
        return [*events, named("finish", over), named("end", {"type": "message_stop"})]

    def failure(self, call: Call, reply: Reply) -> list[Event]:
        """What an overloaded vendor says after 200."""
        return [named("finish", {"type": "error", "error": anthropic_error("overloaded_error", "Overloaded")})]


def _message(call: Call, reply: Reply) -> dict[str, Any]:
    return {
        "id": f"msg_{call.number:024d}",
        "type": "message",
        "role": "assistant",
        "model": reply.model or call.model,
        "stop_sequence": None,
    }


def _stop(reply: Reply) -> str:
    return _STOPS.get(reply.finished, reply.finished)


def _blocks(call: Call, reply: Reply) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if reply.thinking:
        blocks.append({"type": "thinking", "thinking": reply.thinking, "signature": f"sig{call.number:021d}"})
    if reply.text:
        blocks.append({"type": "text", "text": reply.text})
    for call_id, name, given in reply.tool_calls:
        blocks.append({"type": "tool_use", "id": call_id, "name": name, "input": _input(given)})
    return blocks


def _input(given: Any) -> Any:
    """Arguments as a value; text that is no JSON stays text, which is how it looks at vendors who only copy the protocol."""
    if not isinstance(given, str):
        return given
    try:
        return msgspec.json.decode(given)
    except msgspec.DecodeError:
        return given


def _block(index: int, block: dict[str, Any], reply: Reply, *, ping: bool) -> list[Event]:
    """A block from its beginning to its end."""
    match block["type"]:
        case "thinking":
            empty: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"], reply.chunks)]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        case "text":
            empty = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"], reply.chunks)]
        case _:
            empty = {**block, "input": {}}
            given = arguments_of(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces(given, reply.chunks)]]
    opened = named("open", {"type": "content_block_start", "index": index, "content_block": empty})
    told = [named("content", {"type": "content_block_delta", "index": index, "delta": delta}) for delta in deltas]
    closed = named("open", {"type": "content_block_stop", "index": index})
    return [opened, *([PING] if ping else []), *told, closed]


def _usage(call: Call, reply: Reply) -> dict[str, Any]:
    """Anthropic counts what came from the cache apart from the input."""
    used = usage_of(call, reply)
    return {
        "input_tokens": max(0, used.input - used.cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": used.cached,
        "output_tokens": used.output,
    }
