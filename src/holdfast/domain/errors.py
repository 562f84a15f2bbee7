"""The one error tree.

    HoldfastError
    ├── Rejected         the caller's input is wrong: fix it, do not retry
    ├── NotFound         what was named does not exist
    ├── Conflict         somebody else was first (stale lease, version, duplicate): reload, then decide
    ├── Unavailable      a dependency does not answer now: retry with backoff
    ├── LimitExceeded    a bound was hit: wait, or raise the bound
    ├── Nondeterminism   a handler diverged from its journal: a person decides
    ├── TurnFailed       a turn (perhaps another agent's) ended with an error
    └── StepFailed       a step used up its attempts
        └── StepTimeout  a step or a wait passed its deadline

Subclasses say what the caller must do; ``code`` is stable and has a page ``docs/errors/<code>.md``. Suspension and
cancellation are not errors: suspension is a ``BaseException`` of its own in ``holdfast.turn``.
"""

from __future__ import annotations

from typing import Any, ClassVar


class HoldfastError(Exception):
    """Base of every error that Holdfast raises on purpose.

    Attributes:
        code: stable, dotted, lower case (``store.in_use``); documented in ``docs/errors``.
        message: what happened, to what, and what to do next.
        retry: whether the same call may succeed later without a change.
        details: plain JSON values for programs.
    """

    retry: ClassVar[bool] = False

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: dict[str, Any] = details

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.code, self.message, self.details))


def _rebuild(cls: type[HoldfastError], code: str, message: str, details: dict[str, Any]) -> HoldfastError:
    return cls(code, message, **details)


class Rejected(HoldfastError):
    """The input is wrong; the same call will never succeed."""


class NotFound(HoldfastError):
    """What was named does not exist."""


class Conflict(HoldfastError):
    """Another writer was first; reload and decide again."""


class Unavailable(HoldfastError):
    """A dependency does not answer at the moment."""

    retry: ClassVar[bool] = True


class LimitExceeded(HoldfastError):
    """A configured bound was hit."""

    retry: ClassVar[bool] = True


class Nondeterminism(HoldfastError):
    """A handler asked for a step that its journal does not have at that place."""


class TurnFailed(HoldfastError):
    """A turn ended with an error; ``details`` holds the original type name and message."""


class StepFailed(HoldfastError):
    """A step failed after all of its attempts; ``details`` holds the original type name and message."""


class StepTimeout(StepFailed, TimeoutError):
    """A step or a durable wait passed its deadline. Also a ``TimeoutError``."""


CLASSES: dict[str, type[HoldfastError]] = {
    c.__name__: c
    for c in (
        HoldfastError,
        Rejected,
        NotFound,
        Conflict,
        Unavailable,
        LimitExceeded,
        Nondeterminism,
        TurnFailed,
        StepFailed,
        StepTimeout,
    )
}
