"""A failed turn starts again from its last good step, if its handler says so; the wait in between is a row."""

from __future__ import annotations

from ..domain.entry import EntryKind
from ..domain.errors import HoldfastError, StepFailed, TurnFailed
from ..journal.codec import encode
from .stuck import park
from .turn import Turn

VERB = "retry"


def wants_retry(turn: Turn, error: Exception) -> bool:
    """Whether the turn should start again. What a step or another agent failed with is worth another try, unless the
    handler's ``retry`` names what is; what was refused for good is not."""
    retry = turn.spec.retry
    if turn.dead or turn.cancel_reason or retry.attempts <= turn.attempt:
        return False
    if isinstance(error, HoldfastError) and error.code in ("step.failed", "step.timeout", "turn.failed") and not retry.on:
        return isinstance(error, StepFailed | TurnFailed) and not isinstance(error, retry.never or ())
    return retry.wants(error, turn.attempt)


async def retry_later(turn: Turn, error: Exception) -> None:
    """Journal the attempt's end and leave memory until the next one is due."""
    if turn.item.id == 0:
        await turn.accept()
    seconds = turn.spec.retry.wait_seconds(turn.attempt, turn.worker.random.uniform())
    due = turn.clock.now_ms() + max(int(seconds * 1000), 1)
    detail = {"attempt": turn.attempt, "error": f"{type(error).__name__}: {error}", "retry_at": due}
    turn.journal(EntryKind.RETRY, "", VERB, "", detail=detail)
    park(turn, VERB, due, encode(detail))
