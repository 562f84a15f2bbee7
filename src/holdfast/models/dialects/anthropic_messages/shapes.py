"""The shapes of Anthropic's messages on the wire. A struct lists what is understood; anything else is ignored here."""

from __future__ import annotations

from typing import Any

import msgspec

from ..wire import Request


class TextBlock(msgspec.Struct, tag_field="type", tag="text"):
    """Words."""

    text: str
    cache_control: Any = None


class Base64Source(msgspec.Struct, tag_field="type", tag="base64"):
    """Content, inline."""

    data: str
    media_type: str


class UrlSource(msgspec.Struct, tag_field="type", tag="url"):
    """Content at an address."""

    url: str


class FileSource(msgspec.Struct, tag_field="type", tag="file"):
    """Content that was uploaded."""

    file_id: str


class PlainSource(msgspec.Struct, tag_field="type", tag="text"):
    """A document that is a text."""

    data: str
    media_type: str = "text/plain"


class ImageBlock(msgspec.Struct, tag_field="type", tag="image"):
    """An image."""

    source: Base64Source | UrlSource | FileSource
    cache_control: Any = None


class ContentSource(msgspec.Struct, tag_field="type", tag="content"):
    """A document that is made of blocks."""

    content: str | list[TextBlock | ImageBlock]


class DocumentBlock(msgspec.Struct, tag_field="type", tag="document"):
    """A document."""

    source: Base64Source | UrlSource | FileSource | PlainSource | ContentSource
    title: str | None = None
    cache_control: Any = None


class ThinkingBlock(msgspec.Struct, tag_field="type", tag="thinking"):
    """Reasoning and its signature."""

    thinking: str
    signature: str = ""


class RedactedBlock(msgspec.Struct, tag_field="type", tag="redacted_thinking"):
    """Reasoning that only Anthropic can read."""

    data: str


class ToolUseBlock(msgspec.Struct, tag_field="type", tag="tool_use"):
    """A call of a tool."""

    id: str
    name: str
    input: dict[str, Any]


class ToolResultBlock(msgspec.Struct, tag_field="type", tag="tool_result"):
    """What a tool answered."""

    tool_use_id: str
    content: str | list[TextBlock | ImageBlock | DocumentBlock] | None = None
    is_error: bool | None = None
    cache_control: Any = None


UserBlock = TextBlock | ImageBlock | DocumentBlock | ToolResultBlock
AnswerBlock = TextBlock | ThinkingBlock | RedactedBlock | ToolUseBlock
ANSWER_TYPES = {"text", "thinking", "redacted_thinking", "tool_use"}


class UserMessage(msgspec.Struct, tag_field="role", tag="user"):
    """What a person says, and what tools answered."""

    content: str | list[UserBlock]


class AssistantMessage(msgspec.Struct, tag_field="role", tag="assistant"):
    """What a model said."""

    content: str | list[AnswerBlock]


class SystemMessage(msgspec.Struct, tag_field="role", tag="system"):
    """Instructions in the middle of a conversation."""

    content: str | list[TextBlock]


Message = UserMessage | AssistantMessage | SystemMessage


class Tool(msgspec.Struct):
    """A tool as a model sees it."""

    name: str
    input_schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None
    cache_control: Any = None


class MessagesRequest(Request, kw_only=True):
    """A request."""

    messages: list[Message]
    max_tokens: int
    system: str | list[TextBlock] | None = None
    tools: list[Tool] | None = None
    tool_choice: dict[str, Any] | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    thinking: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class OutputDetails(msgspec.Struct):
    """Of the tokens that came out."""

    thinking_tokens: int | None = None


class MessagesUsage(msgspec.Struct):
    """Tokens. What was read from the cache or written to it is not in ``input_tokens``. In a stream they come twice, the
    later ones being totals."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None


class MessageAnswer(msgspec.Struct):
    """A whole answer."""

    content: list[dict[str, Any]]
    stop_reason: str | None = None
    usage: MessagesUsage | None = None
    model: str | None = None
    id: str | None = None


class StreamBlock(msgspec.Struct):
    """A block that begins in a stream. Of any kind: not all kinds are understood."""

    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, Any] | None = None


class Delta(msgspec.Struct):
    """What a block, or the message, has more than before; ``type`` says which field."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class StreamEvent(msgspec.Struct):
    """Any event of a stream; ``type`` says which fields it has."""

    type: str
    index: int = 0
    delta: Delta | None = None
    content_block: StreamBlock | None = None
    message: MessageAnswer | None = None
    usage: MessagesUsage | None = None
