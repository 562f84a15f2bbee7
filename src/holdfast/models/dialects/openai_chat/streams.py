"""Streams of chat completions, in and out. What is met for every few letters of an answer is short here."""

from __future__ import annotations

import msgspec

from ....domain.conversation import Ended, Event, PartBegan, PartGrew, Text, Thinking, ToolCall, Usage
from .. import wire
from ..dialect import Kind, Malformed, StreamError, Truncated
from ..errors import read_error
from ..openai import write_error
from .answers import read_arguments, read_call, read_content, read_finish, read_usage, write_finish, write_usage
from .shapes import AnswerCall, AnswerMessage, Chunk

_chunks = msgspec.json.Decoder(Chunk)


class Reader:
    """Parts begin where what is said changes: chat completions do not mark them. Several calls may grow side by side."""

    def __init__(self) -> None:
        self.done = False
        self._finish: str | None = None
        self._usage = Usage()
        self._model = self._id = ""
        self._kind: str = ""  # of the part that grows: text, thinking, call
        self._parts = 0
        self._calls: dict[int | str, tuple[int, str]] = {}  # the vendor's number of a call -> the part's, and the call's id
        self._call_now: int | str = 0
        self._texts = self._refused = False

    @property
    def finished(self) -> bool:
        """See ``StreamReader``."""
        return self._finish is not None

    def feed(self, event: str, data: str) -> list[Event]:
        """See ``StreamReader``."""
        if self.done:
            return []
        if data.startswith("[DONE]"):
            if self._finish is None and not self._parts:
                raise Truncated("the stream ended before it began to answer")
            return self._end()
        chunk = wire.piece(data, _chunks)
        if chunk.error or event == "error":
            raise StreamError(*read_error(0, data))
        if chunk.choices is msgspec.UNSET and chunk.usage is None:
            raise Malformed(f"not a piece of an answer: it has no choices; it begins {wire.shown(data)}")
        if chunk.usage is not None:
            self._usage = read_usage(chunk.usage)
        self._model = chunk.model or self._model
        self._id = chunk.id or self._id
        events: list[Event] = []
        for choice in chunk.choices or ():
            if choice.index == 0:
                if choice.delta is not None:
                    self._take(choice.delta, events)
                if choice.finish_reason:
                    self._finish = choice.finish_reason
                    if choice.finish_reason == "error":
                        raise StreamError("server_error", "the model broke off with an error")
        return events

    def close(self) -> list[Event]:
        """See ``StreamReader``."""
        if self.done:
            return []
        if self._finish is None:
            raise Truncated
        return self._end()

    def _end(self) -> list[Event]:
        self.done = True
        finish = read_finish(self._finish, bool(self._calls), self._refused)
        return [Ended(finish, self._usage, self._model, self._id)]

    def _take(self, delta: AnswerMessage, events: list[Event]) -> None:
        thought, text = read_content(delta)
        if thought:
            self._grow("thinking", thought, events)
        if text:
            self._texts = True
            self._grow("text", text, events)
        if delta.refusal:
            self._refused = True
            if not self._texts:
                self._grow("text", delta.refusal, events)
        for call in delta.tool_calls or ():
            self._call(call, events)

    def _grow(self, kind: str, text: str, events: list[Event]) -> None:
        if kind != self._kind:
            self._kind = kind
            events.append(PartBegan(self._parts, Text("") if kind == "text" else Thinking()))
            self._parts += 1
        events.append(PartGrew(self._parts - 1, text))

    def _call(self, call: AnswerCall, events: list[Event]) -> None:
        key = call.index if call.index is not None else call.id or self._call_now
        named = call.function is not None and bool(call.function.name)
        known = self._calls.get(key)
        if known is None or (named and call.id and call.id != known[1]):  # Google counts every call as the first
            began = read_call(self._parts, call, self._id, "")
            known = self._calls[key] = (self._parts, began.id)
            self._parts += 1
            self._kind = "call"
            events.append(PartBegan(known[0], began))
        self._call_now = key
        if arguments := read_arguments(call):
            events.append(PartGrew(known[0], arguments))


class Writer:
    """One chunk for each event."""

    def __init__(self, model: str, id: str, created: int, include_usage: bool) -> None:
        base = wire.encode({"id": id, "object": "chat.completion.chunk", "created": created, "model": model})
        self._head = b"data: " + base[:-1] + b',"choices":'
        self._tail = b',"usage":null}\n\n' if include_usage else b"}\n\n"
        self._include_usage = include_usage
        self._prefix: dict[int, bytes] = {}  # what stands before a part's text
        self._suffix: dict[int, bytes] = {}
        self._calls = 0
        self._texts: set[int] = set()
        self._said: list[str] = []
        self._begun = False

    def write(self, event: Event) -> bytes:
        """See ``StreamWriter``."""
        if isinstance(event, PartGrew):
            if not event.text:
                return b""
            if event.index in self._texts:
                self._said.append(event.text)
            return self._prefix[event.index] + wire.encode(event.text) + self._suffix[event.index]
        begin = b"" if self._begun else self._delta(b'{"role":"assistant","content":""}')
        self._begun = True
        return begin + (self._began(event.index, event.part) if isinstance(event, PartBegan) else self._end(event))

    def error(self, kind: Kind, message: str) -> bytes:
        """See ``StreamWriter``."""
        return wire.write_event(wire.encode(write_error(kind, message)[1]))

    def _delta(self, delta: bytes, finish: bytes = b"null") -> bytes:
        return (
            self._head + b'[{"index":0,"delta":' + delta + b',"logprobs":null,"finish_reason":' + finish + b"}]" + self._tail
        )

    def _began(self, index: int, part: Text | Thinking | ToolCall) -> bytes:
        if isinstance(part, ToolCall):
            number, self._calls = self._calls, self._calls + 1
            head = b'{"tool_calls":[{"index":%d,' % number
            before, after = head + b'"function":{"arguments":', b"}}]}"
            function = {"name": part.name, "arguments": part.arguments}
            call = wire.encode({"id": part.id, "type": "function", "function": function})
            written = self._delta(head + call[1:] + b"]}")
        else:
            before = b'{"content":' if isinstance(part, Text) else b'{"reasoning_content":'
            after, written = b"}", b""
            if isinstance(part, Text):
                self._texts.add(index)
        open, close = self._delta(before + b"\0" + after).split(b"\0")
        self._prefix[index], self._suffix[index] = open, close
        if not isinstance(part, ToolCall) and part.text:
            written += self.write(PartGrew(index, part.text))
        return written

    def _end(self, event: Ended) -> bytes:
        text = "".join(self._said)
        written = b""
        if event.finish == "refusal" and text:
            written += self._delta(wire.encode({"refusal": text}))
        finish = wire.encode(write_finish(event.finish, bool(text)))
        written += self._delta(b"{}", finish)
        if self._include_usage:
            written += self._head + b'[],"usage":' + wire.encode(write_usage(event.usage)) + b"}\n\n"
        return written + b"data: [DONE]\n\n"
