"""The stream of a response, written: every event that OpenAI's clients put an answer together from, in its order."""

from __future__ import annotations

from typing import Any

from ....domain.conversation import Ended, Event, PartGrew, Text, Thinking, ToolCall
from .. import wire
from ..dialect import Kind
from ..openai import write_error
from . import reasoning
from .answers import output_text, refusal, response, write_item


class _Open:
    """An item that grows."""

    __slots__ = ("head", "id", "number", "part", "pieces", "signature")

    def __init__(self, number: int, part: Text | Thinking | ToolCall, id: str, kind: str, place: str) -> None:
        self.number, self.part, self.id = number, part, id
        self.pieces: list[str] = []
        self.signature = ""
        self.head = (
            b"event: %s\ndata: {" % kind.encode()
            + wire.encode({"type": kind, "item_id": id, "output_index": number})[1:-1]
            + b","
            + place.encode()
        )


class Writer:
    """Text and reasoning end where the next part begins; calls end with the answer, for they may grow side by side."""

    def __init__(self, model: str, id: str, created: int) -> None:
        self._model, self._id, self._created = model, id, created
        self._sequence = -1
        self._open: dict[int, _Open] = {}
        self._ended: dict[int, Text | Thinking] = {}  # parts whose item has ended
        self._items: dict[int, dict[str, Any]] = {}
        self._count = 0
        self._begun = False

    def write(self, event: Event) -> bytes:
        """See ``StreamWriter``."""
        if isinstance(event, PartGrew):
            return self._grow(event)
        written = b"" if self._begun else self._begin()
        if isinstance(event, Ended):
            return written + self._end(event)
        return written + self._close_words() + self._began(event.index, event.part)

    def error(self, kind: Kind, message: str) -> bytes:
        """See ``StreamWriter``."""
        error: dict[str, Any] = write_error(kind, message)[1]["error"]
        return self._event("error", code=error["code"], message=message, param=None, error=error)

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._sequence += 1
        return wire.write_event(wire.encode({"type": kind, "sequence_number": self._sequence, **fields}), kind)

    def _begin(self) -> bytes:
        self._begun = True
        empty = response(self._model, self._id, self._created, [])
        return self._event("response.created", response=empty) + self._event("response.in_progress", response=empty)

    def _began(self, index: int, part: Text | Thinking | ToolCall) -> bytes:
        number, self._count = self._count, self._count + 1
        item = write_item(part, f"{self._id}_{number}")
        if isinstance(part, ToolCall):
            kind, place = "response.function_call_arguments.delta", '"delta":'
            item |= {"status": "in_progress", "arguments": ""}
        elif isinstance(part, Text):
            kind, place = "response.output_text.delta", '"content_index":0,"logprobs":[],"delta":'
            item |= {"status": "in_progress", "content": []}
        else:
            kind, place = "response.reasoning_summary_text.delta", '"summary_index":0,"delta":'
            item = reasoning.begun(item["id"])
        self._open[index] = _Open(number, part, item["id"], kind, place)
        written = self._event("response.output_item.added", output_index=number, item=item)
        if isinstance(part, Text):
            written += self._content("added", self._open[index], 0, output_text(""))
        text = part.arguments if isinstance(part, ToolCall) else part.text
        return written + (self._grow(PartGrew(index, text)) if text else b"")

    def _grow(self, event: PartGrew) -> bytes:
        item = self._open.get(event.index)
        if item is None:
            return self._grow_late(event)
        item.signature = event.signature or item.signature
        if not event.text:
            return b""
        begun = b""
        if not item.pieces and isinstance(item.part, Thinking):
            begun = self._summary("response.reasoning_summary_part.added", item, part=_summary_text(""))
        item.pieces.append(event.text)
        self._sequence += 1
        return begun + item.head + wire.encode(event.text) + b',"sequence_number":%d}\n\n' % self._sequence

    def _grow_late(self, event: PartGrew) -> bytes:
        """Its item ended when the next began: what it still has to say is a new item."""
        part = self._ended.pop(event.index, None)
        if part is None or not event.text:
            return b""
        return self._close_words() + self._began(event.index, part) + self._grow(event)

    def _summary(self, kind: str, item: _Open, **fields: Any) -> bytes:
        return self._event(kind, item_id=item.id, output_index=item.number, summary_index=0, **fields)

    def _content(self, what: str, item: _Open, number: int, part: dict[str, Any]) -> bytes:
        where: dict[str, Any] = {"item_id": item.id, "output_index": item.number, "content_index": number}
        return self._event(f"response.content_part.{what}", **where, part=part)

    def _close_words(self) -> bytes:
        return b"".join([self._close(i) for i, item in list(self._open.items()) if not isinstance(item.part, ToolCall)])

    def _close(self, index: int, refused: bool = False) -> bytes:
        item = self._open.pop(index)
        text = "".join(item.pieces)
        where: dict[str, Any] = {"item_id": item.id, "output_index": item.number}
        if isinstance(item.part, Text):
            done = write_item(Text(text), "")
            written = self._event("response.output_text.done", **where, content_index=0, text=text, logprobs=[])
            written += self._content("done", item, 0, output_text(text))
            if refused:  # that it is a refusal is known only now that its words are said
                done["content"].append(refusal(""))
                written += self._content("added", item, 1, refusal("")) + self._content("done", item, 1, refusal(""))
            self._ended[index] = Text("")
        elif isinstance(item.part, ToolCall):
            done = write_item(ToolCall(item.part.id, item.part.name, text or "{}"), "")
            arguments = {"name": item.part.name, "arguments": done["arguments"]}
            written = self._event("response.function_call_arguments.done", **where, **arguments)
        else:
            given = item.part
            signature = item.signature or given.signature
            done = reasoning.for_client(Thinking(text, signature, given.redacted, given.vendor), "", item.id)
            written = b""
            if text:
                written += self._summary("response.reasoning_summary_text.done", item, text=text)
                written += self._summary("response.reasoning_summary_part.done", item, part=_summary_text(text))
            self._ended[index] = Thinking()
        done["id"] = item.id
        self._items[item.number] = done
        return written + self._event("response.output_item.done", output_index=item.number, item=done)

    def _end(self, event: Ended) -> bytes:
        written = b""
        refused = event.finish == "refusal"
        if refused and not any(isinstance(item.part, Text) for item in self._open.values()):
            written += self._close_words() + self._began(-1, Text(""))
        written += b"".join([self._close(index, refused) for index in list(self._open)])
        items = [self._items[number] for number in sorted(self._items)]
        whole = response(self._model, self._id, self._created, items, event.finish, event.usage)
        return written + self._event(f"response.{whole['status']}", response=whole)


def _summary_text(text: str) -> dict[str, str]:
    return {"type": "summary_text", "text": text}
