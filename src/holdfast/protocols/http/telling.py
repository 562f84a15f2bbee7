"""What a client of the model endpoints is told of an outcome, in its dialect."""

from __future__ import annotations

from typing import Any

from ...domain.errors import HoldfastError, LimitExceeded, NotFound, Rejected, Unavailable
from ...domain.message import Outcome
from ...journal.codec import decode_any, error_of
from ...models.dialects.dialect import Dialect
from .requests import Request

Told = tuple[int, Any, list[tuple[bytes, bytes]]]
"""An answer: status, JSON, headers."""


def result_of(outcome: Outcome) -> dict[str, Any]:
    """What the turn returned; raises what it failed with."""
    if outcome.failure is not None:
        raise error_of(outcome.failure)
    return decode_any(outcome.value)


_KINDS = {
    "model.too_long": "too_long",
    "model.filtered": "content_filter",
    "model.unknown": "unknown_model",
    "model.unavailable": "overloaded",
    "model.auth": "server_error",
    "model.not_there": "server_error",
    "budget.spent": "quota",
    "gate.limit": "quota",
    "gate.denied": "not_allowed",
    "gate.not_approved": "not_allowed",
    "gate.unfit": "not_allowed",
    "gate.breaker_open": "not_allowed",
    "gate.tripped": "not_allowed",
    "agent.paused": "not_allowed",
    "agent.retired": "not_allowed",
}
_STATUS = {"gate.breaker_open": 423, "gate.tripped": 423, "agent.paused": 423, "agent.retired": 410}
"""Where there is a status that says more than that of the kind: the agent is held, or gone for good."""
_FOR_PEOPLE = frozenset({*_STATUS, "budget.spent", "gate.denied", "gate.not_approved"})
"""What asking again changes nothing about: clients that would are told not to (``x-should-retry``)."""


def kind_of(error: HoldfastError) -> Any:
    """The kind of problem, as the dialects know them."""
    if error.code in _KINDS:
        return _KINDS[error.code]
    if error.code.startswith("token.") or error.code in ("auth.required", "auth.unknown"):
        return "auth"
    if error.code in ("auth.scope", "auth.agent", "tenant.crossed"):
        return "not_allowed"
    if isinstance(error, LimitExceeded):
        return "rate_limited"
    if isinstance(error, (Rejected, NotFound)):
        return "bad_request"
    return "overloaded" if isinstance(error, Unavailable) else "server_error"


def problem_of(dialect: Dialect, error: BaseException) -> Told:
    """What a client is told of an error, in its dialect."""
    if not isinstance(error, HoldfastError):
        raise error
    status, body = dialect.write_error(kind_of(error), f"{error.message} [{error.code}]")
    status = _STATUS.get(error.code, status)
    headers = [(b"x-holdfast-error", error.code.encode())]
    if error.code in _FOR_PEOPLE:
        headers.append((b"x-should-retry", b"false"))
    if isinstance(error, Unavailable) or error.retry or "retry_seconds" in error.details:
        seconds = float(error.details.get("retry_seconds", 1.0))
        headers.append((b"retry-after", str(max(1, round(seconds))).encode()))
    return status, body, headers


async def send_problem(request: Request, dialect: Dialect, error: HoldfastError) -> None:
    """Refuse a request."""
    await request.json(*problem_of(dialect, error))


def told_of(dialect: Dialect, outcome: Outcome) -> Told:
    """What a client is told of a turn that has ended."""
    try:
        found = result_of(outcome)
    except HoldfastError as error:
        return problem_of(dialect, error)
    return 200, found["body"], headers_of(found["facts"])


def headers_of(facts: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    """Who answered, for whoever looks at the headers."""
    return [(f"x-holdfast-{name}".encode(), str(value).encode("latin-1", "replace")) for name, value in facts.items()]


__all__ = ["Told", "headers_of", "kind_of", "problem_of", "result_of", "send_problem", "told_of"]
