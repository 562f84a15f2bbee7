"""What the dialects share: counting tokens, and the bytes of a server-sent event."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ..answer import Event, Stage
from ..call import Call, Reply, tokens


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as every dialect counts them. ``input`` includes the cached ones, ``output`` the thinking."""

    input: int
    cached: int
    output: int
    thinking: int

    @property
    def total(self) -> int:
        """Both ways."""
        return self.input + self.output


def usage_of(call: Call, reply: Reply) -> Usage:
    """What the reply says, or an estimate where it says nothing."""
    said = len(reply.text) + len(reply.thinking) + sum(len(arguments_of(given)) for _, _, given in reply.tool_calls)
    given = reply.input_tokens
    return Usage(
        input=tokens(call.prompt_characters) if given is None else given,
        cached=reply.cached_tokens,
        output=tokens(said) if reply.output_tokens is None else reply.output_tokens,
        thinking=tokens(len(reply.thinking)) if reply.thinking else 0,
    )


def arguments_of(given: Mapping[str, Any] | str) -> str:
    """The arguments of a tool call as text, which need not be JSON."""
    return given if isinstance(given, str) else msgspec.json.encode(given).decode()


def now_seconds() -> int:
    """The second, for ``created``."""
    return int(time.time())


def unnamed(stage: Stage, data: Any) -> Event:
    """An event of the chat endpoint: data alone."""
    return Event(stage, b"data: %b\n\n" % msgspec.json.encode(data))


def named(stage: Stage, data: dict[str, Any]) -> Event:
    """An event that bears the name of its type."""
    return Event(stage, b"event: %b\ndata: %b\n\n" % (str(data["type"]).encode(), msgspec.json.encode(data)))
