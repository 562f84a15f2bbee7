"""From a client's message request to a prompt."""

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
from ..outgoing import JSON_ONLY
from ..thinking import unwrapped
from .claude import effort_of
from .shapes import (
    AnswerBlock,
    Base64Source,
    ContentSource,
    DocumentBlock,
    FileSource,
    ImageBlock,
    Message,
    MessagesRequest,
    PlainSource,
    RedactedBlock,
    TextBlock,
    ThinkingBlock,
    Tool,
    ToolResultBlock,
    UrlSource,
    UserBlock,
)

VENDOR = "anthropic"
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def read_prompt(body: dict[str, Any], name: str) -> Prompt:
    """See ``Dialect``; ``name`` is the dialect's."""
    tools, built_in = _split_tools(body.get("tools"))
    wanted = wire.request({**body, "tools": tools}, MessagesRequest)
    extra = wire.extra_fields(body, MessagesRequest)
    if built_in:
        extra["tools"] = built_in
    if wanted.thinking:
        extra["thinking"] = wanted.thinking
    if wanted.max_tokens == 0:
        extra["max_tokens"] = 0  # the cache is warmed, nothing is answered
    settings = Settings(
        max_tokens=wanted.max_tokens,
        temperature=wanted.temperature,
        top_p=wanted.top_p,
        stop=wanted.stop_sequences or [],
        tool_choice=_tool_choice(wanted.tool_choice or {}),
        parallel_tools=_parallel(wanted.tool_choice or {}),
    )
    _output(wanted, settings, extra)
    said = _system(wanted.system, settings) + _said(wanted.messages)
    return Prompt(wanted.model, said, [_tool(tool) for tool in wanted.tools or []], settings, {name: extra})


def _split_tools(tools: Any) -> tuple[Any, list[dict[str, Any]]]:
    """Tools that a client describes, and tools that Claude knows by their type."""
    if not isinstance(tools, list):
        return tools, []
    all_tools = cast("list[dict[str, Any]]", tools)
    built_in = [tool for tool in all_tools if isinstance(tool, dict) and tool.get("type") not in (None, "custom")]  # pyright: ignore[reportUnnecessaryIsInstance]
    return [tool for tool in all_tools if tool not in built_in], built_in


def _tool(tool: Tool) -> ToolSpec:
    return ToolSpec(tool.name, tool.description or "", tool.input_schema, tool.strict, tool.cache_control is not None)


def _tool_choice(choice: dict[str, Any]) -> str:
    kind = choice.get("type")
    if kind is None or kind in _CHOICES:
        return _CHOICES.get(kind or "", "")
    name = choice.get("name")
    if kind == "tool" and isinstance(name, str) and name:
        return name
    raise wire.refused("tool_choice", f"{wire.shown(choice)} is not auto, any, none or a tool")


def _parallel(choice: dict[str, Any]) -> bool | None:
    disabled = choice.get("disable_parallel_tool_use")
    return not disabled if isinstance(disabled, bool) else None


def _output(wanted: MessagesRequest, settings: Settings, extra: dict[str, Any]) -> None:
    config = {key: value for key, value in (wanted.output_config or {}).items() if value is not None}
    settings.effort = effort_of(wanted.thinking, config)
    if (wanted.thinking or {}).get("type") in (None, "adaptive"):
        config.pop("effort", None)  # else the client says both: what to think, and an effort
    format: dict[str, Any] = config.pop("format", None) or {}
    if format:
        if format.get("type") != "json_schema" or not isinstance(format.get("schema"), dict):
            raise wire.refused("output_config.format", f"it is {wire.shown(format)} and not a json_schema")
        settings.schema = format["schema"]
    if config:
        extra["output_config"] = config
    metadata = {key: value for key, value in (wanted.metadata or {}).items() if value is not None}
    settings.user = str(metadata.pop("user_id", ""))
    if metadata:
        extra["metadata"] = metadata


def _system(system: str | list[TextBlock] | None, settings: Settings) -> list[Said]:
    if not system:
        return []
    texts = _parts(system)
    if texts and texts[-1] == Text(JSON_ONLY):
        settings.json_mode = True
        texts.pop()
    return [Said("system", texts)] if texts else []


def _said(messages: list[Message]) -> list[Said]:
    return [Said(cast("Role", message.__struct_config__.tag), _parts(message.content)) for message in messages]


def _parts(content: str | list[TextBlock] | list[UserBlock] | list[AnswerBlock]) -> list[Part]:
    if isinstance(content, str):
        return [Text(content)] if content else []
    return [part for block in content for part in _part(block)]


def _part(block: UserBlock | AnswerBlock) -> list[Part]:
    if isinstance(block, (TextBlock, ImageBlock, DocumentBlock)):
        return list(_shown(block))
    if isinstance(block, ThinkingBlock):
        return [read_thinking(block)]
    if isinstance(block, RedactedBlock):
        return [Thinking(redacted=block.data, vendor=VENDOR)]
    if isinstance(block, ToolResultBlock):
        content = [Text(block.content)] if isinstance(block.content, str) else []
        shown = [part for inner in block.content or [] if not isinstance(inner, str) for part in _shown(inner)]
        cache = block.cache_control is not None
        return [ToolResult(block.tool_use_id, [*content, *shown], error=bool(block.is_error), cache=cache)]
    return [ToolCall(block.id, block.name, wire.arguments_text(block.input))]


def read_thinking(block: ThinkingBlock) -> Thinking:
    """Reasoning as a client hands it back: Anthropic's own, or another vendor's in its signature."""
    foreign = unwrapped(block.thinking, block.signature)
    return foreign or Thinking(block.thinking, block.signature, vendor=VENDOR if block.signature else "")


def _shown(block: TextBlock | ImageBlock | DocumentBlock) -> list[Text | Media]:
    cache = block.cache_control is not None
    if isinstance(block, TextBlock):
        return [Text(block.text, cache)]
    source = block.source
    is_image = isinstance(block, ImageBlock)
    name = "" if is_image else block.title or ""
    if isinstance(source, ContentSource):
        if isinstance(source.content, str):
            return [Media("text/plain", data=source.content.encode(), name=name, cache=cache)]
        shown = [part for inner in source.content for part in _shown(inner)]
        if shown and cache:
            shown[-1].cache = True
        return shown
    found = _media(source, media.ANY_IMAGE if is_image else "application/pdf", name)
    found.cache = cache
    return [found]


def _media(source: Base64Source | UrlSource | FileSource | PlainSource, kind: str, name: str) -> Media:
    if isinstance(source, Base64Source):
        return Media(source.media_type, data=media.decoded(source.data, "messages.source.data"), name=name)
    if isinstance(source, PlainSource):
        return Media("text/plain", data=source.data.encode(), name=name)
    if isinstance(source, UrlSource):
        return media.from_url(source.url, "messages.source.url", kind, name)
    return media.of_file(VENDOR, source.file_id, kind, name)
