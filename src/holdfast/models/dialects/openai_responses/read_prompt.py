"""From a client's request for a response to a prompt."""

from __future__ import annotations

from typing import Any, cast

from ....domain.conversation import Media, Part, Prompt, Role, Said, Settings, Text, ToolCall, ToolResult, ToolSpec
from .. import media, wire
from ..openai import VENDOR
from . import reasoning
from .shapes import (
    Content,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputFile,
    InputImage,
    InputItem,
    InputText,
    OutputText,
    Reasoning,
    Refusal,
    ResponsesRequest,
    Tool,
)

_RUN_BY_OPENAI = ("web_search", "file_search", "code_interpreter", "mcp", "image_generation")
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}


def read_prompt(body: dict[str, Any], name: str) -> Prompt:
    """See ``Dialect``; ``name`` is the dialect's."""
    tools, run_by_openai = _split_tools(body.get("tools"))
    wanted = wire.request({**body, "input": _typed(body.get("input")), "tools": tools}, ResponsesRequest)
    if wanted.background:
        raise wire.refused("background", "answers are given when they are there; leave it out")
    extra = wire.extra_fields(body, ResponsesRequest)
    if run_by_openai:
        extra["tools"] = run_by_openai
    settings = Settings(
        max_tokens=wanted.max_output_tokens or 0,
        temperature=wanted.temperature,
        top_p=wanted.top_p,
        tool_choice=_tool_choice(wanted.tool_choice, extra),
        parallel_tools=wanted.parallel_tool_calls,
        user=wanted.user or "",
    )
    _effort(wanted.reasoning, settings, extra)
    _format(wanted.text, settings, extra)
    said = [Said("system", [Text(wanted.instructions)])] if wanted.instructions else []
    said += [Said("user", [Text(wanted.input)])] if isinstance(wanted.input, str) else _said(wanted.input)
    return Prompt(wanted.model, said, [_tool(tool) for tool in wanted.tools or []], settings, {name: extra})


def _typed(items: Any) -> Any:
    """Messages need no type."""
    if not isinstance(items, list):
        return "" if items is None else items
    return [_typed_item(item) for item in cast("list[Any]", items)]


def _typed_item(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    fields = cast("dict[str, Any]", item)
    return {**fields, "type": "message"} if fields.get("type") is None and "role" in fields else fields


def _split_tools(tools: Any) -> tuple[Any, list[dict[str, Any]]]:
    """Functions, and tools that OpenAI runs itself and no other vendor has."""
    if not isinstance(tools, list):
        return tools, []
    functions: list[Any] = []
    run_by_openai: list[dict[str, Any]] = []
    for number, tool in enumerate(cast("list[Any]", tools)):
        kind = _kind(tool)
        if kind.startswith(_RUN_BY_OPENAI) or kind == "namespace":  # groups of tools: no other vendor has them
            run_by_openai.append(tool)
        elif kind == "function":
            functions.append(tool)
        else:
            raise wire.refused(f"tools[{number}].type", f"tools of type {kind!r} are not supported; make it a function")
    return functions, run_by_openai


def _kind(tool: Any) -> str:
    return str(cast("dict[str, Any]", tool).get("type", "function")) if isinstance(tool, dict) else "function"


def _tool(tool: Tool) -> ToolSpec:
    return ToolSpec(tool.name, tool.description or "", tool.parameters or {}, tool.strict)


def _tool_choice(choice: str | dict[str, Any] | None, extra: dict[str, Any]) -> str:
    if choice is None or isinstance(choice, str):
        return choice or ""
    kind, name = choice.get("type"), choice.get("name")
    if kind == "function" and isinstance(name, str) and name:
        return name
    if kind == "allowed_tools" or str(kind).startswith(_RUN_BY_OPENAI):
        extra["tool_choice"] = choice
        return choice["mode"] if choice.get("mode") in ("auto", "required") else ""
    raise wire.refused("tool_choice", f"{wire.shown(choice)} names no function")


def _effort(wanted: dict[str, Any] | None, settings: Settings, extra: dict[str, Any]) -> None:
    fields = {key: value for key, value in (wanted or {}).items() if value is not None}
    effort = fields.pop("effort", "")
    if not isinstance(effort, str):
        raise wire.refused("reasoning.effort", "it is no text")
    settings.effort = effort
    if fields:
        extra["reasoning"] = fields


def _format(text: dict[str, Any] | None, settings: Settings, extra: dict[str, Any]) -> None:
    fields = {key: value for key, value in (text or {}).items() if value is not None}
    format = fields.pop("format", {"type": "text"})
    kind = cast("dict[str, Any]", format).get("type") if isinstance(format, dict) else None
    if kind == "json_object":
        settings.json_mode = True
    elif kind == "json_schema":
        schema = cast("dict[str, Any]", format)
        settings.schema = cast("dict[str, Any]", schema.get("schema") or {})
        settings.schema_name = str(schema.get("name") or "")
        known = ("type", "schema", "name")
        if rest := {key: value for key, value in schema.items() if key not in known and value is not None}:
            fields["format"] = rest
    elif kind != "text":
        raise wire.refused("text.format", f"it is {wire.shown(format)} and not text, json_object or json_schema")
    if fields:
        extra["text"] = fields


def _said(items: list[InputItem]) -> list[Said]:
    """Items that a model gave one after another are one message, and so are results that follow each other."""
    said: list[Said] = []
    last = ""
    for number, item in enumerate(items):
        kind, part = _item(item)
        if part is None:
            assert not isinstance(item, (FunctionCall, FunctionCallOutput, Reasoning))
            kind = _ROLES[item.role]
            parts = _parts(item.content, f"input[{number}].content")
        else:
            parts = [part]
        if kind == last and kind in ("assistant", "result"):
            said[-1].parts.extend(parts)
        else:
            said.append(Said("user" if kind == "result" else cast("Role", kind), parts))
        last = kind
    return said


def _item(item: InputItem) -> tuple[str, Part | None]:
    if isinstance(item, FunctionCall):
        return "assistant", ToolCall(item.call_id, item.name, item.arguments)
    if isinstance(item, Reasoning):
        return "assistant", reasoning.read(item)
    if isinstance(item, FunctionCallOutput):
        content = _parts(cast("str | list[Content]", item.output), "input.output")
        return "result", ToolResult(item.call_id, cast("list[Text | Media]", content), item.name or "")
    return "", None


def _parts(content: str | list[Content], field: str) -> list[Part]:
    if isinstance(content, str):
        return [Text(content)] if content else []
    return [_part(part, f"{field}[{number}]") for number, part in enumerate(content)]


def _part(part: Content, field: str) -> Part:
    if isinstance(part, InputText):
        return Text(part.text, part.prompt_cache_breakpoint is not None)
    if isinstance(part, OutputText):
        return Text(part.text)
    if isinstance(part, Refusal):
        return Text(part.refusal)
    if isinstance(part, InputAudio):
        sound = part.input_audio
        return Media(media.AUDIO[sound.format], data=media.decoded(sound.data, f"{field}.input_audio.data"))
    found = _image(part, field) if isinstance(part, InputImage) else _file(part, field)
    found.cache = part.prompt_cache_breakpoint is not None
    return found


def _image(part: InputImage, field: str) -> Media:
    if part.image_url:
        return media.from_url(part.image_url, f"{field}.image_url")
    if part.file_id:
        return media.of_file(VENDOR, part.file_id, media.ANY_IMAGE)
    raise wire.refused(field, "it has neither image_url nor file_id")


def _file(part: InputFile, field: str) -> Media:
    name = part.filename or ""
    kind = media.guessed(name) or media.ANY_FILE
    if part.file_data and part.file_data.startswith("data:"):
        return media.from_url(part.file_data, f"{field}.file_data", name=name)
    if part.file_data:
        return Media(kind, data=media.decoded(part.file_data, f"{field}.file_data"), name=name)
    if part.file_url:
        return media.from_url(part.file_url, f"{field}.file_url", kind, name)
    if part.file_id:
        return media.of_file(VENDOR, part.file_id, kind, name)
    raise wire.refused(field, "it has neither file_data, file_url nor file_id")
