"""``Vendor``: a model server on loopback that does what vendors do, on the wire, and remembers what it saw."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Self, cast

import msgspec

from .answer import Answer, Dialect, Fault
from .call import Call, Reply
from .connection import Connection
from .dialects import Chat, Embeddings, Listing, Messages, Responses
from .lean import LeanAnswers
from .refusals import UnknownModel, Unserved, WrongKey
from .request import Request
from .scripts import Choice, Outcome, echo, settle
from .wire import Plan

POSTED: dict[str, Dialect] = {
    "/v1/chat/completions": Chat(),
    "/v1/responses": Responses(),
    "/v1/messages": Messages(),
    "/v1/embeddings": Embeddings(),
}
STREAMED = {"/v1/chat/completions", "/v1/responses", "/v1/messages"}
LISTED = "/v1/models"
CLOSE_SECONDS_MAX = 5.0


class Vendor:
    """An HTTP server on 127.0.0.1, as an asynchronous context or by ``start`` and ``close``.

    It can be started again after it was closed, on the same port: a vendor that is down, and back.

    Attributes:
        calls: every request in the order in which they came, with what became of each; empty unless ``record``.
        cancelled: how many calls the caller gave up.
        failures: what the script raised; leaving the context raises it.

    Args:
        script: a reply, a fault, or a callable that decides for each call; without one, the last user text comes back.
        keys: which keys are good; None: any, and none.
        models: which models there are; None: any.
        port: 0 takes a free one.
        record: False keeps counts alone, for long runs. Such a vendor that has no script, keys or models answers plain
            chat completions with bytes made beforehand and reads next to nothing of them: the upstream of a benchmark.
    """

    def __init__(
        self,
        script: Choice | None = None,
        *,
        keys: Collection[str] | None = None,
        models: Collection[str] | None = None,
        port: int = 0,
        record: bool = True,
    ) -> None:
        self.port = port
        self.calls: list[Call] = []
        self._answered = 0
        self.cancelled = 0
        self.failures: list[Exception] = []
        self._script: Choice = echo if script is None else script
        self._keys = keys
        self._models = models
        self._record = record
        self._lean = LeanAnswers() if not record and script is None and keys is None and models is None else None
        self._numbered = 0
        self._listing = Listing(models if models is not None else ())
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    @property
    def url(self) -> str:
        """The base of an OpenAI client. Anthropic's appends ``/v1`` itself: see ``root``."""
        return f"{self.root}/v1"

    @property
    def root(self) -> str:
        """The base of an Anthropic client."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def answered(self) -> int:
        """How many calls ended with a whole response."""
        return self._answered + (self._lean.given if self._lean is not None else 0)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self, self._lean), "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and drop every connection; what was under way is neither completed nor cancelled."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for connection in list(self._connections):
            connection.abort()
        await self.until(lambda: not self._connections, CLOSE_SECONDS_MAX)
        await server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: object) -> None:
        await self.close()
        if not self.failures:
            return
        if exc is None:
            raise ExceptionGroup("the script of the vendor failed", self.failures)
        exc.add_note(f"The script of the vendor failed: {self.failures!r}")

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait for something that this vendor sees, such as ``lambda: vendor.calls[0].cancelled_by_client``.

        Raises:
            TimeoutError: it did not come about.
        """
        if condition():
            return
        seen = asyncio.get_running_loop().create_future()
        entry = (condition, seen)
        self._waiting.append(entry)
        try:
            await asyncio.wait_for(seen, seconds)
        finally:
            self._waiting.remove(entry)

    # Connections call these

    def arrived(self, connection: Connection) -> None:
        """See ``connection.Host``."""
        self._connections.add(connection)
        if self._server is None:  # it came in while the vendor closed
            connection.abort()
        self._look()

    def gone(self, connection: Connection) -> None:
        """See ``connection.Host``."""
        self._connections.discard(connection)
        self._look()

    def received(self, request: Request) -> Call:
        """See ``connection.Host``."""
        body = _object(request.body)
        named: Any = (body or {}).get("model", request.path[len(LISTED) + 1 :] if request.path.startswith(LISTED) else "")
        call = Call(
            number=self._numbered,
            at_monotonic=time.monotonic(),
            method=request.method,
            path=request.path,
            model=named if isinstance(named, str) else "",
            body=body or {},
            headers=request.headers,
            streamed=bool(body and body.get("stream")) and request.path in STREAMED,
        )
        if body is None and request.method == "POST":
            call.fault = Unserved(400, "We could not parse the JSON body of your request.")
        self._numbered += 1
        if self._record:
            self.calls.append(call)
            self._look()
        return call

    def answer(self, call: Call) -> Plan | Awaitable[Plan]:
        """See ``connection.Host``."""
        dialect = self._dialect(call)
        if dialect is None or call.fault is not None:
            return self._plan(call, dialect or self._listing, self._stranger(call) or call.fault or _unserved(call))
        if (refused := self._stranger(call) or self._unknown(call)) is not None:
            return self._plan(call, dialect, refused)
        try:
            outcome = settle(self._script, call)
        except Exception as error:
            return self._plan(call, dialect, self._broken(error))
        if isinstance(outcome, Awaitable):
            return self._decided(call, dialect, outcome)
        return self._plan(call, dialect, outcome)

    def ended(self, call: Call) -> None:
        """See ``connection.Host``."""
        call.ended_monotonic = time.monotonic()
        self._answered += call.completed
        self.cancelled += call.cancelled_by_client
        self._look()

    def failed(self, error: Exception) -> None:
        """See ``connection.Host``."""
        self.failures.append(error)

    # Decisions

    def _dialect(self, call: Call) -> Dialect | None:
        if call.path == LISTED or call.path.startswith(f"{LISTED}/"):
            return self._listing if call.method == "GET" else None
        return POSTED.get(call.path) if call.method == "POST" else None

    def _stranger(self, call: Call) -> Fault | None:
        return WrongKey() if self._keys is not None and call.key not in self._keys else None

    def _unknown(self, call: Call) -> Fault | None:
        listing = call.path == LISTED
        return None if listing or self._models is None or call.model in self._models else UnknownModel()

    async def _decided(self, call: Call, dialect: Dialect, outcome: Awaitable[Outcome]) -> Plan:
        try:
            return self._plan(call, dialect, await outcome)
        except Exception as error:
            return self._plan(call, dialect, self._broken(error))

    def _plan(self, call: Call, dialect: Dialect, outcome: Outcome) -> Plan:
        if isinstance(outcome, Reply):
            return Answer(call, outcome, dialect).plan()
        answer = Answer(call, outcome.reply or echo(call), dialect)
        if not outcome.strikes(call):
            return answer.plan()
        call.fault = outcome
        return outcome.plan(answer)

    def _broken(self, error: Exception) -> Fault:
        self.failed(error)
        return Unserved(500, f"The script of this vendor failed: {error!r}")

    def _look(self) -> None:
        """Whoever waits for something looks whether it came about."""
        for condition, seen in self._waiting:
            if not seen.done() and condition():
                seen.set_result(None)


def _unserved(call: Call) -> Fault:
    """What a vendor says to a path or a method that it does not know."""
    if call.path in POSTED or call.path.startswith(LISTED):
        return Unserved(405, f"Not allowed to {call.method} on {call.path}.")
    return Unserved(404, f"Invalid URL ({call.method} {call.path})")


def _object(body: bytes) -> dict[str, Any] | None:
    """A JSON object; None if it is something else."""
    try:
        value: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None
