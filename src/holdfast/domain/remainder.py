"""What is left of an answer for whoever was given the beginning of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from .conversation import Answer, Assembly, Ended, Event, PartBegan, PartGrew, Text, Thinking, ToolCall, events_of


def remainder(given: Sequence[Event], answer: Answer) -> list[Event] | None:
    """The events that make the whole answer of what was given of it; None if what was given does not belong to it."""
    assembly = Assembly()
    for event in given:
        assembly.add(event)
    had = [(index, assembly.parts[index]) for index in sorted(assembly.parts)]
    parts = [part for part in answer.parts if isinstance(part, (Text, Thinking, ToolCall))]
    if assembly.ended is not None:
        return [] if _same([part for _, part in had], parts) else None
    left: list[Event] = []
    unused = had[-1][0] + 1 if had else 0
    for known, part in zip_longest(had, parts):
        if known is None:
            assert part is not None
            began, grew, _ = events_of(Answer([part]))
            left += [_numbered(began, unused), _numbered(grew, unused)]
            unused += 1
            continue
        index, begun = known
        if part is None or (rest := _grown(begun, part)) is None:
            return None
        if rest.text or rest.signature:
            left.append(PartGrew(index, rest.text, rest.signature))
    return [*left, Ended(answer.finish, answer.usage, answer.model, answer.id)]


def _same(had: list[Text | Thinking | ToolCall], parts: list[Text | Thinking | ToolCall]) -> bool:
    """Whether these are all parts, and whole; a call without arguments may say so in either way."""
    if len(parts) != len(had):
        return False
    grown = [_grown(begun, part) for begun, part in zip(had, parts, strict=True)]
    return all(rest is not None and rest.text in ("", "{}") for rest in grown)


def _grown(begun: Text | Thinking | ToolCall, part: Text | Thinking | ToolCall) -> PartGrew | None:
    """What of a part is still to come; None if it is another part."""
    if isinstance(begun, ToolCall):
        if not isinstance(part, ToolCall) or part.name != begun.name:
            return None
        known, whole, signature = begun.arguments, part.arguments, ""
    elif isinstance(begun, Text) and isinstance(part, Text):
        known, whole, signature = begun.text, part.text, ""
    elif isinstance(begun, Thinking) and isinstance(part, Thinking):
        known, whole, signature = begun.text, part.text, "" if begun.signature else part.signature
    else:
        return None
    return PartGrew(0, whole[len(known) :], signature) if whole.startswith(known) else None


def _numbered(event: Event, index: int) -> Event:
    assert not isinstance(event, Ended)
    return PartBegan(index, event.part) if isinstance(event, PartBegan) else PartGrew(index, event.text, event.signature)


__all__ = ["remainder"]
