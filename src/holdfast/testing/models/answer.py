"""``Answer``: a reply on its way to the wire, and ``Fault``: the base of everything that can go wrong with it.

A fault gets the answer that would have been given and makes another plan of it: it can refuse it, bend what it says, or
break the bytes anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from .call import Call, Reply
from .wire import LAST_CHUNK, Mark, Plan, Wait, chunk, head

Stage: TypeAlias = Literal["open", "content", "finish", "end"]
"""Where in a stream an event stands: structure, a piece of content, why it finished, or the end sentinel."""


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event with its bytes on the wire."""

    stage: Stage
    data: bytes


class Dialect(Protocol):
    """One endpoint of a vendor: how a reply looks there."""

    def whole(self, call: Call, reply: Reply) -> Any:
        """The answer in one piece, as what becomes JSON."""
        ...

    def events(self, call: Call, reply: Reply) -> list[Event]:
        """The answer as a stream; empty where the endpoint has none."""
        ...

    def failure(self, call: Call, reply: Reply) -> list[Event]:
        """What is said when the model fails in the middle of a stream."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a vendor would say, in the dialect it was asked in. Faults take it apart."""

    call: Call
    reply: Reply
    dialect: Dialect

    def plan(self) -> Plan:
        """The good answer."""
        if self.call.streamed:
            yield from self.opening()
            yield from self.body(self.events())
            yield LAST_CHUNK
        else:
            yield from self.silence(self.reply.delay + self.reply.first_token_delay)
            yield self.respond(200, self.encoded())
        yield Mark.END

    def changed(self, **changes: Any) -> Answer:
        """The same answer with another reply."""
        return replace(self, reply=replace(self.reply, **changes))

    def events(self) -> list[Event]:
        """Every event of the stream."""
        return self.dialect.events(self.call, self.reply)

    def split(self, contents: int) -> tuple[list[Event], list[Event]]:
        """The events up to so many pieces of content, and the rest; a stream never finishes in the first part."""
        events, seen = self.events(), 0
        for index, event in enumerate(events):
            if event.stage in ("finish", "end") or (event.stage == "content" and seen == contents):
                return events[:index], events[index:]
            seen += event.stage == "content"
        return events, []

    def encoded(self) -> bytes:
        """The body of an answer in one piece."""
        return msgspec.json.encode(self.dialect.whole(self.call, self.reply))

    def opening(self) -> Plan:
        """The headers of a stream, after the reply's delay."""
        yield from self.silence(self.reply.delay)
        yield self.head(200, {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"})

    def body(self, events: Iterable[Event]) -> Plan:
        """Events as chunks, with the reply's delays between them."""
        contents = 0
        for event in events:
            if event.stage == "content":
                yield from self.silence(self.reply.chunk_delay if contents else self.reply.first_token_delay)
                contents += 1
            yield chunk(event.data)

    def silence(self, seconds: float) -> Plan:
        """A wait, if there is one."""
        if seconds > 0:
            yield Wait(seconds)

    def head(self, status: int, headers: Mapping[str, str], length: int | None = None) -> bytes:
        """The head of a response: chunked without a length. The call knows its status from then on."""
        self.call.status = status
        request_id = f"req_{self.call.number:024d}"
        framing = {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}
        closing = {"connection": "close"} if self.call.headers.get("connection", "").lower() == "close" else {}
        name = "request-id" if self.call.anthropic else "x-request-id"
        return head(status, {**headers, name: request_id, **framing, **closing})

    def respond(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
        """A whole response; JSON unless the headers say otherwise."""
        return self.head(status, {"content-type": "application/json", **(headers or {})}, len(body)) + body

    def refuse(
        self,
        status: int,
        *,
        openai: Mapping[str, Any],
        anthropic: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> Plan:
        """An error in the words of the vendor that was asked."""
        said: dict[str, Any] = {"error": openai}
        extra = dict(headers or {})
        if self.call.anthropic:
            said = {"type": "error", "error": anthropic, "request_id": f"req_{self.call.number:024d}"}
            extra["x-should-retry"] = "true" if status in (408, 409, 429) or status >= 500 else "false"
        yield from self.silence(self.reply.delay)
        yield self.respond(status, msgspec.json.encode(said), extra)
        yield Mark.END


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Base of the faults. ``reply`` is what the answer would have been; without it, an echo of the last user text."""

    reply: Reply | None = None

    def strikes(self, call: Call) -> bool:
        """Whether it strikes this call; where it does not, the answer is given as it is."""
        return True

    def plan(self, answer: Answer) -> Plan:
        """What goes over the wire instead of the answer."""
        raise NotImplementedError


def openai_error(message: str, kind: str | None, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """The inside of an error of OpenAI."""
    return {"message": message, "type": kind, "param": param, "code": code}


def anthropic_error(kind: str, message: str) -> dict[str, Any]:
    """The inside of an error of Anthropic."""
    return {"type": kind, "message": message}
