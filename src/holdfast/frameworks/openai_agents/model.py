"""``HoldfastProvider``: the models of the OpenAI Agents SDK are routes of the gateway."""

from __future__ import annotations

from typing import Any

from agents import Model, ModelProvider, OpenAIResponsesModel

from ...domain.errors import HoldfastError
from .client import durable_client


class HoldfastProvider(ModelProvider):
    """Gives a durable model for every name, which is a route's; for ``RunConfig(model_provider=...)``.

    ``get_response`` and ``stream_response`` are one step each: the nth of a run is ``model-n``. A stream comes when the
    answer is whole; who wants to see it as it is said watches the agent.

    Args:
        route: for agents that name no model.
    """

    def __init__(self, route: str) -> None:
        self._route = route
        self.refused: list[HoldfastError] = []
        """What the gateway refused with, the last one last."""
        self._client = durable_client(self.refused)

    def get_model(self, model_name: str | None) -> Model:
        """See the base class."""
        return OpenAIResponsesModel(model=model_name or self._route, openai_client=self._client)

    async def aclose(self) -> None:
        """See the base class."""
        await self._client.close()


def error_of(provider: HoldfastProvider, error: Exception) -> Exception:
    """The gateway's error if that is what a run ended with, else the run's own."""
    cause: Any = error
    while cause is not None and not isinstance(cause, HoldfastError):
        cause = cause.__cause__
    return cause or error


__all__ = ["HoldfastProvider", "error_of"]
