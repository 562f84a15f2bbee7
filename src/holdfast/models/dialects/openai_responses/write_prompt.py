"""From a prompt to a request for a response."""

from __future__ import annotations

from typing import Any

from ....domain.conversation import Media, Prompt, Said, Settings, Text, Thinking, ToolCall, ToolResult, ToolSpec
from .. import media, openai, outgoing, wire
from ..lost import SPOKEN_MEDIA, THINKING, TOOL_FAILED, Lost
from . import reasoning

_ID_LENGTH = 64


def write_prompt(prompt: Prompt, model: str, name: str, lost: Lost, *, stream: bool) -> dict[str, Any]:
    """See ``Dialect``; ``name`` is the dialect's."""
    found = outgoing.own_fields(prompt, name, lost)
    own = dict(found or {})
    said, body = list(prompt.said), dict[str, Any](model=model)
    if len(said) > 1 and said[0].role == "system" and (instructions := outgoing.joined(said[0].parts)):
        body["instructions"] = instructions  # alone, they are the input
        del said[0]
    body["input"] = _Items(model, said, lost).written
    body |= _settings(prompt.settings, model, lost)
    if thought := {**own.pop("reasoning", {}), **({"effort": prompt.settings.effort} if prompt.settings.effort else {})}:
        body["reasoning"] = thought
    if text := _text(prompt, own.pop("text", None), lost, came_here=found is not None):
        body["text"] = text
    tools = [_tool(tool) for tool in prompt.tools] + own.pop("tools", [])
    if tools:
        body["tools"] = tools
        body |= _choice(prompt.settings)
    else:
        own.pop("tool_choice", None)
    if found is None:  # another vendor's client asked: OpenAI keeps nothing, and its reasoning comes back whole
        body["store"] = False
        if openai.thinks(model):
            body["include"] = ["reasoning.encrypted_content"]
    body |= own
    if stream:
        body["stream"] = True
    return body


def _settings(settings: Settings, model: str, lost: Lost) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if settings.max_tokens:
        body["max_output_tokens"] = settings.max_tokens
    body |= openai.sampling(settings, model, lost)
    lost.say("stop", bool(settings.stop))
    lost.say("seed", settings.seed is not None)
    if settings.user:
        body["user"] = settings.user
    return body


def _text(prompt: Prompt, own: dict[str, Any] | None, lost: Lost, *, came_here: bool) -> dict[str, Any]:
    text, settings = dict(own or {}), prompt.settings
    format: dict[str, Any] = text.pop("format", {}) if came_here else openai.strictness(prompt, lost)
    if settings.schema is not None:
        name = settings.schema_name or "answer"
        text["format"] = {"type": "json_schema", "name": name, "schema": settings.schema, **format}
    elif settings.json_mode:
        text["format"] = {"type": "json_object"}
    return text


def _choice(settings: Settings) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if settings.tool_choice in ("auto", "none", "required"):
        body["tool_choice"] = settings.tool_choice
    elif settings.tool_choice:
        body["tool_choice"] = {"type": "function", "name": settings.tool_choice}
    if settings.parallel_tools is not None:
        body["parallel_tool_calls"] = settings.parallel_tools
    return body


def _tool(tool: ToolSpec) -> dict[str, Any]:
    # Left out, ``strict`` is true here and makes every argument required; all others take it for false.
    function = {"type": "function", "name": tool.name, "parameters": openai.parameters(tool), "strict": bool(tool.strict)}
    return {**function, "description": tool.description} if tool.description else function


class _Items:
    """The input of one request."""

    def __init__(self, model: str, said: list[Said], lost: Lost) -> None:
        self._lost = lost
        self.written: list[dict[str, Any]] = []
        self._model = model
        for message in said:
            if message.role == "assistant":
                self._assistant(message)
            elif message.role == "system":
                if text := outgoing.joined(message.parts):
                    self.written.append({"type": "message", "role": "system", "content": text})
            else:
                self._user(message)

    def _assistant(self, message: Said) -> None:
        for part in message.parts:
            if isinstance(part, Text):
                if part.text:
                    self.written.append({"type": "message", "role": "assistant", "content": part.text})
            elif isinstance(part, ToolCall):
                call = {"name": part.name, "arguments": part.arguments or "{}"}
                self.written.append({"type": "function_call", "call_id": self._id(part.id), **call})
            elif isinstance(part, Thinking) and (item := reasoning.write(part)):
                self.written.append(item)
            else:
                self._lost.say(THINKING if isinstance(part, Thinking) else SPOKEN_MEDIA)

    def _user(self, message: Said) -> None:
        held: list[Text | Media] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._message(held)
                held = []
                output = _content(part.content)
                self._lost.say(TOOL_FAILED, part.error)
                self.written.append({"type": "function_call_output", "call_id": self._id(part.id), "output": output})
            elif isinstance(part, (Text, Media)):
                held.append(part)
        self._message(held)

    def _message(self, parts: list[Text | Media]) -> None:
        if content := _content(parts):
            self.written.append({"type": "message", "role": "user", "content": content})

    def _id(self, id: str) -> str:
        return openai.call_id(id, self._model, _ID_LENGTH)


def _content(parts: list[Text | Media]) -> str | list[dict[str, Any]]:
    written = [_part(part) for part in parts if not isinstance(part, Text) or part.text]
    if len(written) == 1 and isinstance(text := written[0].get("text"), str):
        return text
    return written or ""


def _part(part: Text | Media) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    media.check(part, openai.VENDOR)
    id = media.file_id(part, openai.VENDOR)
    if media.is_image(part):
        where = {"file_id": id} if id else {"image_url": media.data_url(part) if part.data else part.url}
        return {"type": "input_image", "detail": "auto", **where}
    if media.is_audio(part):
        format = media.AUDIO_FORMATS.get(part.media_type)
        if not part.data or not format:
            raise wire.refused("input", f"this target takes sound inline as wav or mp3, not {part.media_type} by address")
        return {"type": "input_audio", "input_audio": {"data": media.encoded(part.data), "format": format}}
    if id:
        return {"type": "input_file", "file_id": id}
    if part.data:
        return {"type": "input_file", "filename": part.name or "file", "file_data": media.data_url(part)}
    return {"type": "input_file", "file_url": part.url}
