"""``Caller``: asks one target once, and says exactly what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from ..domain.conversation import Answer, Assembly, Event, Usage, events_of
from ..domain.errors import Rejected
from ..ports.clock import Clock
from ..ports.upstream import Broken, Exchange, Upstream
from ..secrets import Secrets, is_reference
from .dialects import DIALECTS
from .dialects.dialect import ModelProblem, StreamReader
from .dialects.lost import Lost
from .job import Job
from .problems import Failed
from .routes import Target
from .sse import Parser

_BODY_BYTES = 64 << 20
_LINGER_SECONDS = 1.0
"""How long a finished answer's stream may take to say that it is over."""
_decode = msgspec.json.Decoder().decode
_OF_BREAK = {"connect": "connection", "reset": "connection", "protocol": "malformed"}


class Caller:
    """See the module. ``watch`` functions are called with every event of an answer as it comes; ``lost`` is told what the
    target could not be told, before it is asked."""

    def __init__(self, upstream: Upstream, clock: Clock, secrets: Secrets) -> None:
        self._upstream = upstream
        self._clock = clock
        self._secrets = secrets

    async def whole(self, target: Target, job: Job, lost: Lost) -> dict[str, Any]:
        """The answer's body. Raises ``Failed``."""
        exchange = await self._open(target, job, lost, stream=False)
        late = asyncio.get_running_loop().call_later(target.answer_seconds, exchange.expire)
        try:
            status, headers = await exchange.head()
            raw = await _read_all(exchange)
        except Broken as error:
            if error.kind == "late":
                told = f"{target.name} did not answer within {target.answer_seconds:g} s"
                raise Failed("timeout", told) from error
            raise Failed(_OF_BREAK[error.kind], f"{target.name}: {error}") from error
        finally:
            late.cancel()
            exchange.close()
        if status >= 400:
            raise self._refused(target, status, headers, raw)
        body = _json(raw)
        if not isinstance(body, dict) or body.get("error"):  # pyright: ignore[reportUnknownMemberType]
            raise Failed("malformed", f"{target.name} answered with something that is no answer: {_shown(raw)}")
        return body  # pyright: ignore[reportUnknownVariableType]

    async def streamed(self, target: Target, job: Job, lost: Lost, watch: Callable[[Event], None]) -> Answer:
        """The answer, streamed. Raises ``Failed``."""
        began = self._clock.monotonic()
        exchange = await self._open(target, job, lost, stream=True)
        try:
            try:
                async with asyncio.timeout(target.first_token_seconds):
                    status, headers = await exchange.head()
                    if status >= 400:
                        raise self._refused(target, status, headers, await _read_all(exchange))
                    if "event-stream" not in headers.get("content-type", "event-stream"):
                        return self._unstreamed(target, await _read_all(exchange), watch)
                return await self._follow(target, exchange, watch, began)
            except TimeoutError as error:
                waited = self._clock.monotonic() - began
                raise Failed("timeout", f"{target.name} said nothing for too long (after {waited:.1f} s)") from error
        except Broken as error:
            raise Failed(_OF_BREAK[error.kind], f"{target.name}: {error}") from error
        except ModelProblem as error:
            raise Failed(error.kind, f"{target.name}: {error}") from error
        finally:
            exchange.close()

    async def _follow(self, target: Target, exchange: Exchange, watch: Callable[[Event], None], began: float) -> Answer:
        reader = DIALECTS[target.dialect].reader()
        parser, assembly = Parser(), Assembly()
        while not reader.done:
            begun = bool(assembly.parts)
            limit = target.stall_seconds if begun else target.first_token_seconds - (self._clock.monotonic() - began)
            try:
                async with asyncio.timeout(_LINGER_SECONDS if reader.finished else max(limit, 0.0)):
                    data = await exchange.read()
            except (TimeoutError, Broken):
                if not reader.finished:
                    raise
                data = b""
            events = self._read(reader, parser, data)
            for event in events:
                assembly.add(event)
                watch(event)
        return assembly.answer()

    def _read(self, reader: StreamReader, parser: Parser, data: bytes) -> list[Event]:
        events: list[Event] = []
        for name, text in parser.feed(data) if data else parser.close():
            events += reader.feed(name, text)
            if reader.done:
                break
        return events if data or reader.done else events + reader.close()

    def _unstreamed(self, target: Target, raw: bytes, watch: Callable[[Event], None]) -> Answer:
        """A server that does not stream although it was asked to."""
        body = _json(raw)
        if not isinstance(body, dict):
            raise Failed("malformed", f"{target.name} answered with something that is no answer: {_shown(raw)}")
        answer = DIALECTS[target.dialect].read_answer(body)  # pyright: ignore[reportUnknownArgumentType]
        for event in events_of(answer):
            watch(event)
        return answer

    def usage(self, dialect: str, body: dict[str, Any]) -> Usage:
        """Tokens of an answer that was not read otherwise."""
        return DIALECTS[dialect].read_usage(body)

    # -- going out ----------------------------------------------------------------------------------------------

    async def _open(self, target: Target, job: Job, lost: Lost, *, stream: bool) -> Exchange:
        body = msgspec.json.encode(job.written_for(target, stream=stream, lost=lost))
        dialect = DIALECTS[job.spoken(target)]
        url = target.url.rstrip("/") + dialect.url_path(target.model, stream=stream)
        if target.query:
            url += ("&" if "?" in url else "?") + target.query
        headers = {"content-type": "application/json", "accept": "text/event-stream" if stream else "application/json"}
        if target.key:
            headers.update(dialect.auth(await read_secret(target, self._secrets)))
        for name, value in target.headers.items():
            headers[name] = await self._secrets.revealed(value)
        try:
            return await self._upstream.open("POST", url, headers, body, target.connect_seconds)
        except Broken as error:
            raise Failed("connection", f"{target.name}: {error}") from error

    def _refused(self, target: Target, status: int, headers: Mapping[str, str], raw: bytes) -> Failed:
        body = _json(raw)
        kind, message = DIALECTS[target.dialect].read_error(
            status, body if body is not None else raw.decode("utf-8", "replace")
        )
        return Failed(kind, self._secrets.clean(f"{target.name} answered {status}: {message}"), self._retry_after(headers))

    def _retry_after(self, headers: Mapping[str, str]) -> float | None:
        """Seconds of ``Retry-After``: a number, a date, or the milliseconds that some send beside it."""
        try:
            if (ms := headers.get("retry-after-ms")) is not None:
                return max(0.0, float(ms) / 1000)
            text = headers.get("retry-after")
            if text is None:
                return None
            if text.replace(".", "", 1).isdigit():
                return float(text)
            return max(0.0, parsedate_to_datetime(text).timestamp() - self._clock.now_ms() / 1000)
        except ValueError:
            return None


async def read_secret(target: Target, secrets: Secrets) -> str:
    """A target's key, from where ``Target.key`` says, at the moment it is used. Raises ``Rejected(models.key)``."""
    if not is_reference(target.key):
        raise Rejected(
            "models.key",
            f"The key of target {target.name!r} must say where it is (env:NAME, file:PATH, secret:NAME), not what it is.",
        )
    try:
        return await secrets.revealed(target.key)
    except Rejected as error:
        raise Rejected("models.key", f"The key of target {target.name!r}: {error.message}") from error


async def _read_all(exchange: Exchange) -> bytes:
    first = await exchange.read()
    if not first:
        return b""
    pieces, size = [first], len(first)
    while piece := await exchange.read():
        pieces.append(piece)
        size += len(piece)
        if size > _BODY_BYTES:
            raise Failed("malformed", f"the answer is longer than {_BODY_BYTES >> 20} MiB")
    return b"".join(pieces)


def _json(raw: bytes) -> Any:
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeError):
        return None


def _shown(raw: bytes) -> str:
    text = raw[:120].decode("utf-8", "replace")
    return repr(text) if text else "an empty body"
