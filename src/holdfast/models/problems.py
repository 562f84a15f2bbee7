"""What can go wrong with a model call, what each kind means for the next attempt, and the error that is left in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..domain.errors import HoldfastError, LimitExceeded, Rejected, Unavailable

if TYPE_CHECKING:
    from .job import Attempt

THE_REQUEST = frozenset({"bad_request", "content_filter", "too_long", "prefill_refused"})
"""The request is at fault: the target is well, and asking it the same again changes nothing."""
THE_SETTING = frozenset({"auth", "not_allowed", "unknown_model", "quota"})
"""The target is set up wrongly, or its account is empty: no answer from it until a person mends that."""
SILENT = frozenset({"timeout"})
"""It took the request and said nothing: asking again would wait as long again."""
TWICE = frozenset({"server_error", "connection", "malformed", "truncated", "rate_limited", "overloaded"})
"""Worth a second try at the same target."""


class Failed(Exception):
    """One attempt failed.

    Args:
        kind: see ``dialects.dialect``.
        retry_after: seconds the vendor asked to be left alone, or None.
    """

    def __init__(self, kind: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retry_after = retry_after


class NoTarget(Unavailable):
    """Nobody is left to ask at the moment. ``retry_seconds`` is the soonest that it may be worth trying again."""

    def __init__(self, route: str, why: str, retry_seconds: float, attempts: list[Attempt]) -> None:
        super().__init__(
            "model.unavailable",
            f"No target of route {route!r} answers at the moment: {why}. Nothing is lost; it is tried again when one is "
            "back. `holdfast models` shows how each of them is.",
            route=route,
            why=why,
            retry_seconds=round(retry_seconds, 3),
            attempts=[{"target": a.target, "outcome": a.outcome, "why": a.why} for a in attempts],
        )
        self.retry_seconds = retry_seconds


def error_for(kind: str, message: str, route: str, attempts: list[Attempt], *, begun: bool = False) -> HoldfastError:
    """The error for a request that nobody can answer: whose fault it was, and what to do. ``begun``: some of the answer was
    given on already."""
    what = f"Route {route!r}: {message.rstrip('.')}."
    details = {
        "route": route,
        "kind": kind,
        "attempts": [{"target": a.target, "outcome": a.outcome, "why": a.why} for a in attempts],
    }
    if begun:
        told = f"{what} What had arrived was given on already, so the answer was not asked for again. Ask again."
        return Unavailable("model.cut_off", told, **details)
    match kind:
        case "too_long":
            told = f"{what} Shorten the conversation, or give the route a target with a larger context."
            return LimitExceeded("model.too_long", told, **details)
        case "content_filter":
            told = f"{what} The vendor's filter refused it; asking again changes nothing."
            return Rejected("model.filtered", told, **details)
        case "auth" | "not_allowed":
            told = f"{what} Check the target's key (`holdfast models` names where it is read from)."
            return Rejected("model.auth", told, **details)
        case "quota":
            return Rejected("model.quota", f"{what} The vendor's account has no credit left.", **details)
        case "unknown_model":
            return Rejected("model.not_there", f"{what} Check the target's model name and address.", **details)
        case _:
            return Rejected("model.bad_request", f"{what} The vendor refused the request as it is.", **details)
