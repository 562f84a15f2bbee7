"""From a prompt to a chat completion request, as OpenAI and the many servers that speak its dialect take it."""

from __future__ import annotations

import re
from typing import Any

from ....domain.conversation import Media, Prompt, Said, Settings, Text, Thinking, ToolCall, ToolResult, ToolSpec
from .. import media, openai, outgoing, wire
from ..lost import SPOKEN_MEDIA, THINKING, TOOL_FAILED, Lost

_WANTS_REASONING = re.compile(r"deepseek|kimi|glm-|minimax|mimo", re.IGNORECASE)
"""Models whose servers refuse to go on with their calls' results without the reasoning before the calls."""
_ID_LENGTH = 40


def write_prompt(prompt: Prompt, model: str, name: str, lost: Lost, *, stream: bool) -> dict[str, Any]:
    """See ``Dialect``; ``name`` is the dialect's."""
    found = outgoing.own_fields(prompt, name, lost)
    own = dict(found or {})
    format = own.pop("response_format", {}) if found is not None else openai.strictness(prompt, lost)
    body: dict[str, Any] = {"model": model, "messages": _Messages(prompt, model, lost).written}
    body |= _settings(prompt.settings, model, format, lost)
    if prompt.tools:
        body["tools"] = [_tool(tool) for tool in prompt.tools]
        body |= _choice(prompt.settings)
    else:
        own.pop("tool_choice", None)
    body |= own
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def _settings(settings: Settings, model: str, format: dict[str, Any], lost: Lost) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if settings.max_tokens:
        body["max_completion_tokens" if openai.thinks(model) else "max_tokens"] = settings.max_tokens
    body |= openai.sampling(settings, model, lost)
    if settings.stop:
        body["stop"] = settings.stop
    if settings.seed is not None:
        body["seed"] = settings.seed
    if settings.effort:
        body["reasoning_effort"] = settings.effort
    if settings.user:
        body["user"] = settings.user
    if settings.schema is not None:
        schema = {"name": settings.schema_name or "answer", "schema": settings.schema, **format}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif settings.json_mode:
        body["response_format"] = {"type": "json_object"}
    return body


def _choice(settings: Settings) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if settings.tool_choice in ("auto", "none", "required"):
        body["tool_choice"] = settings.tool_choice
    elif settings.tool_choice:
        body["tool_choice"] = {"type": "function", "function": {"name": settings.tool_choice}}
    if settings.parallel_tools is not None:
        body["parallel_tool_calls"] = settings.parallel_tools
    return body


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": openai.parameters(tool)}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


class _Messages:
    """The messages of one request."""

    def __init__(self, prompt: Prompt, model: str, lost: Lost) -> None:
        self._lost = lost
        self.written: list[dict[str, Any]] = []
        self._model = model
        self._names = outgoing.names_of_calls(prompt.said)
        held: list[Said] = []  # what users say in a row: all results in it come first
        for message in prompt.said:
            if message.role == "user":
                held.append(message)
                continue
            self._users(held)
            held = []
            if message.role == "system":
                if text := outgoing.joined(message.parts):
                    self.written.append({"role": "system", "content": text})
            else:
                self._assistant(message)
        self._users(held)

    def _users(self, said: list[Said]) -> None:
        results = [part for message in said for part in message.parts if isinstance(part, ToolResult)]
        for result in results:
            text = outgoing.joined(result.content)
            self._lost.say(TOOL_FAILED, result.error)
            self.written.append({"role": "tool", "tool_call_id": self._id(result.id), "content": text})
        carried: list[Text | Media] = []
        for result in results:
            if found := outgoing.media_of(result):
                carried += [Text(outgoing.announced(result, self._names)), *found]
        if carried:
            self.written.append({"role": "user", "content": _content(carried)})
        for message in said:
            parts = [part for part in message.parts if isinstance(part, (Text, Media))]
            if parts or not message.parts:
                self.written.append({"role": "user", "content": _content(parts)})

    def _assistant(self, message: Said) -> None:
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        text = "".join(part.text for part in message.parts if isinstance(part, Text))
        thoughts = [part for part in message.parts if isinstance(part, Thinking)]
        carried = (
            [part.text for part in thoughts if not part.vendor] if calls and _WANTS_REASONING.search(self._model) else []
        )
        self._lost.say(THINKING, len(carried) < len(thoughts))
        self._lost.say(SPOKEN_MEDIA, any(isinstance(part, Media) for part in message.parts))
        if not text and not calls:
            return
        written: dict[str, Any] = {"role": "assistant", "content": text or None}
        if calls:
            written["tool_calls"] = [
                {"id": self._id(c.id), "type": "function", "function": {"name": c.name, "arguments": c.arguments or "{}"}}
                for c in calls
            ]
            if carried:
                written["reasoning_content"] = "".join(carried)
        self.written.append(written)

    def _id(self, id: str) -> str:
        return openai.call_id(id, self._model, _ID_LENGTH)


def _content(parts: list[Text | Media]) -> str | list[dict[str, Any]]:
    """A plain text where that is enough: not every server takes parts."""
    if all(isinstance(part, Text) for part in parts):
        return outgoing.joined(parts)
    return [_part(part) for part in parts if not isinstance(part, Text) or part.text]


def _part(part: Text | Media) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    media.check(part, openai.VENDOR)
    if media.is_image(part) and not media.file_id(part, openai.VENDOR):
        return {"type": "image_url", "image_url": {"url": media.data_url(part) if part.data else part.url}}
    if media.is_audio(part):
        format = media.AUDIO_FORMATS.get(part.media_type)
        if not part.data or not format:
            raise wire.refused("messages", f"this target takes sound inline as wav or mp3, not {part.media_type} by address")
        return {"type": "input_audio", "input_audio": {"data": media.encoded(part.data), "format": format}}
    return {"type": "file", "file": _file(part)}


def _file(part: Media) -> dict[str, Any]:
    if id := media.file_id(part, openai.VENDOR):
        return {"file_id": id}
    if not part.data:
        raise wire.refused("messages", f"this target takes documents inline, not by address ({part.url[:80]})")
    return {"filename": part.name or "file", "file_data": media.data_url(part)}
