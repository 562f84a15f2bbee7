"""``Job``: what is wanted of a model. ``Reply``: what came of it, with everything that explains it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from ..domain.conversation import Answer, Prompt, Usage, media_in
from ..domain.words import Word
from .dialects import DIALECTS
from .dialects.lost import PREFILL, Lost
from .routes import Target

EMBEDDINGS = "openai-embeddings"
IMAGE_TOKENS = 1_600
"""About what vendors count for an image, whatever it weighs in bytes."""
EMBEDDING_TARGETS = frozenset({"openai-chat", "openai-responses"})
"""Dialects whose servers take embeddings, too."""


class Attempt(msgspec.Struct, omit_defaults=True):
    """One time that a target was asked. ``outcome`` is ``ok`` or the problem's kind."""

    target: str
    outcome: str
    ms: int = 0
    why: str = ""


class Facts(msgspec.Struct, omit_defaults=True):
    """What the ledger and an explanation need of an answer.

    Attributes:
        nanos: money in 1e-9 US dollars; ``priced`` says whether a price was known.
        first_ms: until the answer began; ``took_ms`` until it was whole; both from the first attempt on.
        reason: why this target was asked.
        attempts: all of them, the last one last.
        lost: what the vendor's format has no words for, so that the vendor was not told; see ``dialects.lost``.
    """

    route: str
    target: str
    vendor: str
    model: str
    usage: Usage = msgspec.field(default_factory=Usage)
    nanos: int = 0
    priced: bool = False
    took_ms: int = 0
    first_ms: int = 0
    reason: str = ""
    attempts: list[Attempt] = []
    cached: bool = False
    repeated: bool = False
    lost: list[str] = []


class Job:
    """A request to a route, in the dialect in which it came. It is converted only if the target speaks another one.

    Args:
        route: the route's name.
        dialect: of ``body``.
        body: the request as it came.
        prompt: the same, read; made from ``body`` when somebody asks for it.
        urgent: worth asking two vendors for.
        deadline: monotonic seconds after which nobody wants the answer any more; 0 for none.
        labels: who asks, for rules: agent, name, tenant, and free labels.
        image_bytes: how long the images in ``body`` are there, each: vendors do not count them by their bytes.
    """

    __slots__ = (
        "_described",
        "_prefill_dropped",
        "_prompt",
        "_size",
        "body",
        "deadline",
        "dialect",
        "image_bytes",
        "labels",
        "route",
        "urgent",
    )

    def __init__(
        self,
        route: str,
        *,
        dialect: str = "",
        body: dict[str, Any] | None = None,
        prompt: Prompt | None = None,
        urgent: bool = False,
        deadline: float = 0.0,
        labels: dict[str, str] | None = None,
        image_bytes: Sequence[int] = (),
    ) -> None:
        self.route = route
        self.dialect = dialect
        self.body = body
        self._prompt = prompt
        self._described: dict[str, Any] | None = None
        self._size = 0
        self._prefill_dropped = False
        self.urgent = urgent
        self.deadline = deadline
        self.labels = labels or {}
        self.image_bytes = image_bytes

    @property
    def prompt(self) -> Prompt:
        """The request in no vendor's words."""
        if self._prompt is None:
            assert self.body is not None
            self._prompt = DIALECTS[self.dialect].read_prompt(self.body)
        return self._prompt

    @property
    def prefilled(self) -> bool:
        """Whether the conversation ends with the assistant's words, to go on from."""
        if self.dialect == EMBEDDINGS:
            return False
        if self.body is not None and self.dialect != "openai-responses":
            messages = self.body.get("messages")
            return bool(messages) and isinstance(messages, list) and _role(messages[-1]) == "assistant"  # pyright: ignore[reportUnknownArgumentType]
        said = self.prompt.said
        return bool(said) and said[-1].role == "assistant"

    def without_prefill(self) -> Job:
        """The same request from its last question on."""
        prompt = self.prompt
        said = list(prompt.said)
        while said and said[-1].role == "assistant":
            said.pop()
        whole = msgspec.structs.replace(prompt, said=said)
        rest = Job(self.route, prompt=whole, urgent=self.urgent, deadline=self.deadline, labels=self.labels)
        rest._prefill_dropped = True
        return rest

    def spoken(self, target: Target) -> str:
        """The dialect in which this target is asked."""
        return self.dialect if self.dialect == EMBEDDINGS and target.dialect in EMBEDDING_TARGETS else target.dialect

    def written_for(self, target: Target, *, stream: bool, lost: Lost | None = None) -> dict[str, Any]:
        """The request as this target takes it. ``lost`` is told what it is not told; of a request that goes through as it
        came nothing is lost."""
        if lost is not None:
            lost.say(PREFILL, self._prefill_dropped)
        if self.body is not None and self.dialect == self.spoken(target):
            body = {**self.body, "model": target.model}
            if stream:
                body["stream"] = True
                if target.dialect == "openai-chat":
                    body["stream_options"] = {"include_usage": True}
            else:
                body.pop("stream", None)
                body.pop("stream_options", None)
            return body
        dialect = DIALECTS[target.dialect]
        return dialect.write_prompt(self.prompt, target.model, stream=stream, max_tokens=target.max_output, lost=lost)

    @property
    def max_tokens(self) -> int:
        """Most tokens of the answer; 0 if the request does not say."""
        if self.body is None:
            return self.prompt.settings.max_tokens
        given = self.body.get("max_completion_tokens") or self.body.get("max_tokens") or self.body.get("max_output_tokens")
        return given if isinstance(given, int) else 0

    @property
    def described(self) -> dict[str, Any]:
        """What tells whether another request is the same: a digest and the length in bytes."""
        if self._described is None:
            text = msgspec.json.encode(self.body if self.body is not None else self.prompt)
            self._described = {"sha256": sha256(text).hexdigest(), "bytes": len(text), "dialect": self.dialect}
        return self._described

    def size(self) -> int:
        """Roughly how many tokens the request has: a quarter of its characters, and a round number for each image."""
        if not self._size:
            self._size = self._weighed(self.described["bytes"] - self._inline())
        return self._size

    def _inline(self) -> int:
        """How many bytes of what is described are images and files."""
        if self.body is not None or self._prompt is None:
            return sum(self.image_bytes)
        return sum(len(medium.data) * 4 // 3 for medium in media_in(self._prompt.said))

    def _weighed(self, others: int) -> int:
        images = len(self.image_bytes)
        if self.body is None and self._prompt is not None:
            for medium in media_in(self._prompt.said):
                if medium.media_type.startswith("image/"):
                    images += 1
                else:
                    others += len(medium.data) * 4 // 3
        return max(1, others // 4) + images * IMAGE_TOKENS

    async def whole(self, inlined: Callable[[Prompt], Awaitable[Prompt]]) -> Job:
        """The same with what its prompt refers to put in. It stays described as it was, so that it is the same request
        wherever its images are."""
        if self._prompt is None or self.body is not None:
            return self
        words = self.described["bytes"] - self._inline()
        self._prompt = await inlined(self._prompt)
        self._size = self._weighed(words)
        return self


class Reply:
    """An answer and its facts. ``body`` is there if the target spoke the job's dialect; ``answer`` is read from it when
    somebody asks. ``words``: what people said to the turn, which was put into the request."""

    __slots__ = ("_answer", "body", "dialect", "facts", "words")

    def __init__(self, facts: Facts, *, answer: Answer | None = None, dialect: str = "", body: dict[str, Any] | None = None):
        self.facts = facts
        self._answer = answer
        self.dialect = dialect
        self.body = body
        self.words: list[Word] = []

    @property
    def answer(self) -> Answer:
        """The answer in no vendor's words."""
        if self._answer is None:
            assert self.body is not None
            self._answer = DIALECTS[self.dialect].read_answer(self.body)
        return self._answer


def _role(message: Any) -> str:
    return str(message.get("role", "")) if isinstance(message, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
