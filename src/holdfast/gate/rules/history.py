"""Looking back: what an agent did, in windows that end now. Everything here reads ``Intent.past`` and nothing else.

A window that begins before what is remembered cannot be judged: that raises, and a rule that raises denies. What is asked
about the whole session is asked about what is remembered of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from math import inf
from typing import Any

from ...domain.intent import Done, Intent
from .acts import Act, read_act
from .durations import milliseconds

SCOPES = frozenset(("turn", "session"))


class NotRemembered(LookupError):
    """A rule looks back further than anybody remembers."""


class Remembered:
    """A ``Past`` made of a list: of a test, or of a recorded journal."""

    def __init__(self, done: Iterable[Done], since: int = 0) -> None:
        self.since = since
        self._done = sorted(done, key=lambda d: d.at)
        self._named: dict[tuple[str, str], list[Done]] = {}
        for one in self._done:
            self._named.setdefault((one.verb, one.name), []).append(one)
        self.labels = frozenset[str]().union(*(one.labels for one in self._done))

    def __iter__(self) -> Iterator[Done]:
        return iter(self._done)

    def __len__(self) -> int:
        return len(self._done)

    def named(self, verb: str, name: str) -> Collection[Done]:
        """See ``Past``."""
        return self._named.get((verb, name), ())


class Window:
    """What was done before an intent, in a length of time that ends now, or in its ``turn`` or ``session``.

    Raises ``NotRemembered`` if nobody kept the past, or not that far."""

    __slots__ = ("_past", "begin", "turn")

    def __init__(self, intent: Intent, window: str) -> None:
        past = intent.past
        if past is None:
            raise NotRemembered("what the agent did before is not at hand")
        self._past = past
        self.begin = 0
        self.turn = intent.turn if window == "turn" else None
        if window not in SCOPES:
            self.begin = intent.at - milliseconds(window)
            if past.since and self.begin < past.since:
                raise NotRemembered(f"what the agent did in the last {window} is not all remembered")

    def at_most(self) -> int:
        """Not more than so many are in it."""
        return len(self._past)

    def of(self, act: Act) -> Iterable[Done]:
        """What was such an act."""
        found: Iterable[Done] = self._past
        if act.verbs is not None and len(act.verbs) == 1 and act.exact:
            (verb,) = act.verbs
            found = self._past.named(verb, act.exact)
        return self._in(chosen(found, act))

    def labels(self) -> frozenset[str]:
        """What all of it brought in."""
        if not self.begin and self.turn is None:
            return self._past.labels
        return frozenset[str]().union(*{done.labels for done in self.all()})

    def all(self) -> Iterable[Done]:
        """Everything in it."""
        return self._in(self._past)

    def _in(self, done: Iterable[Done]) -> Iterable[Done]:
        if self.begin:
            begin = self.begin
            return [d for d in done if d.at >= begin]
        if self.turn is not None:
            return [d for d in done if d.turn == self.turn]
        return done


def chosen(done: Iterable[Done], act: Act) -> Iterable[Done]:
    """What was such an act. The kinds that rules mostly ask for go without a call for each."""
    verbs = act.verbs
    if act.to or act.sending or (act.name and not act.exact):
        return [d for d in done if act.was(d)]
    if act.name:
        name = act.name
        return [d for d in done if d.name == name and (verbs is None or d.verb in verbs)]
    if act.changing:
        return [d for d in done if d.effects and d.verb != "model" and (verbs is None or d.verb in verbs)]
    return done if verbs is None else [d for d in done if d.verb in verbs]


def at_path(path: tuple[str, ...], arguments: Mapping[str, Any], to: str, name: str, verb: str) -> Any:
    """A value of an action, present or past: ``args.customer.id``, ``to``, ``name`` or ``verb``. Raises ``KeyError``."""
    match path[0]:
        case "to":
            return to
        case "name":
            return name
        case "verb":
            return verb
        case _:
            found: Any = arguments
            for part in path[1:]:
                found = found[part]
            return found


def of_done(path: tuple[str, ...], done: Done) -> Any:
    """The same of something done; None if it has no such value."""
    try:
        return at_path(path, done.arguments, done.to, done.name, done.verb)
    except (KeyError, TypeError, IndexError):
        return None


def of_intent(path: tuple[str, ...], intent: Intent) -> Any:
    """The same of an intent. Raises ``KeyError``."""
    try:
        return at_path(path, intent.arguments, intent.to, intent.name, intent.verb)
    except (TypeError, IndexError) as error:
        raise KeyError(".".join(path)) from error


def read_path(text: str) -> tuple[str, ...]:
    """A path as it is written. Raises ``ValueError``."""
    parts = tuple(text.split("."))
    if (parts[0] == "args" and len(parts) > 1 and all(parts)) or parts in (("to",), ("name",), ("verb",)):
        return parts
    raise ValueError(f"{text!r} names no value of an action; write args.NAME, to, name or verb")


def times(intent: Intent, act: str, window: str) -> int:
    """How often it was done without failing, as conditions ask: ``times("tool refund", "1d")``."""
    return sum(1 for done in Window(intent, window).of(read_act(act)) if not done.failed)


def total(intent: Intent, act: str, path: str, window: str) -> float:
    """The sum of a value over what was done without failing."""
    where = read_path(path)
    found = (of_done(where, done) for done in Window(intent, window).of(read_act(act)) if not done.failed)
    return sum((number(value, path) for value in found), 0.0)


def number(value: Any, path: str) -> float:
    """A number from 0, or ``TypeError``; what has none counts nothing. One below 0 would make room for others."""
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
        raise TypeError(f"{path} is {value!r}, which is no number from 0")
    return float(value)
