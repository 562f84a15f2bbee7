"""What was recorded, as intents again: for dry runs of a policy and for ``why``.

A journal has an action's verb, name, time, arguments, and the labels of what came back. It does not have where each value
came from, nor which roles arguments had: a rule that looks at these sees nothing, or cannot be
judged. Whoever shows the answer has to say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

import msgspec

from ...domain.entry import Begin, EntryKind, StoredEntry
from ...domain.intent import Decision, Done, Intent, Verdict
from ...domain.labels import NONE, USER, join, of_agent
from ...journal.codec import decode_any
from ..past import MESSAGES, VERBS, History, done_of
from .rulebook import Rulebook

UNRECORDED = (
    "where each value came from (untrusted, endorsed, unendorsed, goal), roles and declarations of tools (roles, declared), "
    "cost, the texts and settings of prompts, and in older journals tags, delegation (who.tags, who.chain) and the "
    "arguments of messages"
)
"""What a rule cannot see in a journal."""

Row = tuple[int, StoredEntry]
"""A turn's number and an entry of it."""


class Act(msgspec.Struct, frozen=True):
    """An action that was recorded, with the agent's past as it was then, and what the gate said then."""

    intent: Intent
    decided: dict[str, Any] | None = None


class Judged(msgspec.Struct, frozen=True):
    """What a policy would have said about a recorded action. ``was`` is what the gate said then."""

    agent: str
    turn: int
    path: str
    at: int
    verb: str
    name: str
    outcome: str
    rules: tuple[str, ...]
    reasons: tuple[str, ...]
    was: str = "allow"


def acts(agent: str, rows: Iterable[Row], *, asked: bool = False) -> Iterator[Act]:
    """An agent's actions, oldest first. Each has to be looked at before the next is asked for: they share one past.
    ``asked``: also those that a person was asked about and that have not happened, or not yet."""
    past = History()
    labels: dict[int, frozenset[str]] = {}
    begun: dict[int, Begin] = {}
    seen: set[tuple[int, str]] = set()
    for turn, entry in rows:
        if entry.begin is not None:
            begun[turn] = entry.begin
            sender = entry.begin.sender
            labels[turn] = frozenset((of_agent(sender),) if sender.count("/") == 2 else (USER,))
        if asked and entry.verb == "review" and (act := _asked(agent, turn, entry, begun.get(turn), past)) is not None:
            yield act
        if entry.kind == EntryKind.RETRY:
            seen = {place for place in seen if place[0] != turn}
        if entry.verb in VERBS and entry.kind in (EntryKind.STEP, EntryKind.INTENT) and (turn, entry.path) not in seen:
            seen.add((turn, entry.path))
            done = done_of(turn, entry)
            intent = _intent(agent, turn, entry, done, labels.get(turn, NONE), begun.get(turn), past)
            decided: Any = entry.decision
            yield Act(intent, decided if isinstance(decided, dict) else None)  # pyright: ignore[reportUnknownArgumentType]
            past.begin(turn, entry.path, msgspec.structs.replace(done, at=intent.at))
        if entry.kind in (EntryKind.STEP, EntryKind.RESULT) and entry.verb in VERBS:
            past.finish(turn, entry.path, entry.labels, entry.failure is not None)
            labels[turn] = join(labels.get(turn, NONE), entry.labels)


def _asked(agent: str, turn: int, entry: StoredEntry, begin: Begin | None, past: History) -> Act | None:
    """What a person was asked about; None if it was too large for the journal."""
    told: Any = decode_any(entry.detail)
    if not isinstance(told, dict) or "verb" not in told:
        return None
    known = cast("dict[str, Any]", told)
    given = known["before"] if known.get("before") is not None else known.get("args")
    intent = Intent(
        agent=agent,
        turn=turn,
        path=entry.path,
        verb=known["verb"],
        name=known["name"],
        to=known.get("to", ""),
        args=tuple(cast("list[Any]", given)) if isinstance(given, list) else given,
        labels=frozenset(known.get("labels", ())),
        sender=known.get("sender", ""),
        chain=tuple(known.get("chain", ())),
        tags=begin.tags if begin else {},
        at=entry.at,
        past=past,
    )
    return Act(intent, {"verdict": "ask", "rules": known.get("rules", ()), "reasons": known.get("reasons", ())})


def _intent(
    agent: str, turn: int, entry: StoredEntry, done: Done, labels: frozenset[str], begin: Begin | None, past: History
) -> Intent:
    given: Any = done.arguments
    if entry.verb == "tool":
        given = (done.arguments,)
    elif entry.verb not in MESSAGES and done.arguments and all(name.isdigit() for name in done.arguments):
        given = tuple(done.arguments[str(place)] for place in range(len(done.arguments)))
    return Intent(
        agent=agent,
        turn=turn,
        path=entry.path,
        verb=done.verb,
        name=done.name,
        to=done.to,
        args=given,
        labels=labels,
        sender=begin.sender if begin else "",
        chain=begin.chain if begin else (),
        tags=begin.tags if begin else {},
        at=entry.at - entry.took,
        past=past,
    )


def judge(book: Rulebook, act: Act) -> Judged:
    """What a rulebook says about it. What could not be judged is told apart from what it denies: ``error``."""
    intent, decision = act.intent, book.decide(act.intent)
    return Judged(
        intent.agent,
        intent.turn,
        intent.path,
        intent.at,
        intent.verb,
        intent.name,
        outcome_of(decision),
        decision.rules,
        decision.reasons,
        str((act.decided or {}).get("verdict", "allow")),
    )


def outcome_of(decision: Decision) -> str:
    """A decision in one word."""
    if decision.verdict is Verdict.DENY and decision.code == "gate.error":
        return "error"
    return decision.verdict.name.lower()
