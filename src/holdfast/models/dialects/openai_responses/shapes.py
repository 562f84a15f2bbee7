"""The shapes of OpenAI's responses on the wire. A struct lists what is understood; anything else is ignored here."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ..wire import Request


class InputText(msgspec.Struct, tag_field="type", tag="input_text"):
    """Words that go in."""

    text: str
    prompt_cache_breakpoint: Any = None


class OutputText(msgspec.Struct, tag_field="type", tag="output_text"):
    """Words of a model."""

    text: str


class Refusal(msgspec.Struct, tag_field="type", tag="refusal"):
    """Words by which a model refused."""

    refusal: str


class InputImage(msgspec.Struct, tag_field="type", tag="input_image"):
    """An image: an address, a data URL or an upload."""

    image_url: str | None = None
    file_id: str | None = None
    prompt_cache_breakpoint: Any = None


class InputFile(msgspec.Struct, tag_field="type", tag="input_file"):
    """A document: its content, an address or an upload."""

    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None
    prompt_cache_breakpoint: Any = None


class Audio(msgspec.Struct):
    """Base64 and its format."""

    data: str
    format: Literal["wav", "mp3"]


class InputAudio(msgspec.Struct, tag_field="type", tag="input_audio"):
    """A sound."""

    input_audio: Audio


Content = InputText | OutputText | Refusal | InputImage | InputFile | InputAudio


class Message(msgspec.Struct, tag_field="type", tag="message"):
    """Something said."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Content]


class FunctionCall(msgspec.Struct, tag_field="type", tag="function_call"):
    """A call of a tool. ``call_id`` is what its result refers to."""

    call_id: str
    name: str
    arguments: str = "{}"


class FunctionCallOutput(msgspec.Struct, tag_field="type", tag="function_call_output"):
    """What a tool answered."""

    call_id: str
    output: str | list[InputText | OutputText | InputImage | InputFile]
    name: str | None = None


class ReasoningText(msgspec.Struct):
    """A paragraph of reasoning, or of its summary."""

    text: str


class Reasoning(msgspec.Struct, tag_field="type", tag="reasoning"):
    """Reasoning: a summary for people, the whole of it encrypted for the next turn. Open models give ``content``."""

    id: str = ""
    summary: list[ReasoningText] | None = None
    content: list[ReasoningText] | None = None
    encrypted_content: str | None = None


InputItem = Message | FunctionCall | FunctionCallOutput | Reasoning
OutputItem = Message | FunctionCall | Reasoning
OUTPUT_TYPES = {"message", "function_call", "reasoning"}


class Tool(msgspec.Struct):
    """A function as a model sees it."""

    name: str
    type: Literal["function"] = "function"
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ResponsesRequest(Request):
    """A request."""

    input: str | list[InputItem] = ""
    instructions: str | None = None
    tools: list[Tool] | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning: dict[str, Any] | None = None
    text: dict[str, Any] | None = None
    user: str | None = None
    background: bool | None = None


class InputDetails(msgspec.Struct):
    """Of the tokens that went in."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    """Of the tokens that came out."""

    reasoning_tokens: int | None = None


class ResponsesUsage(msgspec.Struct):
    """Tokens."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


class IncompleteDetails(msgspec.Struct):
    """Why an answer is not whole."""

    reason: str | None = None


class Response(msgspec.Struct):
    """An answer. In a stream it comes at the beginning without output, and at the end once more."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    output: list[dict[str, Any]] | None = None
    usage: ResponsesUsage | None = None
    incomplete_details: IncompleteDetails | None = None
    error: Any = None


class StreamItem(msgspec.Struct):
    """An item that begins or ends in a stream. Of any kind: not all kinds are understood."""

    type: str
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    content: list[dict[str, Any]] | None = None
    summary: list[ReasoningText] | None = None
    encrypted_content: str | None = None


class StreamEvent(msgspec.Struct):
    """Any event of a stream; ``type`` says which fields it has."""

    type: str
    delta: str | None = None
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    arguments: str | None = None
    item: StreamItem | None = None
    response: Response | None = None
