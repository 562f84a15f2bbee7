"""The stream of a response, read: items that begin, grow and end, in items of several kinds."""

from __future__ import annotations

import msgspec

from ....domain.conversation import Ended, Event, PartBegan, PartGrew, Text, Thinking, ToolCall
from .. import wire
from ..dialect import Malformed, StreamError, Truncated
from ..errors import read_error
from . import reasoning
from .answers import failure, read_finish, read_usage
from .shapes import Response, StreamEvent, StreamItem

_events = msgspec.json.Decoder(StreamEvent)
_REASONING = {"response.reasoning_summary_text.delta", "response.reasoning_text.delta"}
_ENDS = {"response.completed", "response.incomplete", "response.failed"}


class Reader:
    """A part is known by its item's place and its own place in the item."""

    def __init__(self) -> None:
        self.done = False
        self._parts: dict[tuple[int, int], int] = {}
        self._grown: set[int] = set()  # parts that have some text
        self._paragraphs: dict[int, int] = {}  # of reasoning: a part -> its paragraph that grows
        self._calls = self._refused = False

    @property
    def finished(self) -> bool:
        """See ``StreamReader``. The end mark is what says so."""
        return self.done

    def feed(self, event: str, data: str) -> list[Event]:
        """See ``StreamReader``."""
        if self.done or data.startswith("[DONE]"):
            return []
        if event == "error":
            raise StreamError(*read_error(0, data))
        piece = wire.piece(data, _events)
        kind = piece.type
        if kind == "response.output_text.delta":
            return self._text(piece, piece.content_index)
        if kind == "response.function_call_arguments.delta":
            return self._grow(piece, -1)
        if kind == "response.function_call_arguments.done":
            return self._whole(piece.output_index, piece.arguments)
        if kind in _REASONING:
            return self._reasoning(piece)
        if kind == "response.refusal.delta":
            self._refused = True
            return self._text(piece, piece.content_index)
        if kind == "response.output_item.added" and piece.item is not None:
            return self._began(piece.output_index, piece.item)
        if kind == "response.output_item.done" and piece.item is not None:
            return self._item_done(piece.output_index, piece.item)
        if kind in _ENDS and piece.response is not None:
            return self._end(kind, piece.response)
        if kind == "error":
            raise StreamError(*read_error(0, data))
        return []

    def close(self) -> list[Event]:
        """See ``StreamReader``."""
        if self.done:
            return []
        raise Truncated

    def _end(self, kind: str, response: Response) -> list[Event]:
        if kind == "response.failed":
            problem = failure(response)
            raise StreamError(problem.kind, problem.message)
        self.done = True
        response.status = kind.removeprefix("response.")
        finish = read_finish(response, self._calls, self._refused)
        return [Ended(finish, read_usage(response.usage), response.model or "", response.id or "")]

    def _begin(self, place: tuple[int, int], part: Text | Thinking | ToolCall) -> list[Event]:
        index = self._parts[place] = len(self._parts)
        return [PartBegan(index, part)]

    def _began(self, output: int, item: StreamItem) -> list[Event]:
        if (output, -1) in self._parts:
            return []
        if item.type == "reasoning":
            return self._begin((output, -1), Thinking("", reasoning.signature(item.id or "", ""), vendor=reasoning.VENDOR))
        if item.type != "function_call":
            return []
        if not item.name or not item.call_id:
            raise Malformed("not a piece of an answer: a call without name or call_id")
        self._calls = True
        return self._begin((output, -1), ToolCall(item.call_id, item.name, ""))

    def _text(self, piece: StreamEvent, content: int) -> list[Event]:
        place = (piece.output_index, content)
        began = [] if place in self._parts else self._begin(place, Text(""))
        return began + self._grow(piece, content)

    def _grow(self, piece: StreamEvent, content: int, before: str = "") -> list[Event]:
        index = self._parts.get((piece.output_index, content))
        if index is None or piece.delta is None:
            raise Malformed(f"not a piece of an answer: {piece.type} has no delta, or its item never began")
        self._grown.add(index)
        return [PartGrew(index, before + piece.delta)]

    def _reasoning(self, piece: StreamEvent) -> list[Event]:
        began = self._began(piece.output_index, StreamItem("reasoning"))
        index = self._parts[(piece.output_index, -1)]
        paragraph = piece.summary_index + piece.content_index
        gap = self._paragraphs.get(index, paragraph) != paragraph
        self._paragraphs[index] = paragraph
        return began + self._grow(piece, -1, "\n\n" if gap else "")

    def _whole(self, output: int, text: str | None) -> list[Event]:
        """Arguments that come at once."""
        index = self._parts.get((output, -1))
        if index is None or index in self._grown or not text:
            return []
        self._grown.add(index)
        return [PartGrew(index, text)]

    def _item_done(self, output: int, item: StreamItem) -> list[Event]:
        """What only the end of an item says, and what a server did not stream."""
        if item.type == "message":
            return self._message_done(output, item)
        events = self._began(output, item)
        if item.type == "function_call":
            return events + self._whole(output, item.arguments)
        if item.type == "reasoning":
            index = self._parts[(output, -1)]
            text = "" if index in self._grown else "\n\n".join(piece.text for piece in item.summary or [])
            events.append(PartGrew(index, text, reasoning.signature(item.id or "", item.encrypted_content or "")))
        return events

    def _message_done(self, output: int, item: StreamItem) -> list[Event]:
        events: list[Event] = []
        for number, content in enumerate(item.content or []):
            self._refused = self._refused or content.get("type") == "refusal"
            text = content.get("text") or content.get("refusal")
            if isinstance(text, str) and text and (output, number) not in self._parts:
                began = self._begin((output, number), Text(""))
                events += [*began, PartGrew(self._parts[(output, number)], text)]
        return events
