"""Streams of messages, in and out: blocks that begin, grow and end one after another."""

from __future__ import annotations

from typing import Any

import msgspec

from ....domain.conversation import Ended, Event, PartBegan, PartGrew, Text, Thinking, ToolCall, Usage
from .. import wire
from ..dialect import Kind, Malformed, StreamError, Truncated
from ..errors import read_error
from .answers import message, read_finish, read_usage, write_error, write_finish, write_signature, write_usage
from .read_prompt import VENDOR
from .shapes import Delta, MessagesUsage, StreamBlock, StreamEvent

_events = msgspec.json.Decoder(StreamEvent)


class Reader:
    """Blocks that are not understood (what Anthropic's own tools did) are passed over."""

    def __init__(self) -> None:
        self.done = False
        self._reason: str | None = None
        self._usage = MessagesUsage()
        self._model = self._id = ""
        self._blocks: dict[int, str] = {}
        self._inputs: dict[int, str] = {}  # arguments that came with the beginning of a call
        self._calls = False

    @property
    def finished(self) -> bool:
        """See ``StreamReader``."""
        return self._reason is not None

    def feed(self, event: str, data: str) -> list[Event]:
        """See ``StreamReader``."""
        if self.done:
            return []
        if event == "error":
            raise StreamError(*read_error(0, data))
        piece = wire.piece(data, _events)
        kind = piece.type
        if kind == "content_block_delta" and piece.delta is not None:
            return self._grew(piece.index, piece.delta)
        if kind == "content_block_start" and piece.content_block is not None:
            return self._began(piece.index, piece.content_block)
        if kind == "content_block_stop":
            arguments = self._inputs.pop(piece.index, "")
            return [PartGrew(piece.index, arguments)] if arguments else []
        if kind == "message_start" and piece.message is not None:
            self._model, self._id = piece.message.model or "", piece.message.id or ""
            self._count(piece.message.usage)
            return []
        if kind == "message_delta" and piece.delta is not None:
            self._reason = piece.delta.stop_reason or self._reason
            self._count(piece.usage)
            return []
        if kind == "message_stop":
            return self._end()
        if kind == "error":
            raise StreamError(*read_error(0, data))
        if kind in ("content_block_delta", "content_block_start", "message_start", "message_delta"):
            raise Malformed(f"not a piece of an answer: {kind} without its content; it begins {wire.shown(data)}")
        return []

    def close(self) -> list[Event]:
        """See ``StreamReader``."""
        if self.done:
            return []
        if self._reason is None:
            raise Truncated
        return self._end()

    def _end(self) -> list[Event]:
        self.done = True
        finish = read_finish(self._reason, self._calls)
        return [Ended(finish, read_usage(self._usage), self._model, self._id)]

    def _count(self, usage: MessagesUsage | None) -> None:
        """Later counts are totals; what is not counted again stays."""
        for field in MessagesUsage.__struct_fields__ if usage else ():
            if (count := getattr(usage, field)) is not None:
                setattr(self._usage, field, count)

    def _began(self, index: int, block: StreamBlock) -> list[Event]:
        self._blocks[index] = block.type
        if block.type == "text":
            return [PartBegan(index, Text("")), *([PartGrew(index, block.text)] if block.text else [])]
        if block.type == "thinking":
            began: list[Event] = [PartBegan(index, Thinking(vendor=VENDOR))]
            if block.thinking or block.signature:
                began.append(PartGrew(index, block.thinking or "", block.signature or ""))
            return began
        if block.type == "redacted_thinking":
            return [PartBegan(index, Thinking(redacted=block.data or "", vendor=VENDOR))]
        if block.type != "tool_use":
            return []
        if not block.id or not block.name:
            raise Malformed("not a piece of an answer: a tool_use without id or name")
        self._calls = True
        if block.input:
            self._inputs[index] = wire.encode(block.input).decode()
        return [PartBegan(index, ToolCall(block.id, block.name, ""))]

    def _grew(self, index: int, delta: Delta) -> list[Event]:
        kind = delta.type
        if kind == "text_delta" and delta.text is not None:
            known, text, signature = "text", delta.text, ""
        elif kind == "input_json_delta" and delta.partial_json is not None:
            known, text, signature = "tool_use", delta.partial_json, ""
        elif kind == "thinking_delta" and delta.thinking is not None:
            known, text, signature = "thinking", delta.thinking, ""
        elif kind == "signature_delta" and delta.signature is not None:
            known, text, signature = "thinking", "", delta.signature
        elif kind == "citations_delta":
            return []
        else:
            raise Malformed(f"not a piece of an answer: a delta of type {kind!r} without its content")
        block = self._blocks.get(index)
        if block is None:
            raise Malformed(f"not a piece of an answer: block {index} grows before it begins")
        if block != known:
            return []
        if text and known == "tool_use":
            self._inputs.pop(index, None)
        return [PartGrew(index, text, signature)] if text or signature else []


class Writer:
    """A block ends where the next part begins. Should the earlier part still grow, its piece comes late, and the official
    clients put it where it belongs."""

    def __init__(self, model: str, id: str) -> None:
        self._model, self._id = model, id
        self._begun = False
        self._open = -1
        self._numbers: dict[int, int] = {}
        self._heads: dict[int, bytes] = {}  # what stands before a part's text
        self._thoughts: dict[int, Thinking] = {}

    def write(self, event: Event) -> bytes:
        """See ``StreamWriter``."""
        if isinstance(event, PartGrew):
            return self._grew(event)
        written = b"" if self._begun else self._begin()
        written += self._stop()
        if isinstance(event, PartBegan):
            return written + self._began(event.index, event.part)
        delta = {"stop_reason": write_finish(event.finish), "stop_sequence": None}
        written += _event("message_delta", delta=delta, usage=write_usage(event.usage))
        return written + _event("message_stop")

    def error(self, kind: Kind, message: str) -> bytes:
        """See ``StreamWriter``."""
        return wire.write_event(wire.encode(write_error(kind, message)[1]), "error")

    def _begin(self) -> bytes:
        self._begun = True
        return _event("message_start", message=message(self._model, self._id, [], None, Usage()))

    def _stop(self) -> bytes:
        number, self._open = self._open, -1
        return _event("content_block_stop", index=number) if number >= 0 else b""

    def _began(self, index: int, part: Text | Thinking | ToolCall) -> bytes:
        number = self._open = self._numbers[index] = len(self._numbers)
        text = part.text if not isinstance(part, ToolCall) else part.arguments
        if isinstance(part, Text):
            block, delta, field = {"type": "text", "text": ""}, "text_delta", "text"
        elif isinstance(part, ToolCall):
            block, delta, field = _tool_use(part), "input_json_delta", "partial_json"
        elif part.redacted and part.vendor == VENDOR:
            block, delta, field = {"type": "redacted_thinking", "data": part.redacted}, "", ""
        else:
            self._thoughts[index] = part
            block = {"type": "thinking", "thinking": "", "signature": ""}
            delta, field = "thinking_delta", "thinking"
        if delta:
            head = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,' % number
            self._heads[index] = head + b'"delta":{"type":"%s","%s":' % (delta.encode(), field.encode())
        written = _event("content_block_start", index=number, content_block=block)
        if isinstance(part, Thinking) and part.redacted and part.vendor != VENDOR:  # another vendor's: all is known at once
            return written + self._signature(index, write_signature(part))
        return written + (self._grew(PartGrew(index, text)) if text else b"")

    def _grew(self, event: PartGrew) -> bytes:
        head = self._heads.get(event.index)
        if head is None:
            return b""
        written = head + wire.encode(event.text) + b"}}\n\n" if event.text else b""
        if event.signature and (thought := self._thoughts.get(event.index)) is not None:
            signed = Thinking("", event.signature, vendor=thought.vendor)
            written += self._signature(event.index, write_signature(signed))
        return written

    def _signature(self, index: int, signature: str) -> bytes:
        delta = {"type": "signature_delta", "signature": signature}
        return _event("content_block_delta", index=self._numbers[index], delta=delta)


def _event(kind: str, **fields: Any) -> bytes:
    return wire.write_event(wire.encode({"type": kind, **fields}), kind)


def _tool_use(part: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": part.id, "name": part.name, "input": {}}
