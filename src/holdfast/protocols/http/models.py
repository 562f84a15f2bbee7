"""The endpoints of the model gateway, in the words of OpenAI and Anthropic.

A request becomes a message to the agent whose token it carries; the answer is the outcome of that turn. What is streamed
comes from the turn as it happens. Nothing is sent before the first piece of an answer is there, so that every failure
before it is an ordinary HTTP error.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import msgspec

from ...control.identity.scopes import MODELS, permit_scope
from ...control.identity.service import Identity
from ...control.lifting import lifted
from ...control.outside import ASK, Asked
from ...domain.address import tenant_of
from ...domain.errors import Conflict, HoldfastError, Rejected
from ...domain.message import Kind, Message, Outcome
from ...domain.principal import Principal
from ...flow import Flow
from ...journal.codec import encode
from ...mailbox.worker import Worker
from ...models.dialects import DIALECTS
from ...models.dialects.dialect import Dialect
from .identity import caller, token_of
from .posted import Posted
from .requests import Gone, Headed, Request, TooLarge
from .streaming import Streaming
from .telling import Told, problem_of, send_problem, told_of
from .waiting import LEFT, Waiting

DIALECT_OF = {
    "/v1/chat/completions": "openai-chat",
    "/v1/responses": "openai-responses",
    "/v1/embeddings": "openai-embeddings",
    "/v1/messages": "anthropic",
}
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_KEYED = 1_000
"""Of so many requests with a key it is looked which are over."""


class ModelEndpoints:
    """See the module."""

    def __init__(self, flow: Flow, identity: Identity) -> None:
        self._flow = flow
        self._worker: Worker = flow.worker
        self._identity = identity
        self._under_way: set[asyncio.Task[None]] = set()
        self._keyed: dict[tuple[str, str], Waiting] = {}

    async def answer(self, request: Request) -> None:
        """One of the paths in ``DIALECT_OF``."""
        dialect = DIALECTS[DIALECT_OF[request.path]]
        try:
            who = await self._caller(request)
            raw = await request.body()
            asked = self._asked(dialect, raw, request)
            least = self._worker.limits.media_bytes
            if len(raw) > least:
                asked.placed = await lifted(self._worker.artifacts, tenant_of(agent_of(who)), asked.body, least)
            message = self._message(who, asked, request)
        except TooLarge:
            await _refuse(request, dialect, "bad_request", "The request is too large.")
            return
        except HoldfastError as error:
            await send_problem(request, dialect, error)
            return
        except Gone:
            return
        if asked.stream:
            await Streaming(self._waiting(message, streamed=True), self._worker, request, dialect, asked).run()
        else:
            await self._whole(request, dialect, self._waiting(message))

    async def _whole(self, request: Request, dialect: Dialect, waiting: Waiting) -> None:
        """A whole answer, for as long as somebody waits for it."""
        told = asyncio.Task(self._accepted(dialect, waiting), loop=self._worker.loop)
        left = asyncio.Task(request.hung_up(), loop=self._worker.loop)
        try:
            await asyncio.wait([told, left], return_when=asyncio.FIRST_COMPLETED)
            if told.done():
                await request.json(*told.result())
            else:
                waiting.call_off()
        finally:
            told.cancel()
            left.cancel()

    def _waiting(self, message: Message, *, streamed: bool = False) -> Waiting:
        """Whoever asks again with a key, while the first request is under way here, waits for that one."""
        if not message.key:
            return Waiting(self._flow, message, self._under_way, streamed=streamed)
        if len(self._keyed) >= _KEYED:
            self._keyed = {key: waiting for key, waiting in self._keyed.items() if not waiting.over}
        key = message.to, message.key
        found = self._keyed.get(key)
        if found is None or found.over:
            found = self._keyed[key] = Waiting(self._flow, message, self._under_way, streamed=streamed)
        return found

    def at_once(self, posted: Posted) -> bool:
        """``answer`` where nothing has to be waited for before the turn: a known token, a whole answer, an agent that is
        here and free. False for everything else and for whatever is wrong: nothing has happened then."""
        who = self._identity.held.remembered(token_of(posted))
        if who is None or len(posted.body) > self._worker.limits.media_bytes or posted.header(b"idempotency-key"):
            return False
        dialect = DIALECTS[DIALECT_OF[posted.path]]
        try:
            permit_scope(who, MODELS)
            asked = self._asked(dialect, posted.body, posted)
            if asked.stream:
                return False
            message = self._message(who, asked, posted)
            outcome = self._flow.accept_at_once(message)
        except HoldfastError:
            return False
        if outcome is None:
            return False
        outcome.add_done_callback(partial(self._answered, posted, dialect, message))
        posted.left = partial(self._left, message)
        return True

    def _left(self, message: Message) -> None:
        """Nobody waits any more for what was begun at once: the vendor need not go on."""
        active = self._worker.holdings.actives.get(message.to)
        for turn in list(active.running) if active is not None else ():
            if turn.item.message is message:
                turn.cancel(LEFT)

    def _answered(self, posted: Posted, dialect: Dialect, message: Message, outcome: asyncio.Future[Outcome]) -> None:
        error = outcome.exception()
        if isinstance(error, Conflict) and error.code == "lease.lost":  # nothing of it happened
            waiting = self._waiting(message)
            posted.left = waiting.call_off
            self._worker.spawn(self._again(posted, dialect, waiting))
        else:
            posted.reply(*(told_of(dialect, outcome.result()) if error is None else problem_of(dialect, error)))

    async def _again(self, posted: Posted, dialect: Dialect, waiting: Waiting) -> None:
        posted.reply(*await self._accepted(dialect, waiting))

    async def _accepted(self, dialect: Dialect, waiting: Waiting) -> Told:
        try:
            return told_of(dialect, await waiting.outcome())
        except HoldfastError as error:
            return problem_of(dialect, error)

    async def models(self, request: Request) -> None:
        """``GET /v1/models``."""
        gateway = self._worker.models
        try:
            await self._caller(request)
        except HoldfastError as error:
            await send_problem(request, DIALECTS["openai-chat"], error)
            return
        routes = gateway.directory.describe() if gateway is not None else []
        data = [{"id": r["name"], "object": "model", "created": 0, "owned_by": "holdfast"} for r in routes]
        await request.json(200, {"object": "list", "data": data})

    async def _caller(self, request: Request) -> Principal:
        """The agent that asks, with its own token or with one to act for somebody else. Even where nothing has to be
        proved, this does: what is asked costs money, and somebody's name stands in the ledger."""
        who = await caller(self._identity, request, needed=True)
        permit_scope(who, MODELS)
        agent_of(who)
        return who

    def _asked(self, dialect: Dialect, raw: bytes, request: Headed) -> Asked:
        try:
            body = _decode(raw)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise Rejected("model.bad_request", f"The body is not a JSON object: {error}.") from error
        model = body.get("model")
        if not isinstance(model, str) or not model:
            raise Rejected("model.bad_request", "The field 'model' is missing: name a route. GET /v1/models lists them.")
        if self._worker.models is not None:
            self._worker.models.directory.route(model)
        return Asked(dialect.name, body, bool(body.get("stream")), request.header(b"x-holdfast-urgent") == "true")

    def _message(self, who: Principal, asked: Asked, request: Headed) -> Message:
        worker = self._worker
        payload = encode(((asked,), {}), "request", worker.limits.payload_bytes)
        trace = request.header(b"x-holdfast-trace") or worker.random.token(16)
        key = request.header(b"idempotency-key")
        return Message(
            agent_of(who),
            Kind.REQUEST,
            ASK,
            payload,
            key=key and f"http:{key}",
            sender=who.actor,
            trace=trace,
            labels=who.labels,
            chain=who.chain_to(agent_of(who)),
            tags=dict(who.tags),
            created=worker.clock.now_ms(),
        )


def agent_of(who: Principal) -> str:
    """The agent that asks: what is really there. Raises ``Rejected(auth.agent)`` for people and services."""
    if who.actor.count("/") != 2:
        raise Rejected(
            "auth.agent",
            f"{who.actor} is no agent, and models are asked by agents. `holdfast token create AGENT` makes a token of one.",
        )
    return who.actor


async def _refuse(request: Request, dialect: Dialect, kind: Any, message: str) -> None:
    status, body = dialect.write_error(kind, message)
    await request.json(status, body)
