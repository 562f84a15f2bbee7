"""``HoldfastLLM``: CrewAI's language model whose answers come through the gateway, one durable step each."""

# CrewAI pins other versions of what our tests need (docs/frameworks.md), so it is not there when types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUntypedBaseClass=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

from typing import Any

from openai.types.chat import ChatCompletionMessageFunctionToolCall
from openai.types.chat.chat_completion_message_function_tool_call import Function

from ...domain.conversation import Answer, Prompt
from ...models.dialects import DIALECTS
from ...turn.context import Context
from ..places import here
from .given import BaseLLM


class HoldfastLLM(BaseLLM):
    """``model`` is a route. The nth request of a task is the step ``<task>/model-n``; CrewAI's threads wait for it without
    holding the worker's loop.

    >>> researcher = crewai.Agent(role="Researcher", ..., llm=HoldfastLLM(model="smart"))
    """

    def call(
        self,
        messages: Any,
        tools: list[dict[str, Any]] | None = None,
        callbacks: list[Any] | None = None,
        available_functions: dict[str, Any] | None = None,
        from_task: Any = None,
        from_agent: Any = None,
        response_model: Any = None,
    ) -> Any:
        """See the base class."""
        prompt = self._prompt(messages, tools, response_model)
        places = here()
        answer = places.from_thread(places.next(_lane(from_task), "model"), lambda ctx: _ask(ctx, prompt))
        return self._result(answer, available_functions, response_model)

    async def acall(
        self,
        messages: Any,
        tools: list[dict[str, Any]] | None = None,
        callbacks: list[Any] | None = None,
        available_functions: dict[str, Any] | None = None,
        from_task: Any = None,
        from_agent: Any = None,
        response_model: Any = None,
    ) -> Any:
        """See the base class."""
        prompt = self._prompt(messages, tools, response_model)
        places = here()
        answer = await places.at(places.next(_lane(from_task), "model"), lambda ctx: _ask(ctx, prompt))
        return self._result(answer, available_functions, response_model)

    def supports_function_calling(self) -> bool:
        """Whether tools go to the model as such, rather than as words."""
        return True

    def supports_stop_words(self) -> bool:
        """See the base class."""
        return True

    def _prompt(self, messages: Any, tools: list[dict[str, Any]] | None, response_model: Any) -> Prompt:
        body: dict[str, Any] = {"model": self.model, "messages": self._format_messages(messages)}
        given = {"temperature": self.temperature, "top_p": self.top_p, "seed": self.seed, "stop": self.stop or None}
        given |= {"max_tokens": int(self.max_tokens) if self.max_tokens else None, "tools": tools or None}
        body |= {k: v for k, v in given.items() if v is not None}
        if response_model is not None:
            form = {"name": response_model.__name__, "schema": response_model.model_json_schema()}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return DIALECTS["openai-chat"].read_prompt(body)

    def _result(self, answer: Answer, functions: dict[str, Any] | None, response_model: Any) -> Any:
        usage = answer.usage
        self._track_token_usage_internal(
            {
                "prompt_tokens": usage.input,
                "completion_tokens": usage.output,
                "total_tokens": usage.input + usage.output,
                "cached_prompt_tokens": usage.cached,
            }
        )
        if answer.calls and not functions:
            return [
                ChatCompletionMessageFunctionToolCall(
                    id=call.id, type="function", function=Function(name=call.name, arguments=call.arguments)
                )
                for call in answer.calls
            ]
        text = self._apply_stop_words(answer.text)
        return response_model.model_validate_json(text) if response_model is not None else text


async def _ask(ctx: Context, prompt: Prompt) -> Answer:
    return await ctx.model(prompt)


def _lane(task: Any) -> str:
    """A task's part of the names: those that run at the same time must not count together."""
    return f"task-{task.key[:8]}" if task is not None else ""


__all__ = ["HoldfastLLM"]
