"""OpenAI's responses: typed items, and a stream in which the last event carries the whole answer again."""

from __future__ import annotations

from typing import Any

from ..answer import Event, Stage
from ..call import Call, Reply
from ..wire import pieces
from .usage import arguments_of, named, now_seconds, usage_of

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Responses:
    """``POST /v1/responses``."""

    def whole(self, call: Call, reply: Reply) -> Any:
        """A ``response`` that is over."""
        return _response(call, reply, _status(reply), _items(call, reply))

    def events(self, call: Call, reply: Reply) -> list[Event]:
        """From ``response.created`` to ``response.completed``, numbered."""
        script = _Script()
        for kind in ("response.created", "response.in_progress"):
            script.say("open", kind, response=_response(call, reply, "in_progress", []))
        items = _items(call, reply)
        for index, item in enumerate(items):
            script.tell(index, item, reply.chunks)
        status = _status(reply)
        script.say("end", f"response.{status}", response=_response(call, reply, status, items))
        return script.events

    def failure(self, call: Call, reply: Reply) -> list[Event]:
        """An error, and a response that failed."""
        script = _Script()
        message = "The server had an error while processing your request. Sorry about that!"
        script.say(
            "finish", "error", error={"type": "server_error", "code": "server_error", "message": message, "param": None}
        )
        failed = {**_response(call, reply, "failed", []), "error": {"code": "server_error", "message": message}}
        script.say("finish", "response.failed", response=failed)
        return script.events


class _Script:
    """The events of a stream as they are written down, numbered."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def say(self, stage: Stage, kind: str, **fields: Any) -> None:
        """One event."""
        self.events.append(named(stage, {"type": kind, "sequence_number": len(self.events), **fields}))

    def tell(self, index: int, item: dict[str, Any], chunks: int) -> None:
        """An item from its beginning to its end."""
        match item["type"]:
            case "function_call":
                self._added(index, {**item, "status": "in_progress", "arguments": ""})
                where = {"item_id": item["id"], "output_index": index}
                for piece in pieces(item["arguments"], chunks):
                    self.say("content", "response.function_call_arguments.delta", **where, delta=piece)
                self.say(
                    "open",
                    "response.function_call_arguments.done",
                    **where,
                    name=item["name"],
                    arguments=item["arguments"],
                )
            case "reasoning":
                self._added(index, {**item, "summary": []})
                self._part(index, item, "summary", "reasoning_summary_part", "reasoning_summary_text", chunks)
            case _:
                self._added(index, {**item, "status": "in_progress", "content": []})
                self._part(index, item, "content", "content_part", "output_text", chunks)
        self.say("open", "response.output_item.done", output_index=index, item=item)

    def _added(self, index: int, item: dict[str, Any]) -> None:
        self.say("open", "response.output_item.added", output_index=index, item=item)

    def _part(self, index: int, item: dict[str, Any], field: str, part: str, text: str, chunks: int) -> None:
        counted = "summary_index" if field == "summary" else "content_index"
        where = {"item_id": item["id"], "output_index": index, counted: 0}
        said: dict[str, Any] = item[field][0]
        more: dict[str, Any] = {"logprobs": []} if field == "content" else {}
        self.say("open", f"response.{part}.added", **where, part={**said, "text": ""})
        for piece in pieces(said["text"], chunks):
            self.say("content", f"response.{text}.delta", **where, **more, delta=piece)
        self.say("open", f"response.{text}.done", **where, **more, text=said["text"])
        self.say("open", f"response.{part}.done", **where, part=said)


def _status(reply: Reply) -> str:
    return "incomplete" if reply.finished in _INCOMPLETE else "completed"


def _items(call: Call, reply: Reply) -> list[dict[str, Any]]:
    """Reasoning, message and function calls, in the order in which models give them."""
    items: list[dict[str, Any]] = []
    if reply.thinking:
        summary = [{"type": "summary_text", "text": reply.thinking}]
        items.append({"id": f"rs_{call.number:024d}", "type": "reasoning", "summary": summary})
    if reply.text or not reply.tool_calls:
        content: list[Any] = [{"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}]
        message = {"id": f"msg_{call.number:024d}", "type": "message", "role": "assistant"}
        items.append({**message, "status": _status(reply), "content": content})
    for index, (call_id, name, given) in enumerate(reply.tool_calls):
        function = {"id": f"fc_{call.number:020d}{index:04d}", "type": "function_call", "call_id": call_id, "name": name}
        items.append({**function, "arguments": arguments_of(given), "status": "completed"})
    return items


def _response(call: Call, reply: Reply, status: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    over = status in ("completed", "incomplete")
    asked = call.body
    return {
        "id": f"resp_{call.number:024d}",
        "object": "response",
        "created_at": now_seconds(),
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": _INCOMPLETE[reply.finished]} if status == "incomplete" else None,
        "instructions": asked.get("instructions"),
        "max_output_tokens": asked.get("max_output_tokens"),
        "model": reply.model or call.model,
        "output": items,
        "parallel_tool_calls": asked.get("parallel_tool_calls", True),
        "previous_response_id": asked.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": asked.get("store", True),
        "temperature": asked.get("temperature", 1.0),
        "text": asked.get("text", {"format": {"type": "text"}}),
        "tool_choice": asked.get("tool_choice", "auto"),
        "tools": asked.get("tools", []),
        "top_p": asked.get("top_p", 1.0),
        "truncation": asked.get("truncation", "disabled"),
        "usage": _usage(call, reply) if over and reply.usage else None,
        "metadata": asked.get("metadata") or {},
    }


def _usage(call: Call, reply: Reply) -> dict[str, Any]:
    used = usage_of(call, reply)
    return {
        "input_tokens": used.input,
        "input_tokens_details": {"cached_tokens": used.cached, "cache_write_tokens": 0},
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": used.thinking},
        "total_tokens": used.total,
    }
