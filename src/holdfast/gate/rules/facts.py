"""What a rule may look at in an intent: its names and types, and how each is found when it is looked at.

Values cross into CEL one by one and are copied there, so only those that a rule in question names are handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from ...domain.intent import Count, Done, Intent
from ..provenance import trusted
from .expression.expression import LATE
from .expression.functions import PYTHON
from .expression.types import BOOL, DOUBLE, DYN, INT, STRING, TIMESTAMP, Type, list_of, map_of, record
from .history import times, total

if TYPE_CHECKING:
    from cel import Context

_TEXTS = list_of(STRING)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

VARIABLES: Mapping[str, Type] = {
    "who": record(
        dict.fromkeys(("agent", "name", "tenant", "key", "sender"), STRING) | {"chain": _TEXTS, "tags": map_of(STRING)}
    ),
    "verb": STRING,
    "name": STRING,
    "to": STRING,
    "args": map_of(DYN),
    "roles": record({name: list_of(DYN) for name in ("destination", "content", "amount", "count", "secret")}),
    "declared": record({"effects": BOOL, "trusted": BOOL}),
    "idempotent": BOOL,
    "labels": _TEXTS,
    "untrusted": BOOL,
    "endorsed": BOOL,
    "unendorsed": _TEXTS,
    "cost": DOUBLE,
    "goal": STRING,
    "at": TIMESTAMP,
    "hour": INT,
    "weekday": STRING,
    "date": STRING,
}
"""The variables of conditions."""

Lookup = Callable[..., Any]
"""A function that only reads, for conditions: trusted code of the operator."""


class Needs(msgspec.Struct, frozen=True):
    """What a group of expressions looks at: variables with the fields that are named (None for all of one), functions."""

    variables: tuple[tuple[str, frozenset[str] | None], ...] = ()
    functions: frozenset[str] = frozenset()

    @classmethod
    def of(cls, paths: Iterable[str], functions: Iterable[str]) -> Needs:
        """From paths such as ``args.amount`` and ``labels``."""
        fields: dict[str, set[str] | None] = {}
        for path in sorted(paths):
            root, _, part = path.partition(".")
            known = fields.setdefault(root, set())
            if not part:
                fields[root] = None
            elif known is not None:
                known.add(part)
        return cls(tuple((root, None if f is None else frozenset(f)) for root, f in fields.items()), frozenset(functions))


class Shared:
    """A CEL context that serves all intents of which the same is asked: making and filling one anew costs more than all that
    is asked of it.

    A variable is handed over again unless it is certain to be the same: texts, truths and sets of labels cannot change under
    our hands. Arguments can, so they always are."""

    __slots__ = ("_context", "_intent", "_last", "lookups", "needs", "zone")

    def __init__(self, needs: Needs, zone: str, lookups: Mapping[str, Lookup]) -> None:
        self.needs = needs
        self.zone = zone
        self.lookups = lookups
        self._context: Context | None = None
        self._last: dict[str, Any] = {}
        self._intent: Intent | None = None

    def filled(self, facts: Facts) -> Context:
        """The context for an intent. It is the next intent's, too: nobody may keep it."""
        context = self._context
        if context is None:
            context = self._new()
        self._intent = facts.intent
        last, self._last, self._context = self._last, {}, None  # whatever goes wrong below, nothing stale is left
        fresh: dict[str, Any] = {}
        for name, fields in self.needs.variables:
            if name in LATE:
                continue
            value = _MAKE[name](facts, fields, self.zone)
            if name not in _CERTAIN:
                fresh[name] = value
            elif name not in last or last[name] != value:
                last[name] = value
                fresh[name] = list(value) if name == "labels" else value
        try:
            context.update(fresh)
        except (ValueError, TypeError, OverflowError):
            # what CEL does not know (structs, dates without a zone, very large numbers) goes in as JSON would have it
            context.update({name: _plain(value) for name, value in fresh.items()})
        self._last, self._context = last, context
        return context

    def supply(self, facts: Facts, context: Context, name: str) -> None:
        """Hand over a variable that is only worked out for a rule that gets as far as to look at it."""
        fields = next((fields for known, fields in self.needs.variables if known == name), None)
        value = _MAKE[name](facts, fields, self.zone)
        try:
            context.update({name: value})
        except (ValueError, TypeError, OverflowError):
            context.update({name: _plain(value)})

    def _new(self) -> Context:
        from cel import Context

        functions = {name: self._function(name) for name in self.needs.functions}
        return Context({}, functions or None)

    @property
    def intent(self) -> Intent:
        """The one that functions are asked about."""
        assert self._intent is not None
        return self._intent

    def _function(self, name: str) -> Callable[..., Any]:
        lookup = self.lookups.get(name)
        if lookup is not None:
            asks = takes_intent(lookup)
            return lambda *args: _plain(lookup(self.intent, *args) if asks else lookup(*args))
        ours: dict[str, Callable[..., Any]] = {"times": self._times, "happened": self._happened, "total": self._total}
        return ours.get(name) or PYTHON[name]

    def _times(self, act: str, window: str) -> int:
        return times(self.intent, act, window)

    def _happened(self, act: str, window: str) -> bool:
        return times(self.intent, act, window) > 0

    def _total(self, act: str, path: str, window: str) -> float:
        return total(self.intent, act, path, window)


_CERTAIN = frozenset(("verb", "name", "to", "idempotent", "labels", "weekday", "date"))


class Facts:
    """One intent as the rules see it; made anew for each. ``shared`` are the contexts for it, by time zone."""

    __slots__ = ("_filled", "_supplied", "counts", "everyone", "intent", "shared")

    def __init__(self, intent: Intent, shared: Mapping[str, Shared], everyone: Iterable[Done] | None = None) -> None:
        self.intent = intent
        self.shared = shared
        self.everyone = everyone
        self.counts: list[Count] = []
        self._filled: dict[str, Context] = {}
        self._supplied: set[tuple[str, str]] | None = None

    def context(self, zone: str, late: tuple[str, ...] = ()) -> Context:
        """The same values as CEL takes them; with these of ``LATE``."""
        found = self._filled.get(zone)
        if found is None:
            found = self._filled[zone] = self.shared[zone].filled(self)
        for name in late:
            if self._supplied is None:
                self._supplied = set()
            if (zone, name) not in self._supplied:
                self.shared[zone].supply(self, found, name)
                self._supplied.add((zone, name))
        return found

    def value(self, path: tuple[str, ...], zone: str = "UTC") -> Any:
        """One value by its path. Raises ``KeyError``."""
        root = path[0]
        found = _MAKE[root](self, frozenset(path[1:2]) or None, zone)
        for part in path[1:]:
            found = found[part]
        return found


def takes_intent(lookup: Lookup) -> bool:
    """Whether a lookup function wants the intent first, to know who asks."""
    return getattr(lookup, "__code__", None) is not None and lookup.__code__.co_varnames[:1] == ("intent",)


def _who(facts: Facts, fields: frozenset[str] | None, zone: str) -> Any:
    intent = facts.intent
    parts = intent.agent.split("/", 2) if intent.agent else ("", "", "")
    every = {
        "agent": intent.agent,
        "tenant": parts[0],
        "name": parts[1],
        "key": parts[2],
        "sender": intent.sender,
        "chain": intent.chain,
        "tags": intent.tags,
    }
    return every if fields is None else {name: every[name] for name in fields}


def _args(facts: Facts, fields: frozenset[str] | None, zone: str) -> Any:
    given = facts.intent.arguments
    found = given if fields is None else {name: given[name] for name in fields if name in given}
    for name, value in found.items():
        if type(value) is float and value != value:  # NaN is neither over a limit nor under it, so no limit would hold
            raise TypeError(f"{name} is not a number")
    return found


def by_role(intent: Intent, role: str) -> list[Any]:
    """The values of arguments with a role; lists of them one by one."""
    given = intent.arguments
    found: list[Any] = []
    for name, its in intent.declared.roles.items():
        if its == role and name in given:
            value = given[name]
            found += value if isinstance(value, list | tuple) else [value]  # pyright: ignore[reportUnknownArgumentType]
    if role == "destination":
        if intent.verb == "publish":
            found.append(intent.name)
        elif intent.to:
            found.append(intent.to)
    return found


def _roles(facts: Facts, fields: frozenset[str] | None, zone: str) -> Any:
    names = VARIABLES["roles"].fields if fields is None else fields
    return {role: by_role(facts.intent, role) for role in names}


def _declared(facts: Facts, fields: frozenset[str] | None, zone: str) -> Any:
    return {"effects": facts.intent.declared.effects, "trusted": facts.intent.declared.trusted}


def untrusted(intent: Intent) -> bool:
    """Whether any argument carries data that nobody vouches for."""
    return any(not _vouched(intent, value) for value in intent.arguments.values())


def unendorsed(intent: Intent) -> list[str]:
    """The destinations that nobody vouches for."""
    return [str(value) for value in by_role(intent, "destination") if not _vouched(intent, value)]


def _vouched(intent: Intent, value: Any) -> bool:
    """Whether a value comes from data that may be believed, or is in the words of somebody who may be."""
    sources = intent.sources
    if sources is None:
        return trusted(intent.labels)
    return trusted(sources.labels_of(value)) or bool(sources.endorsed(value))


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _local(facts: Facts, zone: str) -> datetime:
    return datetime.fromtimestamp(facts.intent.at / 1000, UTC if zone == "UTC" else _zone(zone))


def _of(attribute: str) -> Callable[[Facts, frozenset[str] | None, str], Any]:
    def get(facts: Facts, fields: frozenset[str] | None, zone: str) -> Any:
        return getattr(facts.intent, attribute)

    return get


_MAKE: Mapping[str, Callable[[Facts, frozenset[str] | None, str], Any]] = {
    "who": _who,
    "args": _args,
    "roles": _roles,
    "declared": _declared,
    **{name: _of(name) for name in ("verb", "name", "to", "idempotent", "cost")},
    "goal": lambda facts, fields, zone: "" if facts.intent.sources is None else facts.intent.sources.words(),
    "labels": lambda facts, fields, zone: facts.intent.labels,
    "untrusted": lambda facts, fields, zone: untrusted(facts.intent),
    "unendorsed": lambda facts, fields, zone: unendorsed(facts.intent),
    "endorsed": lambda facts, fields, zone: not unendorsed(facts.intent),
    "at": lambda facts, fields, zone: _local(facts, zone),
    "hour": lambda facts, fields, zone: _local(facts, zone).hour,
    "weekday": lambda facts, fields, zone: _DAYS[_local(facts, zone).weekday()],
    "date": lambda facts, fields, zone: _local(facts, zone).strftime("%Y-%m-%d"),
}


def _plain(value: Any) -> Any:
    """A value as JSON would have it, but with moments as they are."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return float(value)
    if value is None or isinstance(value, str | int | float | bool | bytes):
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return _plain(dump(mode="json"))
    return _plain(msgspec.to_builtins(value, enc_hook=str))
