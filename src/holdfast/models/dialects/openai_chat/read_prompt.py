"""From a client's chat completion request to a prompt."""

from __future__ import annotations

from typing import Any, cast

from ....domain.conversation import (
    Media,
    Part,
    Prompt,
    Role,
    Said,
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from .. import media, wire
from ..openai import VENDOR
from .shapes import (
    AssistantMessage,
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    ImageUrl,
    Message,
    RefusalPart,
    TextPart,
    Tool,
    ToolMessage,
    UserPart,
)


def read_prompt(body: dict[str, Any], name: str) -> Prompt:
    """See ``Dialect``; ``name`` is the dialect's."""
    wanted = wire.request(body, ChatRequest)
    if wanted.n not in (None, 1):
        raise wire.refused("n", "only one answer to a request is given")
    extra = wire.extra_fields(body, ChatRequest)
    settings = Settings(
        max_tokens=wanted.max_completion_tokens or wanted.max_tokens or 0,
        temperature=wanted.temperature,
        top_p=wanted.top_p,
        stop=[wanted.stop] if isinstance(wanted.stop, str) else wanted.stop or [],
        seed=wanted.seed,
        tool_choice=_tool_choice(wanted.tool_choice, extra),
        parallel_tools=wanted.parallel_tool_calls,
        effort=wanted.reasoning_effort or "",
        user=wanted.user or "",
    )
    _format(wanted.response_format, settings, extra)
    return Prompt(wanted.model, _said(wanted.messages), [_tool(t) for t in wanted.tools or []], settings, {name: extra})


def _tool_choice(choice: str | dict[str, Any] | None, extra: dict[str, Any]) -> str:
    if choice is None or isinstance(choice, str):
        return choice or ""
    if choice.get("type") == "function":
        name = cast("dict[str, Any]", choice.get("function") or {}).get("name")
        if isinstance(name, str) and name:
            return name
    elif choice.get("type") == "allowed_tools":
        extra["tool_choice"] = choice  # which tools, only OpenAI can be told
        mode = cast("dict[str, Any]", choice.get("allowed_tools") or {}).get("mode")
        return mode if mode in ("auto", "required") else ""
    raise wire.refused("tool_choice", f"{wire.shown(choice)} names no function")


def _format(format: dict[str, Any] | None, settings: Settings, extra: dict[str, Any]) -> None:
    kind = (format or {}).get("type", "text")
    if format is None or kind == "text":
        return
    if kind == "json_object":
        settings.json_mode = True
        return
    described = format.get("json_schema")
    if kind != "json_schema" or not isinstance(described, dict):
        raise wire.refused("response_format", f"it is {wire.shown(format)} and not text, json_object or json_schema")
    fields = cast("dict[str, Any]", described)
    settings.schema = cast("dict[str, Any]", fields.get("schema") or {})
    settings.schema_name = str(fields.get("name") or "")
    rest = {key: value for key, value in fields.items() if key not in ("schema", "name") and value is not None}
    if rest:
        extra["response_format"] = rest  # whether it is strict, and what it is for


def _tool(tool: Tool) -> ToolSpec:
    spec = tool.function
    return ToolSpec(spec.name, spec.description or "", spec.parameters or {}, spec.strict, tool.cache_control is not None)


def _said(messages: list[Message]) -> list[Said]:
    said: list[Said] = []
    in_results = False
    for number, message in enumerate(messages):
        if isinstance(message, ToolMessage):
            if not in_results:
                said.append(Said("user", []))
            content = cast("list[Text | Media]", _parts(message.content, f"messages[{number}].content"))
            said[-1].parts.append(ToolResult(message.tool_call_id, content, message.name or ""))
        elif isinstance(message, AssistantMessage):
            said.append(Said("assistant", _assistant(message)))
        else:
            role: Role = "user" if message.__struct_config__.tag == "user" else "system"
            said.append(Said(role, _parts(message.content, f"messages[{number}].content")))
        in_results = isinstance(message, ToolMessage)
    return said


def _assistant(message: AssistantMessage) -> list[Part]:
    parts: list[Part] = []
    if thought := message.reasoning_content or message.reasoning:
        parts.append(Thinking(thought))
    content = message.content
    if isinstance(content, str):
        parts += [Text(content)] if content else []
    else:
        parts += [Text(p.refusal if isinstance(p, RefusalPart) else p.text) for p in content or []]
    if message.refusal and not content:
        parts.append(Text(message.refusal))
    for call in message.tool_calls or []:
        arguments = call.function.arguments
        text = arguments if isinstance(arguments, str) else wire.arguments_text(arguments)
        parts.append(ToolCall(call.id, call.function.name, text))
    return parts


def _parts(content: str | list[TextPart] | list[UserPart], field: str) -> list[Part]:
    if isinstance(content, str):
        return [Text(content)] if content else []
    return [_part(part, f"{field}[{number}]") for number, part in enumerate(content)]


def _part(part: UserPart, field: str) -> Part:
    if isinstance(part, TextPart):
        return Text(part.text, _cache(part))
    if isinstance(part, ImagePart):
        url = part.image_url.url if isinstance(part.image_url, ImageUrl) else part.image_url
        found = media.from_url(url, f"{field}.image_url")
        found.cache = _cache(part)
        return found
    if isinstance(part, AudioPart):
        sound = part.input_audio
        return Media(media.AUDIO[sound.format], data=media.decoded(sound.data, f"{field}.input_audio.data"))
    return _file(part, f"{field}.file")


def _file(part: FilePart, field: str) -> Media:
    file = part.file
    name = file.filename or ""
    kind = media.guessed(name) or media.ANY_FILE
    if file.file_data and file.file_data.startswith("data:"):
        found = media.from_url(file.file_data, f"{field}.file_data", name=name)
    elif file.file_data:
        found = Media(kind, data=media.decoded(file.file_data, f"{field}.file_data"), name=name)
    elif file.file_id:
        found = media.of_file(VENDOR, file.file_id, kind, name)
    else:
        raise wire.refused(field, "it has neither file_data nor file_id")
    found.cache = _cache(part)
    return found


def _cache(part: TextPart | ImagePart | FilePart) -> bool:
    return part.cache_control is not None or part.prompt_cache_breakpoint is not None
