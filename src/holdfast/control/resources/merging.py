"""Three-way merge: what was applied last, what is there now, what is wanted.

What only the files changed is changed; what only somebody else changed stays, and is shown as drift; what both changed to
different things is a conflict, and nobody's word is lost in silence. Lists are one value, unless all of their items have
names (the rules of a policy): then they are merged item by item.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING: Any = _Missing()


class Difference(msgspec.Struct, frozen=True):
    """A place where two values differ; None for what is not there."""

    path: str
    before: Any = None
    after: Any = None


class Clash(msgspec.Struct, frozen=True):
    """A place that was changed here and there: what was applied last, what is there now, what is wanted."""

    path: str
    applied: Any = None
    live: Any = None
    wanted: Any = None


class Merged(msgspec.Struct):
    """``value`` is what is to be there; ``drift`` is what others changed since the last apply and what stays of it."""

    value: Any
    drift: list[Difference]
    clashes: list[Clash]


def merge(applied: Any, live: Any, wanted: Any, *, force: bool = False) -> Merged:
    """See the module. ``applied`` None: these files never said anything about it, so what they say now counts. With
    ``force`` the files' word counts wherever there is a difference."""
    base = live if applied is None else applied
    found = Merged(None, [], [])
    found.value = _merge(found, "", base, live, wanted, force)
    return found


def _merge(found: Merged, path: str, base: Any, live: Any, wanted: Any, force: bool) -> Any:
    if live in (wanted, base):
        return wanted
    if _mapping(base) and _mapping(live) and _mapping(wanted):
        return _merge_all(found, path, base, live, wanted, force)
    named = [_by_name(value) for value in (base, live, wanted)]
    if all(part is not None for part in named):
        first, second, third = (cast("dict[str, Any]", part) for part in named)
        return list(_merge_all(found, path, first, second, third, force).values())
    if base == wanted:
        found.drift.append(Difference(path, _shown(base), _shown(live)))
        return wanted if force else live
    if not force:
        found.clashes.append(Clash(path, _shown(base), _shown(live), _shown(wanted)))
    return wanted


def _merge_all(found: Merged, path: str, base: Any, live: Any, wanted: Any, force: bool) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for name in {**wanted, **live, **base}:
        parts = [part.get(name, MISSING) for part in (base, live, wanted)]
        value = _merge(found, f"{path}.{name}" if path else name, *parts, force=force)
        if value is not MISSING:
            merged[name] = value
    return merged


def differences(before: Any, after: Any, path: str = "") -> list[Difference]:
    """Where two values differ, as deep as they are mappings or lists of named items."""
    if before == after:
        return []
    one, other = _parts(before), _parts(after)
    if one is None or other is None:
        return [Difference(path, _shown(before), _shown(after))]
    found: list[Difference] = []
    for name in {**one, **other}:
        found += differences(one.get(name, MISSING), other.get(name, MISSING), f"{path}.{name}" if path else name)
    return found or [Difference(path, _shown(before), _shown(after))]  # the same items in another order


def _mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _parts(value: Any) -> dict[str, Any] | None:
    """What a value has by names, if it has."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else _by_name(value)


def _by_name(value: Any) -> dict[str, Any] | None:
    """A list of items that all have names of their own, by name."""
    if not isinstance(value, list) or not value:
        return None
    named: dict[str, Any] = {}
    for item in cast("list[Any]", value):
        name: Any = cast("dict[str, Any]", item).get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or name in named:
            return None
        named[name] = item
    return named


def _shown(value: Any) -> Any:
    return None if value is MISSING else value
