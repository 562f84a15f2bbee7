"""``sleep``, ``wait`` and ``ask``: durable waits for time, for an event, for a person. While they last, the turn is rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..domain.entry import EntryKind, StoredEntry
from ..domain.errors import StepTimeout
from ..domain.message import Failure, Outcome
from ..journal.codec import Raw, Shape, encode, error_of
from ..mailbox.active import Completion
from .turn import Turn


async def sleep(turn: Turn, ms: int) -> None:
    """Wait until ``ms`` milliseconds after now; the moment is fixed in the journal."""
    path, recorded = await turn.step("sleep", "")
    if recorded is None:
        await turn.admit("sleep", "", path, ms)
        due = turn.clock.now_ms() + max(ms, 1)
        await _begin(turn, path, "sleep", "", {"due": due})
    elif recorded.result is not None:
        return
    else:
        due = _due(turn, recorded.intent)
    await turn.wait_for(path, "sleep", "", due=due)


async def wait(turn: Turn, name: str, shape: Shape, timeout_ms: int = 0) -> Any:
    """Wait for an event of this name; events that came before anybody waited are kept and taken first."""
    path, recorded = await turn.step("wait", name)
    if recorded is None:
        await turn.admit("wait", name, path)
        due = turn.clock.now_ms() + timeout_ms if timeout_ms else 0
        await _begin(turn, path, "wait", name, {"due": due})
    elif recorded.result is not None:
        return _value(recorded.result.failure, recorded.result.value, shape, name)
    else:
        due = _due(turn, recorded.intent)
    kept = turn.active.events.get(name)
    if kept and not turn.met_early(path):
        item = kept.popleft()  # in the commit of the wait: a crash in between would leave both, and nobody to join them
        outcome = Outcome(Raw(item.message.payload), None, item.message.labels)
        turn.meet_early(path, Completion(outcome, item.id, item.message.sender))
    outcome = await turn.wait_for(path, "wait", name, due=due)
    return _value(outcome.failure, outcome.value, shape, name)


async def ask(
    turn: Turn, question: str, choices: Sequence[str], shape: Shape, timeout_ms: int, default: Any, to: str
) -> Any:
    """Ask a person. ``default`` (if not ``...``) is the answer when the time is over; otherwise ``StepTimeout``."""
    path, recorded = await turn.step("ask", "")
    if recorded is None:
        await turn.admit("ask", question, path, to=to, recorded_as="")
        due = turn.clock.now_ms() + timeout_ms if timeout_ms else 0
        detail = {"due": due, "question": question, "choices": list(choices), "to": to}
        await _begin(turn, path, "ask", "", detail)
    elif recorded.result is not None:
        return _answered(recorded.result.failure, recorded.result.value, shape, question, default)
    else:
        due = _due(turn, recorded.intent)
    body = encode({"question": question, "choices": list(choices), "to": to})
    outcome = await turn.wait_for(path, "ask", "", due=due, detail=body)
    return _answered(outcome.failure, outcome.value, shape, question, default)


async def _begin(turn: Turn, path: str, verb: str, name: str, detail: dict[str, Any]) -> None:
    if turn.item.id == 0:
        await turn.accept()
    turn.journal(EntryKind.INTENT, path, verb, name, detail=detail)


def _due(turn: Turn, intent: StoredEntry | None) -> int:
    assert intent is not None
    return int(turn.detail(intent).get("due", 0))


def _value(failure: Failure | None, value: Raw, shape: Shape, name: str) -> Any:
    if failure is not None:
        raise error_of(failure)
    return shape.decode(value, f"event {name!r}")


def _answered(failure: Failure | None, value: Raw, shape: Shape, question: str, default: Any) -> Any:
    if failure is not None:
        error = error_of(failure)
        if isinstance(error, StepTimeout) and default is not ...:
            return default
        raise error
    return shape.decode(value, f"answer to {question!r}")
