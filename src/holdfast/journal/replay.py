"""The replay machine: matches what a handler asks for with what its journal has, by structure.

A step is found by its path in the turn's task tree and must agree in verb and name; arguments are free to differ, so a
clock reading or a random id in them does no harm. Results come back in the order in which they were journaled, so that
concurrent branches meet in the same order as the first time. The machine does no I/O and knows no loop: it hands out
positions, and tells through ``deliver`` which waiting path may go on.

    asked, recorded, at the cursor      -> answered at once
    asked, recorded, after the cursor   -> parked until the cursor gets there
    asked, recorded, intent only        -> the step goes on where it was: waiting, or in doubt
    asked, not recorded                 -> live
    asked, recorded with another name   -> Nondeterminism
    turn over, entries never asked for  -> Nondeterminism
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from msgspec import Raw

from ..domain.entry import EntryKind, StoredEntry
from ..domain.errors import Nondeterminism

RECOVER = "recover"
"""The verb of a note: the turn goes on after the worker that had it died."""

STEER = "steer"
"""The verb of a note: what a person said to the turn while it was under way."""


class Recorded:
    """What the journal knows of one step. ``order`` is the result's place among all results, -1 without a result;
    ``changed`` is what a rule made of its arguments when it was let through, None if they stayed as they were."""

    __slots__ = ("changed", "intent", "order", "path", "result")

    def __init__(self, path: str) -> None:
        self.path = path
        self.intent: StoredEntry | None = None
        self.result: StoredEntry | None = None
        self.changed: Any = None
        self.order = -1


class Replay:
    """The recorded part of one turn."""

    __slots__ = (
        "_asked",
        "_cancels",
        "_cursor",
        "_order",
        "attempt",
        "begin",
        "crashes",
        "notes",
        "parked",
        "steps",
        "words",
    )

    def __init__(self) -> None:
        self.steps: dict[str, Recorded] = {}
        self._order: list[str] = []
        self._cancels: dict[int, tuple[tuple[str, ...], Raw]] = {}
        self._cursor = 0
        self.parked: dict[int, str] = {}
        self._asked: set[str] = set()
        self.begin: StoredEntry | None = None
        self.attempt = 1
        self.notes: dict[str, list[StoredEntry]] = {}
        """What was noted beside steps: questions to people who may let them pass, and their answers."""
        self.words: list[StoredEntry] = []
        """What people said to it, in order."""
        self.crashes = 0
        """How many workers in a row died with this turn before it got any further."""

    @classmethod
    def of(cls, entries: Iterable[StoredEntry]) -> Replay:
        """Read the entries of one turn, oldest first."""
        self = cls()
        for entry in entries:
            if entry.begin is not None and self.begin is None:
                self.begin = entry
            kind = entry.kind
            if kind == EntryKind.NOTE and entry.verb == STEER:
                self.words.append(entry)
                continue
            self.crashes = self.crashes + 1 if kind == EntryKind.NOTE and entry.verb == RECOVER else 0
            if kind == EntryKind.STEP or kind == EntryKind.RESULT or kind == EntryKind.INTENT:
                step = self.steps.get(entry.path)
                if step is None:
                    step = self.steps[entry.path] = Recorded(entry.path)
                if kind == EntryKind.INTENT:
                    step.intent = entry
                    if isinstance(entry.decision, dict):
                        step.changed = entry.decision.get("args", step.changed)  # pyright: ignore[reportUnknownMemberType]
                else:
                    step.result = entry
                    step.order = len(self._order)
                    self._order.append(entry.path)
            elif kind == EntryKind.CANCEL:
                self._cancels[len(self._order)] = (tuple(entry.name.split(" ")) if entry.name else (), entry.detail)
                self._order.append("")
            elif kind == EntryKind.NOTE and entry.path:
                self.notes.setdefault(entry.path, []).append(entry)
            elif kind == EntryKind.RETRY:
                self._forget_failures()
        return self

    def _forget_failures(self) -> None:
        """A retry goes on from the last good step: what failed or was called off, and a cancellation, did not happen. Only
        an effect that was begun and must not be repeated stays in doubt."""
        self.attempt += 1
        keep = [p for p in self._order if p and (r := self.steps[p].result) is not None and r.failure is None]
        self.steps = {p: s for p, s in self.steps.items() if _stays(s)}
        for place, path in enumerate(keep):
            self.steps[path].order = place
        self._order = keep
        self._cancels.clear()

    @property
    def over(self) -> bool:
        """Whether every recorded result has been handed out."""
        return self._cursor >= len(self._order)

    def ask(self, path: str, verb: str, name: str) -> Recorded | None:
        """What the journal has for a step; None if the step is live. Raises ``Nondeterminism``."""
        self._asked.add(path)
        found = self.steps.get(path)
        if found is None:
            return None
        entry = found.intent or found.result
        assert entry is not None
        if entry.verb != verb or entry.name != name:
            raise Nondeterminism(
                "turn.diverged",
                f"The handler asked for {verb} {name!r} as step {path}, but its journal has {entry.verb} {entry.name!r} "
                f"there{_where()}. The turn was stopped; nothing was repeated. Run it on the version it began with "
                "(holdfast versions), or, if the change is meant, kill it or start it anew (holdfast turns retry).",
                path=path,
                asked=f"{verb} {name}",
                recorded=f"{entry.verb} {entry.name}",
                line=_where().removeprefix(" (").removesuffix(")"),
            )
        return found

    def verb_at(self, path: str) -> str:
        """The verb of the step that the journal has there; empty if it has none."""
        found = self.steps.get(path)
        entry = (found.intent or found.result) if found is not None else None
        return "" if entry is None else entry.verb

    def meet(self, path: str) -> None:
        """The handler is about to come to this step, and waits before it."""
        self._asked.add(path)

    def at_cursor(self, recorded: Recorded) -> bool:
        """Whether a recorded result may be handed out now. If so the cursor moves on; if not, the path is parked until
        ``deliverable`` names it."""
        if recorded.order <= self._cursor:
            self._cursor = max(self._cursor, recorded.order + 1)
            return True
        self.parked[recorded.order] = recorded.path
        return False

    def deliverable(self) -> str | None:
        """The parked path whose turn it is now, if any; the cursor moves past it."""
        path = self.parked.pop(self._cursor, None)
        if path is not None:
            self._cursor += 1
        return path

    def skip(self) -> str | None:
        """The first parked path although something before it was never asked for (nothing else moves any more)."""
        if not self.parked:
            return None
        self._cursor = min(self.parked)
        return self.deliverable()

    def cancel_now(self) -> tuple[tuple[str, ...], Raw] | None:
        """If cancellation was delivered at the cursor and every step that was open then is asked for again: those steps,
        and what the journal says of the cancellation."""
        found = self._cancels.get(self._cursor)
        if found is None or not self._asked.issuperset(found[0]):
            return None
        del self._cancels[self._cursor]
        self._cursor += 1
        return found

    def check_over(self) -> None:
        """The handler has returned: everything recorded must have been asked for."""
        for path, step in self.steps.items():
            if path not in self._asked:
                entry = step.intent or step.result
                assert entry is not None
                raise Nondeterminism(
                    "turn.diverged",
                    f"The handler ended without asking for step {path}, {entry.verb} {entry.name!r}, which its journal "
                    "has. The turn was stopped. Run it on the version it began with (holdfast versions), or start it "
                    "anew (holdfast turns retry).",
                    path=path,
                    asked="end",
                    recorded=f"{entry.verb} {entry.name}",
                )


def _stays(step: Recorded) -> bool:
    if step.result is not None:
        return step.result.failure is None
    return step.intent is not None and step.intent.verb in ("run", "tool")


def _where() -> str:
    """The line of the handler that asks, as `` (file:line)``."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(("holdfast.", "asyncio.")) or module.startswith("holdfast.examples"):
            return f" ({frame.f_code.co_filename}:{frame.f_lineno})"
        frame = frame.f_back
    return ""
