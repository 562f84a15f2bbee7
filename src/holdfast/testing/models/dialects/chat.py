"""OpenAI's chat completions, which most vendors speak. Thinking goes where DeepSeek and vLLM put it."""

from __future__ import annotations

from typing import Any

from ..answer import Event, Stage, openai_error
from ..call import Call, Reply, objects
from ..wire import pieces
from .usage import arguments_of, now_seconds, unnamed, usage_of

DONE = Event("end", b"data: [DONE]\n\n")


class Chat:
    """``POST /v1/chat/completions``."""

    def whole(self, call: Call, reply: Reply) -> Any:
        """A ``chat.completion``."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": reply.text if reply.text or not reply.tool_calls else None,
            "refusal": None,
        }
        if reply.thinking:
            message["reasoning_content"] = reply.thinking
        if reply.tool_calls:
            message["tool_calls"] = [
                {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments_of(given)}}
                for call_id, name, given in reply.tool_calls
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finished}
        answer = {**_envelope(call, reply, "chat.completion"), "choices": [choice]}
        return {**answer, "usage": _usage(call, reply)} if reply.usage else answer

    def events(self, call: Call, reply: Reply) -> list[Event]:
        """Chunks, the usage if it was asked for, and ``[DONE]``."""
        envelope = _envelope(call, reply, "chat.completion.chunk")
        with_usage = reply.usage and _wants_usage(call)
        if with_usage:
            envelope["usage"] = None

        def delta(stage: Stage, said: dict[str, Any], finish: str | None = None) -> Event:
            return unnamed(
                stage, {**envelope, "choices": [{"index": 0, "delta": said, "logprobs": None, "finish_reason": finish}]}
            )

        events = [delta("open", {"role": "assistant", "content": None if reply.tool_calls else "", "refusal": None})]
        events += [delta("content", {"reasoning_content": piece}) for piece in pieces(reply.thinking, reply.chunks)]
        events += [delta("content", {"content": piece}) for piece in pieces(reply.text, reply.chunks)]
        for index, (call_id, name, given) in enumerate(reply.tool_calls):
            function = {"name": name, "arguments": ""}
            events.append(
                delta("open", {"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]})
            )
            events += [
                delta("content", {"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
                for piece in pieces(arguments_of(given), reply.chunks)
            ]
        events.append(delta("finish", {}, reply.finished))
        if with_usage:
            events.append(unnamed("finish", {**envelope, "choices": [], "usage": _usage(call, reply)}))
        return [*events, DONE]

    def failure(self, call: Call, reply: Reply) -> list[Event]:
        """An error in place of a chunk."""
        said = openai_error("The server had an error while processing your request. Sorry about that!", "server_error")
        return [unnamed("finish", {"error": said})]


def _envelope(call: Call, reply: Reply, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{call.number:024d}",
        "object": kind,
        "created": now_seconds(),
        "model": reply.model or call.model,
        "service_tier": "default",
        "system_fingerprint": "fp_holdfast",
    }


def _wants_usage(call: Call) -> bool:
    return any(options.get("include_usage") for options in objects([call.body.get("stream_options")]))


def _usage(call: Call, reply: Reply) -> dict[str, Any]:
    used = usage_of(call, reply)
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.total,
        "prompt_tokens_details": {"cached_tokens": used.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": used.thinking, "audio_tokens": 0},
    }
