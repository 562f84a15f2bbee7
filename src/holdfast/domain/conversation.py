"""What is said to a model and what it answers, in no vendor's words.

Every vendor's message format is read into these values and written from them, so that a conversation can go on with
another vendor at any message. What is lost on the way is said by the writer that loses it (``dialects``), never here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec


class Text(msgspec.Struct, tag="text", omit_defaults=True):
    """Words. ``cache`` marks the end of a prefix that the vendor is asked to cache."""

    text: str
    cache: bool = False


class Thinking(msgspec.Struct, tag="thinking", omit_defaults=True):
    """A model's reasoning. ``signature`` and ``redacted`` are only understood by the ``vendor`` that wrote them, and go
    back to no other."""

    text: str = ""
    signature: str = ""
    redacted: str = ""
    vendor: str = ""


class Media(msgspec.Struct, tag="media", omit_defaults=True):
    """An image, a sound or a document: inline (``data``), by address (``url``) or in the store (``artifact``, the SHA-256
    of the content in hex). ``media_type`` as in ``image/png``."""

    media_type: str = ""
    data: bytes = b""
    url: str = ""
    artifact: str = ""
    name: str = ""
    cache: bool = False


class ToolCall(msgspec.Struct, tag="call", omit_defaults=True):
    """A model wants a tool called. ``arguments`` is the JSON text as the model wrote it, valid or not."""

    id: str
    name: str
    arguments: str = "{}"


class ToolResult(msgspec.Struct, tag="result", omit_defaults=True):
    """What a tool answered to the call ``id``. ``labels``: see ``Said``."""

    id: str
    content: list[Text | Media]
    name: str = ""
    error: bool = False
    cache: bool = False
    labels: tuple[str, ...] = ()


Part = Text | Thinking | Media | ToolCall | ToolResult
Role = Literal["system", "user", "assistant"]


class Said(msgspec.Struct):
    """One message of a conversation. ``system`` may stand anywhere; a vendor that takes it only at the top gets it there.
    Tool results are said by the user. ``labels`` are the provenance of what was said, as far as it is known; no vendor sees
    them."""

    role: Role
    parts: list[Part]
    labels: tuple[str, ...] = ()


def media_in(said: Iterable[Said]) -> Iterator[Media]:
    """The images, sounds and documents of a conversation, those in tool results too."""
    for one in said:
        for part in one.parts:
            if isinstance(part, Media):
                yield part
            elif isinstance(part, ToolResult):
                yield from (inner for inner in part.content if isinstance(inner, Media))


class ToolSpec(msgspec.Struct, omit_defaults=True):
    """A tool as a model sees it. ``schema`` is the JSON schema of its arguments."""

    name: str
    description: str = ""
    schema: dict[str, Any] = {}
    strict: bool | None = None
    cache: bool = False


class Settings(msgspec.Struct, omit_defaults=True):
    """How to answer. None or the empty value leaves it to the vendor.

    Attributes:
        max_tokens: most tokens of the answer; 0 for the target's own limit.
        tool_choice: ``auto``, ``none``, ``required`` or a tool's name.
        effort: how hard to think: ``none``, ``minimal``, ``low``, ``medium``, ``high``, ``xhigh``, ``max``.
        schema: JSON schema that the answer must satisfy; ``schema_name`` names it; ``json_mode`` asks for any JSON.
        user: whom the request is for, as the vendor may see it.
    """

    max_tokens: int = 0
    temperature: float | None = None
    top_p: float | None = None
    stop: list[str] = []
    seed: int | None = None
    tool_choice: str = ""
    parallel_tools: bool | None = None
    effort: str = ""
    schema: dict[str, Any] | None = None
    schema_name: str = ""
    json_mode: bool = False
    user: str = ""


class Prompt(msgspec.Struct, omit_defaults=True):
    """A request to a model. ``extra`` keeps fields that only the dialect it came in knows, under that dialect's name
    (which is there even if there are none); they go out again in that dialect only."""

    model: str
    said: list[Said]
    tools: list[ToolSpec] = []
    settings: Settings = msgspec.field(default_factory=Settings)
    extra: dict[str, Any] = {}


class Usage(msgspec.Struct, omit_defaults=True):
    """Tokens of one answer. ``input`` includes what was read from the cache (``cached``) and written to it (``written``);
    ``output`` includes ``reasoning``."""

    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0
    reasoning: int = 0

    def plus(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.written + other.written,
            self.reasoning + other.reasoning,
        )


Finish = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "other"]


class Answer(msgspec.Struct, omit_defaults=True):
    """What a model answered. ``model`` and ``id`` as the vendor named them."""

    parts: list[Part]
    finish: Finish = "stop"
    usage: Usage = msgspec.field(default_factory=Usage)
    model: str = ""
    id: str = ""

    @property
    def text(self) -> str:
        """All its words."""
        return "".join(p.text for p in self.parts if isinstance(p, Text))

    @property
    def calls(self) -> list[ToolCall]:
        """The tools it wants called."""
        return [p for p in self.parts if isinstance(p, ToolCall)]


class PartBegan(msgspec.Struct, tag="began"):
    """Part number ``index`` of the answer begins: empty but for what is known at once (a call's id and name, the beginning
    of a signature)."""

    index: int
    part: Text | Thinking | ToolCall


class PartGrew(msgspec.Struct, tag="grew"):
    """More of a part: words, reasoning or a call's arguments. ``signature`` closes a piece of reasoning."""

    index: int
    text: str = ""
    signature: str = ""


class Ended(msgspec.Struct, tag="ended"):
    """The answer is whole. Nothing comes after it."""

    finish: Finish
    usage: Usage
    model: str = ""
    id: str = ""


Event = PartBegan | PartGrew | Ended


class Assembly:
    """Puts the events of a stream together again."""

    def __init__(self) -> None:
        self.parts: dict[int, Text | Thinking | ToolCall] = {}
        self.ended: Ended | None = None

    def add(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, PartBegan):
            self.parts[event.index] = msgspec.structs.replace(event.part)
        elif isinstance(event, PartGrew):
            part = self.parts[event.index]
            if isinstance(part, ToolCall):
                part.arguments += event.text
            else:
                part.text += event.text
                if isinstance(part, Thinking) and event.signature:
                    part.signature = event.signature
        else:
            self.ended = event

    def answer(self) -> Answer:
        """The whole answer; only after ``Ended``."""
        assert self.ended is not None
        parts: list[Part] = [self.parts[i] for i in sorted(self.parts)]
        for part in parts:
            if isinstance(part, ToolCall) and not part.arguments:
                part.arguments = "{}"
        return Answer(parts, self.ended.finish, self.ended.usage, self.ended.model, self.ended.id)


def events_of(answer: Answer) -> list[Event]:
    """A whole answer as the events of a stream."""
    events: list[Event] = []
    for index, part in enumerate(answer.parts):
        if isinstance(part, Text):
            events += [PartBegan(index, Text("")), PartGrew(index, part.text)]
        elif isinstance(part, Thinking):
            events += [PartBegan(index, Thinking(signature=part.signature, redacted=part.redacted, vendor=part.vendor))]
            events += [PartGrew(index, part.text, part.signature)]
        elif isinstance(part, ToolCall):
            events += [PartBegan(index, ToolCall(part.id, part.name, "")), PartGrew(index, part.arguments)]
    return [*events, Ended(answer.finish, answer.usage, answer.model, answer.id)]
