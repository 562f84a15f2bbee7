"""What a dialect is: one vendor's way to say a request, an answer, a stream and an error.

A dialect does no I/O: values in, values out, so that the gateway can try another target with the same prompt and tests
need no network. Every dialect says in its module what it cannot carry; what it is asked to carry and must not drop
silently (a document where the vendor takes none) it refuses with ``Rejected``.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, get_args

from ...domain.conversation import Answer, Event, Prompt, Usage
from .lost import Lost

Kind = Literal[
    "rate_limited",
    "quota",
    "overloaded",
    "server_error",
    "auth",
    "not_allowed",
    "unknown_model",
    "bad_request",
    "too_long",
    "content_filter",
    "prefill_refused",
    "malformed",
    "truncated",
    "timeout",
    "connection",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


class ModelProblem(Exception):
    """A model did not answer as it should.

    ├── Malformed    what came is not what the vendor documents: HTML, a wrong shape, a missing field
    ├── Truncated    the connection ended before the answer did
    └── StreamError  the vendor reported an error in the middle of a stream

    ``kind`` decides what the gateway does next (wait, other key, other target, give up); ``message`` is for people.
    """

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.kind, self.message))


class Malformed(ModelProblem):
    """Not an answer in this dialect."""

    def __init__(self, message: str) -> None:
        super().__init__("malformed", message)


class Truncated(ModelProblem):
    """The stream ended before the answer was whole."""

    def __init__(self, message: str = "the stream ended before the answer was whole") -> None:
        super().__init__("truncated", message)


class StreamError(ModelProblem):
    """An error event in a stream."""


def _rebuild(cls: type[ModelProblem], kind: Kind, message: str) -> ModelProblem:
    problem = cls.__new__(cls)
    ModelProblem.__init__(problem, kind, message)
    return problem


class StreamReader(Protocol):
    """Turns one vendor's stream into events. For one answer only."""

    @property
    def done(self) -> bool:
        """``Ended`` was given; whatever comes after it is ignored."""
        ...

    @property
    def finished(self) -> bool:
        """The answer is whole; at most its usage and the end mark are still to come."""
        ...

    def feed(self, event: str, data: str) -> list[Event]:
        """Take one server-sent event.

        Raises:
            Malformed: ``data`` is not JSON or has a wrong shape.
            StreamError: the vendor reports an error.
        """
        ...

    def close(self) -> list[Event]:
        """The connection ended. Gives ``Ended`` if the answer is whole although the vendor's end mark is missing.

        Raises:
            Truncated: it is not whole.
        """
        ...


class StreamWriter(Protocol):
    """Turns events into one vendor's stream. For one answer only."""

    def write(self, event: Event) -> bytes:
        """The server-sent events for it, ready to send; empty if this vendor says nothing there."""
        ...

    def error(self, kind: Kind, message: str) -> bytes:
        """The answer breaks off here."""
        ...


class Dialect(Protocol):
    """One vendor's words.

    Attributes:
        name: the key in ``DIALECTS``.
        path: where a prompt is posted, relative to a base URL such as ``https://host/v1``.
    """

    name: str
    path: str

    def url_path(self, model: str, *, stream: bool) -> str:
        """``path`` for this model: some vendors want its name there, or another path for an answer in pieces."""
        ...

    def auth(self, key: str) -> dict[str, str]:
        """The headers that show a key, names in lower case."""
        ...

    def read_prompt(self, body: dict[str, Any]) -> Prompt:
        """A client's request.

        Raises:
            Rejected: ``model.bad_request``, with the field in ``details``.
        """
        ...

    def write_prompt(
        self, prompt: Prompt, model: str, *, stream: bool, max_tokens: int = 0, lost: Lost | None = None
    ) -> dict[str, Any]:
        """The request to a model. ``max_tokens`` counts where the vendor demands a limit and the prompt has none; ``lost``
        is told what the vendor has no words for and can do without.

        Raises:
            Rejected: ``model.bad_request``: the vendor has no words for a part of it.
        """
        ...

    def read_answer(self, body: Any) -> Answer:
        """A model's whole answer.

        Raises:
            Malformed: it is none.
            ModelProblem: it is the vendor's report of a failure.
        """
        ...

    def read_usage(self, body: Any) -> Usage:
        """The tokens of a whole answer; zeros if it does not say."""
        ...

    def write_answer(self, answer: Answer, model: str, *, id: str, created: int) -> dict[str, Any]:
        """The whole answer to a client; ``created`` in seconds since 1970."""
        ...

    def reader(self) -> StreamReader:
        """For the stream of one answer."""
        ...

    def writer(self, model: str, *, id: str, created: int, include_usage: bool = True) -> StreamWriter:
        """For the stream of one answer. ``include_usage`` where the vendor's clients have to ask for it."""
        ...

    def read_error(self, status: int, body: Any) -> tuple[Kind, str]:
        """What a refusal means: decoded JSON, text (HTML too) or nothing."""
        ...

    def write_error(self, kind: Kind, message: str) -> tuple[int, dict[str, Any]]:
        """HTTP status and body that this vendor's client understands."""
        ...
