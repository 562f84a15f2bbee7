"""The shapes of chat completions on the wire. A struct lists what is understood; anything else is ignored here."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ..wire import Request


class TextPart(msgspec.Struct, tag_field="type", tag="text"):
    """Words. The marks for a cache are OpenAI's and OpenRouter's."""

    text: str
    prompt_cache_breakpoint: Any = None
    cache_control: Any = None


class RefusalPart(msgspec.Struct, tag_field="type", tag="refusal"):
    """Words by which a model refused."""

    refusal: str


class ImageUrl(msgspec.Struct):
    """An address or a data URL."""

    url: str


class ImagePart(msgspec.Struct, tag_field="type", tag="image_url"):
    """An image. Some clients write the address without its object."""

    image_url: ImageUrl | str
    prompt_cache_breakpoint: Any = None
    cache_control: Any = None


class Audio(msgspec.Struct):
    """Base64 and its format."""

    data: str
    format: Literal["wav", "mp3"]


class AudioPart(msgspec.Struct, tag_field="type", tag="input_audio"):
    """A sound."""

    input_audio: Audio


class File(msgspec.Struct):
    """A document: its content, or the id of an upload."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FilePart(msgspec.Struct, tag_field="type", tag="file"):
    """A document."""

    file: File
    prompt_cache_breakpoint: Any = None
    cache_control: Any = None


UserPart = TextPart | ImagePart | AudioPart | FilePart


class Function(msgspec.Struct):
    """What is called, and with what."""

    name: str
    arguments: str | dict[str, Any] = "{}"


class Call(msgspec.Struct):
    """A call of a tool."""

    id: str
    function: Function
    type: Literal["function"] = "function"


class SystemMessage(msgspec.Struct, tag_field="role", tag="system"):
    """Instructions."""

    content: str | list[TextPart]


class DeveloperMessage(msgspec.Struct, tag_field="role", tag="developer"):
    """Instructions, by their newer name."""

    content: str | list[TextPart]


class UserMessage(msgspec.Struct, tag_field="role", tag="user"):
    """What a person says."""

    content: str | list[UserPart]


class AssistantMessage(msgspec.Struct, tag_field="role", tag="assistant"):
    """What a model said. Reasoning has two names, neither of them OpenAI's."""

    content: str | list[TextPart | RefusalPart] | None = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class ToolMessage(msgspec.Struct, tag_field="role", tag="tool"):
    """What a tool answered."""

    tool_call_id: str
    content: str | list[TextPart]
    name: str | None = None


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage


class FunctionSpec(msgspec.Struct):
    """A tool as a model sees it."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(msgspec.Struct):
    """A tool. Those that are no functions have no words in any other dialect."""

    function: FunctionSpec
    type: Literal["function"] = "function"
    cache_control: Any = None


class ChatRequest(Request):
    """A request."""

    messages: list[Message]
    tools: list[Tool] | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    response_format: dict[str, Any] | None = None
    user: str | None = None
    stream_options: dict[str, Any] | None = None


class PromptDetails(msgspec.Struct):
    """Of the tokens that went in."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionDetails(msgspec.Struct):
    """Of the tokens that came out."""

    reasoning_tokens: int | None = None


class ChatUsage(msgspec.Struct):
    """Tokens. ``prompt_cache_hit_tokens`` is DeepSeek's."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None


class AnswerFunction(msgspec.Struct):
    """What is called; in a stream a piece of it. Some servers give an object where a text belongs."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class AnswerCall(msgspec.Struct):
    """A call; in a stream a piece of one."""

    function: AnswerFunction | None = None
    id: str | None = None
    index: int | None = None
    type: str | None = None


class AnswerMessage(msgspec.Struct):
    """A message; in a stream a piece of one. Mistral gives content in parts if it reasons."""

    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None
    tool_calls: list[AnswerCall] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class Choice(msgspec.Struct):
    """One of the answers, of which only the first is asked for."""

    message: AnswerMessage
    finish_reason: str | None = None


class ChatAnswer(msgspec.Struct):
    """A whole answer."""

    choices: list[Choice]
    usage: ChatUsage | None = None
    model: str | None = None
    id: str | None = None


class ChunkChoice(msgspec.Struct):
    """A piece of one of the answers."""

    delta: AnswerMessage | None = None
    index: int = 0
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    """A piece of a stream: of the answer, its usage, or an error."""

    choices: list[ChunkChoice] | msgspec.UnsetType | None = msgspec.UNSET
    usage: ChatUsage | None = None
    model: str | None = None
    id: str | None = None
    error: Any = None
