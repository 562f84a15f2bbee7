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
from ...control.outside import ASK, Asked, shown
from ...domain.address import tenant_of
from ...domain.conversation import Event, events_of
from ...domain.errors import Conflict, HoldfastError, LimitExceeded, NotFound, Rejected, Unavailable
from ...domain.message import Kind, Message, Outcome
from ...domain.principal import Principal
from ...flow import Flow
from ...journal.codec import decode_any, encode, error_of
from ...mailbox.worker import Worker
from ...models.dialects import DIALECTS
from ...models.dialects.dialect import Dialect
from ...models.job import Facts
from .identity import caller, token_of
from .posted import Posted
from .requests import Gone, Headed, Request, TooLarge
from .waiting import LEFT, Waiting

DIALECT_OF = {
    "/v1/chat/completions": "openai-chat",
    "/v1/responses": "openai-responses",
    "/v1/embeddings": "openai-embeddings",
    "/v1/messages": "anthropic",
}
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_PIECES = 10_000
_KEYED = 1_000
"""Of so many requests with a key it is looked which are over."""
Told = tuple[int, Any, list[tuple[bytes, bytes]]]
"""An answer: status, JSON, headers."""


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
            await _problem(request, dialect, error)
            return
        except Gone:
            return
        if asked.stream:
            await _Stream(self._waiting(message), self._worker, request, dialect, asked).run()
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

    def _waiting(self, message: Message) -> Waiting:
        """Whoever asks again with a key, while the first request is under way here, waits for that one."""
        if not message.key:
            return Waiting(self._flow, message, self._under_way)
        if len(self._keyed) >= _KEYED:
            self._keyed = {key: waiting for key, waiting in self._keyed.items() if not waiting.over}
        key = message.to, message.key
        found = self._keyed.get(key)
        if found is None or found.over:
            found = self._keyed[key] = Waiting(self._flow, message, self._under_way)
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
            posted.reply(*(_told(dialect, outcome.result()) if error is None else problem_of(dialect, error)))

    async def _again(self, posted: Posted, dialect: Dialect, waiting: Waiting) -> None:
        posted.reply(*await self._accepted(dialect, waiting))

    async def _accepted(self, dialect: Dialect, waiting: Waiting) -> Told:
        try:
            return _told(dialect, await waiting.outcome())
        except HoldfastError as error:
            return problem_of(dialect, error)

    async def models(self, request: Request) -> None:
        """``GET /v1/models``."""
        gateway = self._worker.models
        try:
            await self._caller(request)
        except HoldfastError as error:
            await _problem(request, DIALECTS["openai-chat"], error)
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


class _Stream:
    """One answer on its way out, piece by piece."""

    def __init__(self, waiting: Waiting, worker: Worker, request: Request, dialect: Dialect, asked: Asked) -> None:
        self._waiting = waiting
        self._worker = worker
        self._request = request
        self._dialect = dialect
        self._message = message = waiting.message
        self._pieces: asyncio.Queue[Event | None] = asyncio.Queue(_PIECES)
        options: Any = asked.body.get("stream_options")  # as it came: nobody has looked at its shape yet
        usage = dialect.name != "openai-chat" or (isinstance(options, dict) and bool(options.get("include_usage")))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        self._writer = dialect.writer(
            str(asked.body["model"]), id=f"hf-{message.trace[:24]}", created=message.created // 1000, include_usage=usage
        )
        self._head: list[tuple[bytes, bytes]] = []
        self._begun = False
        self._lost = False

    async def run(self) -> None:
        """Send it."""
        worker, request = self._worker, self._request
        stop = worker.feed.listen(self._message.to, self._heard)
        turn: asyncio.Task[Outcome] = asyncio.Task(self._turn(), loop=worker.loop)
        left = asyncio.Task(request.hung_up(), loop=worker.loop)
        left.add_done_callback(lambda _: self._wake())
        try:
            while (event := await self._pieces.get()) is not None:
                await self._send(event)
            if left.done() and not turn.done():
                self._waiting.call_off()
                return
            await self._end(await turn)
        except HoldfastError as error:
            await self._fail(error)
        finally:
            stop()
            for task in (turn, left):
                task.cancel()

    async def _turn(self) -> Outcome:
        try:
            return await self._waiting.outcome()
        finally:
            self._wake()

    def _heard(self, trace: str, path: str, what: Any) -> None:
        if trace != self._message.trace:
            return
        if isinstance(what, Facts):  # the attempt that answers is none of those that are over
            self._head = _facts({**shown(what), "attempts": len(what.attempts) + 1})
        elif not isinstance(what, (str, dict)):
            try:
                self._pieces.put_nowait(what)
            except asyncio.QueueFull:
                self._lost = True
                self._wake()

    def _wake(self) -> None:
        if self._pieces.full():
            self._pieces.get_nowait()
        self._pieces.put_nowait(None)

    async def _send(self, event: Event) -> None:
        data = self._writer.write(event)
        while not self._pieces.empty() and (more := self._pieces.get_nowait()) is not None:
            data += self._writer.write(more)
        if not self._begun:
            self._begun = True
            await self._request.begin_stream(self._head)
        if data:
            await self._request.piece(data)

    async def _end(self, outcome: Outcome) -> None:
        found = result_of(outcome)
        if self._lost:
            raise Unavailable("server.busy", "This client did not read fast enough, so pieces of the answer were dropped.")
        if not self._begun:  # the turn ran elsewhere, or was answered from memory: nothing was heard of it
            answer = self._dialect.read_answer(found["body"])
            await self._request.begin_stream(_facts(found["facts"]))
            await self._request.piece(b"".join(self._writer.write(event) for event in events_of(answer)))
        await self._request.end_stream()

    async def _fail(self, error: HoldfastError) -> None:
        if not self._begun:
            await _problem(self._request, self._dialect, error)
            return
        await self._request.piece(self._writer.error(kind_of(error), error.message))
        await self._request.end_stream()


def agent_of(who: Principal) -> str:
    """The agent that asks: what is really there. Raises ``Rejected(auth.agent)`` for people and services."""
    if who.actor.count("/") != 2:
        raise Rejected(
            "auth.agent",
            f"{who.actor} is no agent, and models are asked by agents. `holdfast token create AGENT` makes a token of one.",
        )
    return who.actor


def result_of(outcome: Outcome) -> dict[str, Any]:
    """What the turn returned; raises what it failed with."""
    if outcome.failure is not None:
        raise error_of(outcome.failure)
    return decode_any(outcome.value)


_KINDS = {
    "model.too_long": "too_long",
    "model.filtered": "content_filter",
    "model.unknown": "unknown_model",
    "model.unavailable": "overloaded",
    "model.auth": "server_error",
    "model.not_there": "server_error",
    "budget.spent": "quota",
    "gate.limit": "quota",
    "gate.denied": "not_allowed",
    "gate.not_approved": "not_allowed",
    "gate.unfit": "not_allowed",
    "gate.breaker_open": "not_allowed",
    "gate.tripped": "not_allowed",
    "agent.paused": "not_allowed",
    "agent.retired": "not_allowed",
}
_STATUS = {"gate.breaker_open": 423, "gate.tripped": 423, "agent.paused": 423, "agent.retired": 410}
"""Where there is a status that says more than that of the kind: the agent is held, or gone for good."""
_FOR_PEOPLE = frozenset({*_STATUS, "budget.spent", "gate.denied", "gate.not_approved"})
"""What asking again changes nothing about: clients that would are told not to (``x-should-retry``)."""


def kind_of(error: HoldfastError) -> Any:
    """The kind of problem, as the dialects know them."""
    if error.code in _KINDS:
        return _KINDS[error.code]
    if error.code.startswith("token.") or error.code in ("auth.required", "auth.unknown"):
        return "auth"
    if error.code in ("auth.scope", "auth.agent", "tenant.crossed"):
        return "not_allowed"
    if isinstance(error, LimitExceeded):
        return "rate_limited"
    if isinstance(error, (Rejected, NotFound)):
        return "bad_request"
    return "overloaded" if isinstance(error, Unavailable) else "server_error"


def problem_of(dialect: Dialect, error: BaseException) -> Told:
    """What a client is told of an error, in its dialect."""
    if not isinstance(error, HoldfastError):
        raise error
    status, body = dialect.write_error(kind_of(error), f"{error.message} [{error.code}]")
    status = _STATUS.get(error.code, status)
    headers = [(b"x-holdfast-error", error.code.encode())]
    if error.code in _FOR_PEOPLE:
        headers.append((b"x-should-retry", b"false"))
    if isinstance(error, Unavailable) or error.retry or "retry_seconds" in error.details:
        seconds = float(error.details.get("retry_seconds", 1.0))
        headers.append((b"retry-after", str(max(1, round(seconds))).encode()))
    return status, body, headers


async def _problem(request: Request, dialect: Dialect, error: HoldfastError) -> None:
    await request.json(*problem_of(dialect, error))


def _told(dialect: Dialect, outcome: Outcome) -> Told:
    """What a client is told of a turn that has ended."""
    try:
        found = result_of(outcome)
    except HoldfastError as error:
        return problem_of(dialect, error)
    return 200, found["body"], _facts(found["facts"])


async def _refuse(request: Request, dialect: Dialect, kind: Any, message: str) -> None:
    status, body = dialect.write_error(kind, message)
    await request.json(status, body)


def _facts(facts: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    """Who answered, for whoever looks at the headers."""
    return [(f"x-holdfast-{name}".encode(), str(value).encode("latin-1", "replace")) for name, value in facts.items()]
