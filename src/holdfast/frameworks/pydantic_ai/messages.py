"""Pydantic AI's messages as a neutral prompt, and a neutral answer as Pydantic AI's response."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, cast

import msgspec
from pydantic_ai.messages import (
    BinaryContent,
    FileUrl,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from ...domain.conversation import (
    Answer,
    Media,
    Part,
    Prompt,
    Said,
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from ...domain.errors import Rejected

_FINISH: dict[str, Any] = {"stop": "stop", "length": "length", "tool_calls": "tool_call", "content_filter": "content_filter"}


def prompt_of(
    route: str,
    messages: Sequence[ModelMessage],
    instructions: Sequence[str],
    settings: ModelSettings | None,
    parameters: ModelRequestParameters,
) -> Prompt:
    """The request, as the gateway takes it."""
    said = [Said("system", [Text(text)]) for text in instructions]
    for message in messages:
        said += _request(message) if isinstance(message, ModelRequest) else [Said("assistant", _answered(message))]
    tools = [*parameters.function_tools, *(parameters.output_tools or ())]
    specs = [ToolSpec(t.name, t.description or "", t.parameters_json_schema, t.strict) for t in tools]
    return Prompt(route, said, specs, _settings(settings or ModelSettings(), parameters))


def _settings(given: ModelSettings, parameters: ModelRequestParameters) -> Settings:
    settings = Settings(
        max_tokens=given.get("max_tokens") or 0,
        temperature=given.get("temperature"),
        top_p=given.get("top_p"),
        stop=given.get("stop_sequences") or [],
        seed=given.get("seed"),
        parallel_tools=given.get("parallel_tool_calls"),
        tool_choice=_choice(given, parameters),
        effort=_effort(given),
    )
    form = parameters.output_object
    if parameters.output_mode == "native" and form is not None:
        settings.schema, settings.schema_name = form.json_schema, form.name or "output"
    return settings


def _choice(given: ModelSettings, parameters: ModelRequestParameters) -> str:
    choice: Any = given.get("tool_choice")
    if isinstance(choice, list) and len(cast("list[Any]", choice)) == 1:
        return str(cast("list[Any]", choice)[0])
    if isinstance(choice, str) and choice != "auto":
        return choice
    return "" if parameters.allow_text_output or not parameters.output_tools else "required"


def _effort(given: ModelSettings) -> str:
    thinking: Any = given.get("thinking")
    return thinking if isinstance(thinking, str) else {True: "medium", False: "none"}.get(thinking, "")


def _request(message: ModelRequest) -> list[Said]:
    said: list[Said] = []
    for part in message.parts:
        if isinstance(part, SystemPromptPart):
            said.append(Said("system", [Text(part.content)]))
        elif isinstance(part, UserPromptPart):
            content = [part.content] if isinstance(part.content, str) else part.content
            said.append(Said("user", [found for c in content if (found := _content(c)) is not None]))
        elif isinstance(part, ToolReturnPart):
            text, more = part.model_response_str_and_user_content()
            failed = part.outcome not in ("success", "denied")
            result = ToolResult(part.tool_call_id, [Text(text)], part.tool_name, error=failed)
            _by_user(said, [result, *(found for c in more if (found := _content(c)) is not None)])
        else:
            raise Rejected(
                "frameworks.message",
                f"A {type(part).__name__} of Pydantic AI has no words in the gateway yet. Leave the feature that makes it "
                "out, or ask a vendor's model directly (which is not durable).",
            )
    return said


def _by_user(said: list[Said], parts: list[Part]) -> None:
    """Tool results of one answer belong into one message."""
    if said and said[-1].role == "user" and isinstance(said[-1].parts[0], ToolResult):
        said[-1].parts += parts
    else:
        said.append(Said("user", parts))


def _content(content: UserContent) -> Text | Media | None:
    if isinstance(content, str):
        return Text(content)
    if isinstance(content, BinaryContent):
        return Media(content.media_type, data=content.data)
    if isinstance(content, FileUrl):
        return Media(content.media_type, url=content.url)
    text = getattr(content, "content", None)
    return Text(text) if isinstance(text, str) else None  # a cache point says nothing by itself


def _answered(message: ModelResponse) -> list[Part]:
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, TextPart):
            parts.append(Text(part.content))
        elif isinstance(part, ThinkingPart):
            own = part.provider_name == "holdfast" and part.signature
            parts.append(_thought(part.signature or "") if own else Thinking(part.content))
        elif isinstance(part, ToolCallPart):
            parts.append(ToolCall(part.tool_call_id, part.tool_name, part.args_as_json_str()))
    return parts


def _thought(signature: str) -> Thinking:
    return msgspec.json.decode(base64.b64decode(signature), type=Thinking)


def response_of(answer: Answer) -> ModelResponse:
    """The answer, as Pydantic AI takes it. A thought goes along whole in its signature, so that it finds back to its
    vendor."""
    parts: list[ModelResponsePart] = []
    for part in answer.parts:
        if isinstance(part, Text):
            if part.text:
                parts.append(TextPart(part.text))
        elif isinstance(part, ToolCall):
            parts.append(ToolCallPart(part.name, part.arguments, part.id))
        elif isinstance(part, Thinking):
            signature = base64.b64encode(msgspec.json.encode(part)).decode()
            parts.append(ThinkingPart(part.text, signature=signature, provider_name="holdfast"))
    usage = answer.usage
    return ModelResponse(
        parts,
        usage=RequestUsage(
            input_tokens=usage.input,
            output_tokens=usage.output,
            cache_read_tokens=usage.cached,
            cache_write_tokens=usage.written,
        ),
        model_name=answer.model,
        provider_name="holdfast",
        provider_response_id=answer.id or None,
        finish_reason=_FINISH.get(answer.finish),
    )


__all__ = ["prompt_of", "response_of"]
