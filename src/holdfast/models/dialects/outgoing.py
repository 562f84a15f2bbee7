"""What every writer of a prompt does first: the messages in the order and grouping that vendors demand."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from ...domain.conversation import Media, Part, Prompt, Said, Text, ToolCall, ToolResult
from .lost import ARGUMENTS, SYSTEM_ORDER, Lost
from .wire import INVALID, arguments_object, refused

OPENING = "Begin."
"""What the user is made to say where a vendor demands a first word from the user and there is none."""
JSON_ONLY = "Answer with a single JSON object and nothing else."
"""The last word of the system message where a vendor has no switch for any JSON."""

_STATE = {"openai-responses": ("previous_response_id", "conversation", "prompt")}
"""Fields that stand for a part of the request that only one vendor has: without it the question makes no sense."""


def own_fields(prompt: Prompt, dialect: str, lost: Lost) -> dict[str, Any] | None:
    """The fields that only this dialect knows; None if the prompt came in another one, whose own fields are lost. Refuses a
    prompt of which another vendor keeps a part."""
    for other, names in _STATE.items():
        if other != dialect:
            for name in names:
                if name in prompt.extra.get(other, {}):
                    raise refused(name, f"it names what only the vendor of {other} has; send the whole conversation instead")
    for other, others in prompt.extra.items():
        if other != dialect:
            lost.say_fields(others)
    fields: dict[str, Any] | None = prompt.extra.get(dialect)
    return fields


def merged(said: Iterable[Said]) -> list[Said]:
    """Messages of the same role as one, without empty texts, and results of tools before anything else that is said with
    them. A message without anything left is not there."""
    whole: list[Said] = []
    for message in said:
        parts = [part for part in message.parts if not (isinstance(part, Text) and not part.text)]
        if whole and whole[-1].role == message.role:
            whole[-1].parts.extend(parts)
        elif parts:
            whole.append(Said(message.role, parts))
    for message in whole:
        if message.role == "user":
            message.parts.sort(key=lambda part: not isinstance(part, ToolResult))
    return whole


def split_system(said: list[Said]) -> tuple[list[Text], list[Said]]:
    """The system's words at the top, and the rest of the conversation."""
    top = 0
    while top < len(said) and said[top].role == "system":
        top += 1
    return [text for message in said[:top] for text in texts(message.parts)], said[top:]


def wants_strict(prompt: Prompt) -> bool:
    """Whether a client that asked in another dialect demands that the schema be kept."""
    others: list[dict[str, Any]] = list(prompt.extra.values())
    formats: list[Any] = [fields.get("response_format") or fields.get("text", {}).get("format") for fields in others]
    return any(format and format.get("strict") for format in formats)


def arguments(call: ToolCall, lost: Lost) -> dict[str, Any]:
    """A call's arguments for a vendor that takes an object and no text."""
    written = arguments_object(call.arguments)
    lost.say(ARGUMENTS, INVALID in written)
    return written


def hoisted_system(said: list[Said], lost: Lost) -> tuple[list[Text], list[Said]]:
    """All of the system's words, wherever they stand, and the rest of the conversation."""
    top = len(split_system(said)[1])
    lost.say(SYSTEM_ORDER, any(message.role == "system" for message in said[len(said) - top :]))
    system = [text for message in said if message.role == "system" for text in texts(message.parts)]
    return system, [message for message in said if message.role != "system"]


def texts(parts: Iterable[Part]) -> list[Text]:
    """The words among them."""
    return [part for part in parts if isinstance(part, Text) and part.text]


def joined(parts: Iterable[Part]) -> str:
    """Words as one text, a blank line between them."""
    return "\n\n".join(text.text for text in texts(parts))


def names_of_calls(said: Iterable[Said]) -> dict[str, str]:
    """The tool that each call of the conversation calls, by the call's id."""
    return {part.id: part.name for message in said for part in message.parts if isinstance(part, ToolCall)}


def media_of(result: ToolResult) -> list[Media]:
    """What a tool answered beside words."""
    return [part for part in result.content if isinstance(part, Media)]


def announced(result: ToolResult, names: dict[str, str]) -> str:
    """The words before what could not be put into a tool's result and follows it."""
    name = result.name or names.get(result.id, "")
    return f"This belongs to the result of the tool call {result.id}{f' ({name})' if name else ''}:"


def fitting_id(id: str, allowed: re.Pattern[str], length: int) -> str:
    """A call's id as a vendor accepts it: itself if it fits, else a digest of it, the same wherever it stands."""
    if len(id) <= length and allowed.fullmatch(id):
        return id
    return "c" + hashlib.blake2b(id.encode(), digest_size=16).hexdigest()[: length - 1]
