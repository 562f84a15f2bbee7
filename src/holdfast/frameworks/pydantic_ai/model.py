"""``HoldfastModel``: a Pydantic AI model whose requests are durable steps through the gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import CompletedStreamedResponse, Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings

from ...domain.conversation import Answer, Prompt
from ...turn.context import Context
from ..places import here
from .messages import prompt_of, response_of


class HoldfastModel(Model):
    """Asks a route. The nth request of a run is the step ``model-n``: it is asked once, whatever happens.

    A stream comes when the answer is whole, in one event for each part; who wants to see it as it is said watches the agent.
    """

    def __init__(self, route: str, *, settings: ModelSettings | None = None) -> None:
        super().__init__(settings=settings)
        self._route = route

    @property
    def model_name(self) -> str:
        """The route."""
        return self._route

    @property
    def system(self) -> str:
        """See the base class."""
        return "holdfast"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """See the base class."""
        settings, parameters = self.prepare_request(model_settings, model_request_parameters)
        instructions = [part.content for part in self._get_instruction_parts(messages, parameters) or ()]
        ready = self.prepare_messages(messages, parameters)
        prompt = prompt_of(self._route, ready, instructions, settings, parameters)
        places = here()
        place = places.next("model")
        answer = await places.at(place, lambda ctx: _ask(ctx, prompt))
        places.answered(place, [call.id for call in answer.calls])
        return response_of(answer)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: Any = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """See the base class."""
        response = await self.request(messages, model_settings, model_request_parameters)
        yield CompletedStreamedResponse(response, model_request_parameters=model_request_parameters, replay_events=True)


async def _ask(ctx: Context, prompt: Prompt) -> Answer:
    return await ctx.model(prompt)


__all__ = ["HoldfastModel"]
