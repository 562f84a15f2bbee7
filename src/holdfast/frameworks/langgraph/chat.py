"""``HoldfastChatModel``: a LangChain chat model whose answers come through the gateway, one durable step each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, cast

import msgspec
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool

from ...domain.conversation import Answer, Prompt, Thinking
from ...models.dialects import DIALECTS
from ...turn.context import Context
from ..places import here
from .nodes import scope

_THOUGHTS = "holdfast_thinking"


class HoldfastChatModel(BaseChatModel):
    """Asks a route of the gateway, inside a turn. ``stream`` gives the whole answer as one piece; who wants to see it as it
    comes watches the agent.

    Args:
        route: the route's name.
        temperature, max_tokens: as everywhere.
    """

    route: str
    temperature: float | None = None
    max_tokens: int | None = None

    @property
    def _llm_type(self) -> str:
        return "holdfast"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"route": self.route}

    def bind_tools(self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any) -> Any:
        """See the base class."""
        given = [convert_to_openai_tool(tool, strict=kwargs.pop("strict", None)) for tool in tools]
        choice = {"any": "required", True: "required"}.get(cast(Any, tool_choice), tool_choice)
        return super().bind(tools=given, **({"tool_choice": choice} if choice else {}), **kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        prompt = self._prompt(messages, stop, kwargs)
        places = here()
        return _result(await places.at(_place(prompt), lambda ctx: _ask(ctx, prompt)))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        prompt = self._prompt(messages, stop, kwargs)
        places = here()
        return _result(places.from_thread(_place(prompt), lambda ctx: _ask(ctx, prompt)))

    async def _astream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        yield _chunk(await self._agenerate(messages, *args, **kwargs))

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        yield _chunk(self._generate(messages, *args, **kwargs))

    def _prompt(self, messages: list[BaseMessage], stop: list[str] | None, given: dict[str, Any]) -> Prompt:
        body: dict[str, Any] = {"model": self.route, "messages": convert_to_openai_messages(messages)}
        for key, value in (("temperature", self.temperature), ("max_tokens", self.max_tokens), ("stop", stop)):
            if value is not None:
                body[key] = value
        known = ("tools", "tool_choice", "parallel_tool_calls", "response_format", "temperature", "max_tokens")
        body |= {k: v for k, v in given.items() if k in known and v is not None}
        choice = body.get("tool_choice")
        if isinstance(choice, str) and choice not in ("auto", "none", "required"):
            body["tool_choice"] = {"type": "function", "function": {"name": choice}}
        prompt = DIALECTS["openai-chat"].read_prompt(body)
        thoughts = [m.additional_kwargs.get(_THOUGHTS) for m in messages if isinstance(m, AIMessage)]
        said = [s for s in prompt.said if s.role == "assistant"]
        for message, thought in zip(said, thoughts, strict=False):
            if thought and len(said) == len(thoughts):
                message.parts[:0] = msgspec.convert(thought, list[Thinking])
        return prompt


async def _ask(ctx: Context, prompt: Prompt) -> Answer:
    return await ctx.model(prompt)


def _place(prompt: Prompt) -> str:
    return here().by_content(scope(), "model", msgspec.json.encode(prompt))


def _result(answer: Answer) -> ChatResult:
    calls: list[dict[str, Any]] = []
    broken: list[dict[str, Any]] = []
    for call in answer.calls:
        try:
            calls.append(
                {"id": call.id, "name": call.name, "args": msgspec.json.decode(call.arguments, type=dict[str, Any])}
            )
        except msgspec.MsgspecError as error:
            broken.append({"id": call.id, "name": call.name, "args": call.arguments, "error": str(error)})
    thoughts = [msgspec.to_builtins(p) for p in answer.parts if isinstance(p, Thinking)]
    usage = answer.usage
    message = AIMessage(
        content=answer.text,
        tool_calls=cast(Any, calls),
        invalid_tool_calls=cast(Any, broken),
        additional_kwargs={_THOUGHTS: thoughts} if thoughts else {},
        response_metadata={"model_name": answer.model, "finish_reason": answer.finish, "id": answer.id},
        usage_metadata=UsageMetadata(
            input_tokens=usage.input, output_tokens=usage.output, total_tokens=usage.input + usage.output
        ),
    )
    return ChatResult(generations=[ChatGeneration(message=message)])


def _chunk(result: ChatResult) -> ChatGenerationChunk:
    whole = cast(AIMessage, result.generations[0].message)
    pieces = [
        {"id": c["id"], "name": c["name"], "args": msgspec.json.encode(c["args"]).decode(), "index": n}
        for n, c in enumerate(whole.tool_calls)
    ]
    pieces += [{**c, "index": n} for n, c in enumerate(whole.invalid_tool_calls, len(pieces))]
    return ChatGenerationChunk(
        message=AIMessageChunk(
            content=whole.content,
            tool_call_chunks=cast(Any, pieces),
            additional_kwargs=whole.additional_kwargs,
            response_metadata=whole.response_metadata,
            usage_metadata=whole.usage_metadata,
        )
    )


__all__ = ["HoldfastChatModel"]
