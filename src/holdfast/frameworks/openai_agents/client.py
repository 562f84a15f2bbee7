"""An OpenAI client whose requests are durable steps: no socket behind it, but the gateway.

The Agents SDK keeps its own translation of items, tools and streams; what would go over the wire comes here instead, in
OpenAI's own dialect, which the gateway takes as it is. So whatever the SDK learns to say to OpenAI it can say to a route.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import msgspec
import openai

from ...domain.conversation import events_of
from ...domain.errors import HoldfastError, Rejected
from ...models.dialects import DIALECTS
from ...models.job import Job, Reply
from ...turn.context import Context
from ...turn.model import ask_model
from ..places import Places, here

_PATHS = {"/v1/responses": "openai-responses", "/v1/chat/completions": "openai-chat"}


def durable_client(refused: list[HoldfastError] | None = None) -> openai.AsyncOpenAI:
    """A client for one run inside a turn. The nth request is the step ``model-n``.

    Args:
        refused: errors of the gateway are noted here, since OpenAI's client tells only that there was no answer.
    """
    http = _http()

    async def handle(request: Any) -> Any:
        body: dict[str, Any] = msgspec.json.decode(await request.aread())
        dialect = _PATHS.get(request.url.path)
        if dialect is None:
            raise Rejected(
                "frameworks.endpoint",
                f"{request.url.path} is not asked through the gateway: only responses and chat completions are.",
                path=request.url.path,
            )
        try:
            return _response(http, await _ask(dialect, body), dialect, body)
        except HoldfastError as error:
            if refused is not None:
                refused.append(error)
            raise

    class Gateway(http.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        async def handle_async_request(self, request: Any) -> Any:
            return await handle(request)

    client = http.AsyncClient(transport=Gateway())
    return openai.AsyncOpenAI(api_key="none", base_url="http://holdfast/v1", max_retries=0, http_client=client)


async def _ask(dialect: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer in the client's dialect; the same again on replay."""
    asked = {k: v for k, v in body.items() if k != "stream"}
    places = here()
    place = places.next("model")

    async def ask(ctx: Context) -> dict[str, Any]:
        return _written(
            ctx, await ask_model(ctx.turn, Job(str(body.get("model", "")), dialect=dialect, body=asked)), dialect
        )

    answer = await places.at(place, ask)
    _note_calls(places, place, dialect, answer)
    return answer


def _written(ctx: Context, reply: Reply, dialect: str) -> dict[str, Any]:
    if reply.body is not None and reply.dialect == dialect:
        return reply.body
    created = ctx.turn.item.message.created // 1000
    id = reply.answer.id or f"hf-{ctx.trace[:24]}"
    return DIALECTS[dialect].write_answer(reply.answer, reply.facts.model, id=id, created=created)


def _note_calls(places: Places, place: str, dialect: str, body: dict[str, Any]) -> None:
    calls: Sequence[Any] = DIALECTS[dialect].read_answer(body).calls
    places.answered(place, [call.id for call in calls])


def _response(http: Any, answer: dict[str, Any], dialect: str, asked: dict[str, Any]) -> Any:
    if not asked.get("stream"):
        return http.Response(200, headers={"content-type": "application/json"}, content=msgspec.json.encode(answer))
    read = DIALECTS[dialect].read_answer(answer)
    created = int(answer.get("created_at") or answer.get("created") or 0)
    writer = DIALECTS[dialect].writer(read.model, id=read.id, created=created)
    stream = b"".join(writer.write(event) for event in events_of(read))
    return http.Response(200, headers={"content-type": "text/event-stream"}, content=stream)


def _http() -> Any:
    """The HTTP library that this version of OpenAI's client is made with."""
    names = [cls.__module__.partition(".")[0] for cls in openai.DefaultAsyncHttpxClient.__mro__]
    return import_module(next(name for name in names if name.startswith("httpx")))


__all__ = ["durable_client"]
