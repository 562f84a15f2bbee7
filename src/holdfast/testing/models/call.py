"""What a vendor sees and what it says: ``Call`` and ``Reply``, in words that no protocol owns.

A script is written once and answers chat completions, responses, messages and embeddings alike, streamed and whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from .answer import Fault

CHARACTERS_PER_TOKEN = 4

ToolCall: TypeAlias = tuple[str, str, "Mapping[str, Any] | str"]
"""Id, name and arguments of a tool call; arguments that are text go out as they are, valid JSON or not."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer.

    Attributes:
        text: what the model says.
        tool_calls: which tools it calls, as (id, name, arguments).
        thinking: what it thought before; ``reasoning_content``, a reasoning item or a thinking block.
        finish: why it stopped, in OpenAI's words (stop, length, tool_calls, content_filter); empty: what fits the answer.
        input_tokens: for the usage; None: a quarter of the prompt's characters.
        output_tokens: for the usage; None: a quarter of the answer's characters.
        delay: seconds before the headers.
        first_token_delay: seconds before the first chunk of content; of an answer in one piece, before it.
        chunk_delay: seconds between two chunks of content.
        chunks: into how many pieces each text is cut when it is streamed.
        cached_tokens: how many of the input tokens came from the vendor's cache.
        usage: whether the answer carries its usage at all.
        model: the name that the vendor gives as the one that answered (``gpt-4o-2024-08-06``); empty: the one asked for.
    """

    text: str = ""
    tool_calls: Sequence[ToolCall] = ()
    thinking: str = ""
    finish: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    delay: float = 0.0
    first_token_delay: float = 0.0
    chunk_delay: float = 0.0
    chunks: int = 8
    cached_tokens: int = 0
    usage: bool = True
    model: str = ""

    @property
    def finished(self) -> str:
        """Why the model stopped, in OpenAI's words."""
        return self.finish or ("tool_calls" if self.tool_calls else "stop")


@dataclass(slots=True, eq=False)
class Call:
    """One request as it came in, and what became of it. It is changed until ``ended_monotonic`` is set.

    Attributes:
        number: counted from 0, in the order in which the requests were complete.
        at_monotonic: when the request was complete, in seconds of ``time.monotonic``.
        streamed: whether the caller asked for a stream.
        fault: what struck; None for a good answer, also if a fault with a condition let it pass.
        status: of the answer; 0 as long as no headers were sent.
        completed: a whole HTTP response went out. A stream that ends cleanly but too early is complete in this sense.
        cancelled_by_client: the caller hung up before the answer was out.
        ended_monotonic: when it was over, one way or the other.
    """

    number: int
    at_monotonic: float
    method: str
    path: str
    model: str
    body: dict[str, Any]
    headers: dict[str, str]
    streamed: bool
    fault: Fault | None = None
    status: int = 0
    completed: bool = False
    cancelled_by_client: bool = False
    ended_monotonic: float | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.ended_monotonic is not None

    @property
    def anthropic(self) -> bool:
        """Whether the caller speaks Anthropic's protocol, in which it expects its errors too."""
        return self.path.startswith("/v1/messages") or "anthropic-version" in self.headers

    @property
    def key(self) -> str:
        """The key that it came with, in whichever header; empty if none."""
        bearer = self.headers.get("authorization", "")
        return (
            self.headers.get("x-api-key")
            or self.headers.get("api-key")
            or (bearer[7:] if bearer[:7].lower() == "bearer " else "")
        )

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation: ``messages``, or the items of a response's ``input``."""
        given = self.body.get("messages", self.body.get("input"))
        return [{"role": "user", "content": given}] if isinstance(given, str) else objects(given)

    @property
    def text(self) -> str:
        """The last text of the user; results of tools are none."""
        said = (text_of(message.get("content")) for message in reversed(self.messages) if message.get("role") == "user")
        return next((text for text in said if text), "")

    @property
    def prompt_characters(self) -> int:
        """How long the prompt is: instructions and conversation with the results of tools, without their definitions."""
        instructions = _length(self.body.get("system")) + _length(self.body.get("instructions"))
        return instructions + sum(_length(message.get("content", message.get("output"))) for message in self.messages)

    @property
    def ends_with_assistant(self) -> bool:
        """Whether the conversation ends with words put into the model's mouth."""
        return bool(self.messages) and self.messages[-1].get("role") == "assistant"


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list that came over the wire; nothing if it is no list."""
    if not isinstance(value, list):
        return []
    return [cast("dict[str, Any]", item) for item in cast("list[Any]", value) if isinstance(item, dict)]


def text_of(content: Any) -> str:
    """The text in a message's content: a string, or parts some of which are text."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in objects(content) if isinstance(part.get("text"), str))


def _length(content: Any) -> int:
    """How many characters of text are in a content, parts in parts included."""
    if isinstance(content, str):
        return len(content)
    return sum(_length(part.get("text", part.get("content"))) for part in objects(content))


def tokens(characters: int) -> int:
    """A rough count, never 0: vendors count at least one."""
    return max(1, characters // CHARACTERS_PER_TOKEN)
