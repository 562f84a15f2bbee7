"""Faults that strike an answer on its way: silence, slowness, breaks, and bytes that are not what they should be.

Asked for an answer in one piece, the faults of streams do the nearest thing to the body: half of it stands for ``k``
chunks of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from .answer import Answer, Event, Fault
from .call import Call, objects
from .dialects.messages import PING
from .refusals import ServerError
from .wire import ENDINGS, LAST_CHUNK, How, Mark, Plan, Wait, chunk


@dataclass(frozen=True, slots=True)
class Reset(Fault):
    """The connection is reset before any header."""

    def plan(self, answer: Answer) -> Plan:
        yield from answer.silence(answer.reply.delay)
        yield Mark.RESET


@dataclass(frozen=True, slots=True)
class NoAnswer(Fault):
    """The request is accepted and never answered."""

    def plan(self, answer: Answer) -> Plan:
        yield Mark.HANG


@dataclass(frozen=True, slots=True)
class SlowHeaders(Fault):
    """The status line comes at once, the headers line by line over so many seconds, then the answer as it is."""

    seconds: float = 5.0

    def plan(self, answer: Answer) -> Plan:
        whole = answer.plan()
        for act in whole:
            if not isinstance(act, bytes):
                yield act
                continue
            top, _, rest = act.partition(b"\r\n\r\n")
            status, *lines = top.split(b"\r\n")
            yield status + b"\r\n"
            for line in lines:
                yield Wait(self.seconds / len(lines))
                yield line + b"\r\n"
            yield b"\r\n" + rest
            yield from whole


@dataclass(frozen=True, slots=True)
class SlowFirstToken(Fault):
    """Headers at once, then silence for so many seconds, then the answer.

    With ``heartbeat_seconds`` the silence is kept alive meanwhile: by comments (OpenRouter, DeepSeek), Anthropic's pings,
    or empty lines before an answer in one piece.
    """

    seconds: float = 10.0
    heartbeat_seconds: float = 0.0

    def plan(self, answer: Answer) -> Plan:
        if answer.call.streamed:
            yield from answer.opening()
            yield from self._silence(PING.data if answer.call.anthropic else b": keep-alive\n\n")
            yield from answer.body(answer.events())
        else:
            yield answer.head(200, {"content-type": "application/json"})
            yield from self._silence(b"\n")
            yield chunk(answer.encoded())
        yield LAST_CHUNK
        yield Mark.END

    def _silence(self, beat: bytes) -> Plan:
        beats = math.ceil(self.seconds / self.heartbeat_seconds) - 1 if self.heartbeat_seconds > 0 else 0
        for _ in range(beats):
            yield Wait(self.heartbeat_seconds)
            yield chunk(beat)
        yield Wait(self.seconds - beats * self.heartbeat_seconds)


@dataclass(frozen=True, slots=True)
class Cut(Fault):
    """The answer breaks off after so many chunks of content.

    ``how``: "reset", "close" (both in the middle of HTTP), "clean" (HTTP ends in order, the answer is unfinished), or
    "open" (silence for ever).
    """

    after_chunks: int = 2
    how: How = "reset"

    def plan(self, answer: Answer) -> Plan:
        if answer.call.streamed:
            yield from answer.opening()
            yield from answer.body(answer.split(self.after_chunks)[0])
            yield from ENDINGS[self.how]
        else:
            yield _half(answer)
            yield from ENDINGS["close" if self.how == "clean" else self.how]


@dataclass(frozen=True, slots=True)
class Stall(Fault):
    """The answer stops after so many chunks of content: for ever, or for so many seconds."""

    after_chunks: int = 2
    seconds: float = math.inf

    def plan(self, answer: Answer) -> Plan:
        pause = Mark.HANG if math.isinf(self.seconds) else Wait(self.seconds)
        if answer.call.streamed:
            before, after = answer.split(self.after_chunks)
            yield from answer.opening()
            yield from answer.body(before)
            yield pause
            yield from answer.body(after)
            yield LAST_CHUNK
        else:
            whole = answer.respond(200, answer.encoded())
            yield whole[: _middle(whole)]
            yield pause
            yield whole[_middle(whole) :]
        yield Mark.END


@dataclass(frozen=True, slots=True)
class MalformedChunk(Fault):
    """One chunk of the stream is no JSON; before and after it all is well. An answer in one piece is broken JSON."""

    after_chunks: int = 1

    def plan(self, answer: Answer) -> Plan:
        if not answer.call.streamed:
            body = answer.encoded()
            yield answer.respond(200, body[: len(body) // 2])
            yield Mark.END
            return
        before, after = answer.split(self.after_chunks)
        yield from answer.opening()
        yield from answer.body([*before, *(_broken(event) for event in after[:1]), *after[1:]])
        yield LAST_CHUNK
        yield Mark.END


@dataclass(frozen=True, slots=True)
class ErrorEvent(Fault):
    """The vendor says 200, begins to stream, and then says that it failed. An answer in one piece just has status 500."""

    after_chunks: int = 2

    def plan(self, answer: Answer) -> Plan:
        if not answer.call.streamed:
            yield from ServerError(500).plan(answer)
            return
        yield from answer.opening()
        yield from answer.body(answer.split(self.after_chunks)[0])
        yield from answer.body(answer.dialect.failure(answer.call, answer.reply))
        yield LAST_CHUNK
        yield Mark.END


@dataclass(frozen=True, slots=True)
class NoEnd(Fault):
    """The stream says why it finished and never ends: no ``[DONE]``, ``message_stop`` or ``response.completed``.

    ``how``: what the connection does then: "clean" (HTTP ends in order), "close", "reset", or "open" (nothing).
    """

    how: How = "clean"

    def strikes(self, call: Call) -> bool:
        return call.streamed

    def plan(self, answer: Answer) -> Plan:
        yield from answer.opening()
        yield from answer.body(event for event in answer.events() if event.stage != "end")
        yield from ENDINGS[self.how]


@dataclass(frozen=True, slots=True)
class PartialBody(Fault):
    """Less of the body than its length says, then the connection closes; of a stream, a chunk is cut in its middle."""

    def plan(self, answer: Answer) -> Plan:
        if answer.call.streamed:
            before, after = answer.split(1)
            yield from answer.opening()
            yield from answer.body(before)
            part = chunk(after[0].data) if after else LAST_CHUNK
            yield part[: len(part) // 2]
        else:
            yield _half(answer)
        yield Mark.CLOSE


@dataclass(frozen=True, slots=True)
class MalformedArguments(Fault):
    """A tool is called with arguments that are no JSON. Which: the reply's, or the first that the caller offers."""

    arguments: str = '{"city": "Par'

    def plan(self, answer: Answer) -> Plan:
        calls = answer.reply.tool_calls or [("call_1", _first_tool(answer.call), "")]
        broken = [(call_id, name, self.arguments) for call_id, name, _ in calls]
        return answer.changed(tool_calls=broken).plan()


@dataclass(frozen=True, slots=True)
class NoUsage(Fault):
    """A good answer that does not say how many tokens it took."""

    def plan(self, answer: Answer) -> Plan:
        return answer.changed(usage=False).plan()


@dataclass(frozen=True, slots=True)
class ClosesAfterAnswer(Fault):
    """A good answer, after which the connection closes unannounced: the next request on it meets a closed door."""

    def plan(self, answer: Answer) -> Plan:
        for act in answer.plan():
            yield Mark.END_AND_CLOSE if act is Mark.END else act


@dataclass(frozen=True, slots=True)
class Fragmented(Fault):
    """A good answer in pieces of so many bytes, whatever they cut: lines, events, characters."""

    size_bytes: int = 7

    def plan(self, answer: Answer) -> Plan:
        for act in answer.plan():
            if not isinstance(act, bytes):
                yield act
                continue
            for start in range(0, len(act), self.size_bytes):
                yield act[start : start + self.size_bytes]
                yield Wait(0)


def _middle(whole: bytes) -> int:
    """Where half of the body is over, in a response with its head."""
    body = whole.index(b"\r\n\r\n") + 4
    return body + (len(whole) - body) // 2


def _half(answer: Answer) -> bytes:
    whole = answer.respond(200, answer.encoded())
    return whole[: _middle(whole)]


def _broken(event: Event) -> Event:
    """The event with its data cut off; as an event it is still in order."""
    text = event.data.rstrip(b"\n")
    start = text.index(b"data: ") + len(b"data: ")
    return replace(event, data=text[: start + (len(text) - start) // 2] + b"\n\n")


def _first_tool(call: Call) -> str:
    for tool in objects(call.body.get("tools")):
        name = next(
            (one["name"] for one in (tool, *objects([tool.get("function")])) if isinstance(one.get("name"), str)), ""
        )
        if name:
            return name
    return "lookup"
