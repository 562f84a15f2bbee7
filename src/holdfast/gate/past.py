"""What an agent did lately, for rules and baselines that look back: a reading of its journal, kept while it is in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, cast

import msgspec

from ..domain.address import TOPIC
from ..domain.entry import EntryKind, StoredEntry
from ..domain.intent import Done, named
from ..domain.labels import NONE, SEALED, join
from ..journal.codec import decode_any

VERBS = frozenset(("run", "tool", "model", "call", "send", "publish"))
"""What counts as an action. The rest is waiting, and the agent's own state."""
MESSAGES = frozenset(("call", "send", "publish"))
MOST = 2_000
_BEGINS = (EntryKind.STEP, EntryKind.INTENT)


class History:
    """``Past``, with what is under way in it: two actions side by side must see each other."""

    __slots__ = ("_done", "_named", "_unnumbered", "labels", "since")

    def __init__(self, since: int = 0) -> None:
        self._done: dict[tuple[int, str], Done] = {}
        self._named: dict[tuple[str, str], dict[tuple[int, str], Done]] = {}
        self._unnumbered: dict[int, list[str]] = {}
        self.labels = NONE
        self.since = since

    @classmethod
    def read(cls, entries: Iterable[tuple[int, StoredEntry]], *, whole: bool) -> History:
        """From journal entries with their turns, oldest first."""
        self = cls()
        for turn, entry in entries:
            if not self.since and not whole:
                self.since = entry.at
            if entry.verb not in VERBS:
                continue
            if entry.kind in _BEGINS:
                self.begin(turn, entry.path, done_of(turn, entry))
            if entry.kind in (EntryKind.STEP, EntryKind.RESULT):
                self.finish(turn, entry.path, entry.labels, entry.failure is not None)
        return self

    def begin(self, turn: int, path: str, done: Done) -> None:
        """An action was let through. A turn without a number yet has a negative one of its own."""
        if turn < 0:
            self._unnumbered.setdefault(turn, []).append(path)
        self._done[turn, path] = done
        self._named.setdefault((done.verb, done.name), {})[turn, path] = done
        if len(self._done) > MOST:
            turn, path = next(iter(self._done))
            self.since = max(self.since, self._done[turn, path].at + 1)
            self.forget(turn, path)

    def number(self, unnumbered: int, turn: int) -> None:
        """A turn has its number now: what it did before belongs to it."""
        for path in self._unnumbered.pop(unnumbered, ()):
            done = self._done.get((unnumbered, path))
            if done is not None:
                self.forget(unnumbered, path)
                self.begin(turn, path, msgspec.structs.replace(done, turn=turn))

    def finish(self, turn: int, path: str, labels: Iterable[str], failed: bool) -> Done | None:
        """It is over; what it brought in carries these labels."""
        done = self._done.get((turn, path))
        if done is not None:
            seen = frozenset(labels)
            if SEALED in seen:
                seen = NONE  # it was brought in, and nobody has read it
            done = self._done[turn, path] = msgspec.structs.replace(done, labels=seen, failed=failed)
            self._named[done.verb, done.name][turn, path] = done
            self.labels = join(self.labels, done.labels)
        return done

    def forget(self, turn: int, path: str) -> None:
        """It is about to be judged (again), or did not happen after all."""
        done = self._done.pop((turn, path), None)
        if done is not None:
            of = self._named[done.verb, done.name]
            del of[turn, path]
            if not of:
                del self._named[done.verb, done.name]

    def named(self, verb: str, name: str) -> Collection[Done]:
        """See ``Past``."""
        found = self._named.get((verb, name))
        return found.values() if found is not None else ()

    def __iter__(self) -> Iterator[Done]:
        return iter(self._done.values())

    def __len__(self) -> int:
        return len(self._done)


def done_of(turn: int, entry: StoredEntry) -> Done:
    """An action as its entry tells it."""
    detail: Any = decode_any(entry.detail)
    known = cast("dict[str, Any]", detail) if isinstance(detail, dict) else {}
    to, given = str(known.get("to", "")), given_in(entry.verb, detail)
    name = entry.name.rpartition(".")[2] if entry.verb in ("call", "send") else entry.name.removeprefix(TOPIC)
    return Done(
        entry.at,
        turn,
        "",
        entry.verb,
        name,
        to,
        given,
        frozenset(entry.labels),
        entry.failure is not None,
    )


def given_in(verb: str, detail: Any) -> dict[str, Any]:
    """The arguments that an entry's detail has, as the gate saw them: by name, or by place."""
    if not isinstance(detail, dict):
        return by_name(verb, detail)
    known = cast("dict[str, Any]", detail)
    if verb == "model":
        return by_name(verb, known.get("asked", known.get("args", {})))
    given = known.get("args", known)
    return {"0": given} if known.get("event") else by_name(verb, given, known.get("names", ()))


def by_name(verb: str, given: Any, names: Sequence[str] = ()) -> dict[str, Any]:
    """Arguments by name, positional ones by the name of their parameter, where it was recorded, or by their place."""
    if isinstance(given, dict):
        return {str(k): v for k, v in given.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(given, (list, tuple)):
        values: list[Any] = list(given)  # pyright: ignore[reportUnknownArgumentType]
        if verb == "tool" and len(values) == 1 and isinstance(values[0], dict):
            return {str(k): v for k, v in values[0].items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        if verb in MESSAGES and len(values) == 2 and isinstance(values[0], list) and isinstance(values[1], dict):
            return named(cast("list[Any]", values[0]), cast("dict[str, Any]", values[1]), names)
        return {str(i): v for i, v in enumerate(values)}
    return {} if given is None else {"0": given}
