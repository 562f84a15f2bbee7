"""The conditions of a rule, compiled: each says whether it holds, and in words why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

from ...domain.intent import Count, Done, Verdict
from .acts import Act, glob, is_glob
from .durations import milliseconds
from .expression import Expression
from .facts import Facts
from .history import Window, chosen, number, of_done, of_intent
from .words import Event


class Condition(Protocol):
    """A part of a rule."""

    def holds(self, facts: Facts) -> bool:
        """Whether it is so. May raise; the rule then denies."""
        ...

    def why(self, facts: Facts) -> str:
        """In words: what was looked at, and what was found."""
        ...


@dataclass(frozen=True, slots=True)
class When:
    """``when:`` and ``unless:``."""

    expression: Expression
    wanted: bool
    zone: str

    def holds(self, facts: Facts) -> bool:
        """See ``Condition``."""
        found = self.expression.program.execute(facts.context(self.zone, self.expression.late))
        if found is not True and found is not False:
            raise TypeError(f"{self.expression.text} is {found!r}, neither true nor false")
        return found is self.wanted

    def why(self, facts: Facts) -> str:
        """See ``Condition``."""
        found = self.expression.program.execute(facts.context(self.zone, self.expression.late))
        seen = [f"{path} is {_shown(facts, path)}" for path in sorted(self.expression.found.paths)]
        told = f" ({', '.join(seen)})" if seen else ""
        return f"{_in_short(self.expression.text)} is {str(found).lower()}{told}"


def _in_short(text: str, most: int = 160) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def _shown(facts: Facts, path: str) -> str:
    try:
        text = repr(facts.value(tuple(path.split("."))))
    except (KeyError, TypeError):
        return "not there"
    return text if len(text) <= 80 else text[:79] + "…"


@dataclass(frozen=True, slots=True)
class Happened:
    """``after:`` (``wanted`` true) and ``before:``."""

    event: Event
    wanted: bool
    reads: tuple[re.Pattern[str], ...]
    acts: tuple[Act, ...]
    same: tuple[tuple[str, str], ...]

    def holds(self, facts: Facts) -> bool:
        """See ``Condition``."""
        return self._is(facts) is self.wanted

    def why(self, facts: Facts) -> str:
        """See ``Condition``."""
        event = self.event
        what = f"read {event.read}" if event.read else f"failed {event.failed}" if event.failed else f"done {event.done}"
        often = f" {event.times} times" if event.times > 1 else ""
        where = f" within {event.within}" if event.within else f" in this {event.in_}" if event.in_ != "session" else ""
        return f"it has {'' if self._is(facts) else 'not '}{what}{often}{where}"

    def _is(self, facts: Facts) -> bool:
        event = self.event
        if self.reads and event.times <= 1 and not event.within and not event.with_args and self._reads(facts.intent.labels):
            return True
        window = Window(facts.intent, event.within or event.in_)
        if self.reads and event.times <= 1 and not event.with_args and not self.same:
            return self._reads(window.labels())
        found = [window.all()] if self.reads else [window.of(act) for act in self.acts]
        return sum(1 for some in found for done in some if self._fits(done, facts)) >= event.times

    def _reads(self, labels: frozenset[str]) -> bool:
        return any(pattern.match(label) for label in labels for pattern in self.reads)

    def _fits(self, done: Done, facts: Facts) -> bool:
        event = self.event
        if self.reads:
            if not self._reads(done.labels):
                return False
        elif done.failed is not (event.failed is not None):
            return False
        for name, wanted in event.with_args.items():
            if name not in done.arguments or not _like(done.arguments[name], wanted):
                return False
        ours = facts.intent.arguments
        return all(theirs in done.arguments and done.arguments[theirs] == ours[own] for theirs, own in self.same)


def _like(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, str) and is_glob(wanted):
        return isinstance(value, str) and glob(wanted).match(value) is not None
    return value == wanted


@dataclass(frozen=True, slots=True)
class Beyond:
    """``at_most:``: holds when this act would be one too many, or too much."""

    rule: str
    verdict: Verdict
    acts: tuple[Act, ...]
    limit: float
    amount: tuple[str, ...]
    window: str
    by: tuple[tuple[str, ...], ...]
    among_all: bool

    def holds(self, facts: Facts) -> bool:
        """See ``Condition``. Among all agents nobody can say here: that is counted in the store, before the effect."""
        if self.among_all and facts.everyone is None:
            facts.counts.append(self._count(facts))
            return False
        if not self.amount and not self.among_all:
            window = Window(facts.intent, self.window)
            if window.at_most() < self.limit:
                return False  # most limits are far away
        return self._so_far(facts) + self._this(facts) > self.limit

    def why(self, facts: Facts) -> str:
        """See ``Condition``."""
        if self.among_all and facts.everyone is None:
            return f"counted in the store: at most {self.limit:g} per {self.window}"
        so_far, this = self._so_far(facts), self._this(facts)
        return f"{so_far:g} so far and {this:g} now, of at most {self.limit:g} per {self.window}"

    def _this(self, facts: Facts) -> float:
        if not self.amount:
            return 1.0
        value = of_intent(self.amount, facts.intent)
        if value is None:
            raise TypeError(f"{'.'.join(self.amount)} is nothing")
        return number(value, ".".join(self.amount))

    def _so_far(self, facts: Facts) -> float:
        ours = [of_intent(path, facts.intent) for path in self.by]
        if self.among_all and facts.everyone is not None:
            begin = facts.intent.at - milliseconds(self.window)
            found = [d for act in self.acts for d in chosen(facts.everyone, act) if begin <= d.at < facts.intent.at]
        else:
            window = Window(facts.intent, self.window)
            found = [d for act in self.acts for d in window.of(act)]
        so_far = 0.0
        for done in found:
            if done.failed or any(of_done(path, done) != own for path, own in zip(self.by, ours, strict=True)):
                continue
            so_far += number(of_done(self.amount, done), ".".join(self.amount)) if self.amount else 1.0
        return so_far

    def _count(self, facts: Facts) -> Count:
        ours = [str(of_intent(path, facts.intent)) for path in self.by]
        tenant = facts.intent.agent.split("/", 1)[0]
        reason = f"at most {self.limit:g} per {self.window} among all agents"
        key = "|".join((tenant, self.rule, *ours))
        return Count(key, self._this(facts), self.limit, milliseconds(self.window), self.verdict, reason)


@dataclass(frozen=True, slots=True)
class NotSimulated:
    """``simulate_first:``: holds for a real act that was not simulated before."""

    argument: str
    value: Any
    within: str

    def holds(self, facts: Facts) -> bool:
        """See ``Condition``."""
        intent = facts.intent
        given = dict(intent.arguments)
        if given.pop(self.argument, None) == self.value:
            return False
        for done in Window(intent, self.within).of(Act("", frozenset((intent.verb,)), intent.name)):
            if done.to == intent.to and not done.failed:
                tried = dict(done.arguments)
                if tried.pop(self.argument, None) == self.value and tried == given:
                    return False
        return True

    def why(self, facts: Facts) -> str:
        """See ``Condition``."""
        so = "not simulated before" if self.holds(facts) else "itself a simulation, or simulated before"
        return f"it is {so} ({self.argument}: {self.value!r}, within {self.within})"
