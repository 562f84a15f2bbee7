"""Errors over HTTP: a status, and ``application/problem+json`` (RFC 9457) with our stable code and a link to its page."""

from __future__ import annotations

import logging
from typing import Any

from ...domain.errors import (
    Conflict,
    HoldfastError,
    LimitExceeded,
    Nondeterminism,
    NotFound,
    Rejected,
    StepFailed,
    StepTimeout,
    TurnFailed,
    Unavailable,
)
from ...journal.codec import to_json
from .requests import Request

log = logging.getLogger("holdfast")

PAGES = "/api/errors/"
_OF_CLASS: tuple[tuple[type[HoldfastError], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (Unavailable, 503),
    (LimitExceeded, 429),
    (Nondeterminism, 409),
    (StepTimeout, 504),
    (TurnFailed, 502),
    (StepFailed, 502),
    (Rejected, 400),
)
_OF_CODE = {
    "payload.too_large": 413,
    "http.too_large": 413,
    "http.media_type": 415,
    "http.method": 405,
    "http.changed": 412,
    "http.origin": 403,
    "auth.required": 401,
    "auth.unknown": 401,
    "auth.scope": 403,
    "auth.agent": 403,
    "mcp.not_installed": 501,
    "auth.csrf": 403,
    "auth.elsewhere": 403,
    "approval.acting": 403,
    "tenant.crossed": 403,
    "gate.denied": 403,
    "server.internal": 500,
}


def status_of(error: HoldfastError) -> int:
    """The HTTP status of an error; every class has one."""
    if error.code in _OF_CODE:
        return _OF_CODE[error.code]
    if error.code.startswith("token.") and isinstance(error, Rejected):
        return 401
    return next((status for kind, status in _OF_CLASS if isinstance(error, kind)), 500)


def problem_of(error: HoldfastError) -> dict[str, Any]:
    """The body."""
    return {
        "type": f"{PAGES}{error.code}",
        "title": error.code,
        "status": status_of(error),
        "detail": error.message,
        "code": error.code,
        "retry": error.retry,
        "details": error.details,
    }


def internal(error: BaseException, where: str) -> HoldfastError:
    """A defect of ours as an error for whoever asked; the log has the rest."""
    log.error("%s failed", where, exc_info=error)
    return HoldfastError("server.internal", f"{where} failed inside the server; its log says where.")


async def answer(request: Request, error: HoldfastError, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    """Answer with a problem."""
    status = status_of(error)
    more = list(headers)
    if status in (429, 503):
        more.append((b"retry-after", str(max(1, round(float(error.details.get("retry_seconds", 1.0))))).encode()))
    if status == 401:
        more.append((b"www-authenticate", b"Bearer"))
    await request.reply(status, to_json(problem_of(error)), b"application/problem+json", more)
