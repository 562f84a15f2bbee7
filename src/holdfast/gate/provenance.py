"""Where values came from, one by one, as the runtime saw them come.

A turn hands every value that it reads to ``Heard`` together with its labels: its message, results of steps, answers of other
agents, state. A value that is asked about later either is one of those (as a whole, or as a leaf of one), and then carries
that one's labels; or somebody computed it, and then it may be made of anything that was read: it carries the join of all.

What is vouched for is found by looking among what is *trusted*, never by looking for traces of what is not: an attacker who
encodes an instruction escapes the second, but cannot put words into the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..domain.labels import MODEL, NONE, PERSON, QUARANTINE, SEALED, UNTRUSTED, USER
from ..journal.codec import Raw, decode_any
from .dates import forms_of
from .words import all_of_them, name_stems

_WORD = re.compile(r"\w", re.UNICODE)
_SPACES = re.compile(r"\s+")
_MOST_LEAVES = 200_000
_SHORTEST_NAME = 3
_LONGEST_FIELD = 200
"""Longer leaves are somebody's prose, not a field that names something."""


NAMED, NARROWED = "named", "narrowed"
_STRENGTH = ("", NARROWED, NAMED)
_WILL = (USER, PERSON)


def trusted(labels: frozenset[str]) -> bool:
    """Whether data with these labels may be believed. What is of unknown origin may not."""
    return bool(labels) and UNTRUSTED not in labels


def vouches(labels: frozenset[str]) -> bool:
    """Whether data with these labels can stand for somebody's will or for a fact: what a model wrote is neither, even if
    it read nothing untrusted; what came out of a quarantine is a stranger's choice among few."""
    return trusted(labels) and not any(label.startswith((MODEL, QUARANTINE)) for label in labels)


class Heard:
    """``Sources`` of one turn."""

    __slots__ = ("_all", "_leaves", "_new", "_records", "_said", "_texts", "_untrusted", "_vouched")

    def __init__(self) -> None:
        self._new: list[tuple[Any, frozenset[str], str, str]] = []
        self._all: frozenset[str] = NONE
        self._leaves: dict[Any, frozenset[str]] = {}
        self._vouched: dict[Any, str] = {}
        self._texts: list[tuple[str, str]] = []
        self._untrusted: list[str] = []
        self._said: list[str] = []
        self._records: dict[Any, list[tuple[frozenset[Any], str]]] = {}

    def add(self, value: Any, labels: Iterable[str], *, wanted: str = "", name: str = "") -> None:
        """The turn has read this value (plain, or still encoded), under this name. ``wanted`` says how much the
        principal meant what was looked up (``found_by``). A sealed value was not read: it is known by its labels where it
        turns up, and nothing else is made of it."""
        self._new.append((value, labels if isinstance(labels, frozenset) else frozenset(labels), wanted, name))

    def found_by(self, arguments: Iterable[Any]) -> str:
        """How much the principal meant what a lookup with these arguments finds: their own words name it, if it finds one
        thing; a listing of everything, or words found on the way, only narrow it down; a stranger's words do not."""
        given = [value for value in arguments if value not in (None, "", [], {})]
        best = [NAMED if self.endorsed(value) else self.referred(value) for value in given]
        return min(best, key=_STRENGTH.index, default=NARROWED)

    # -- what rules ask -----------------------------------------------------------------------------------------

    def labels_of(self, value: Any) -> frozenset[str]:
        """See ``Sources``."""
        self._take_in()
        found: frozenset[str] | None = None
        for leaf in leaves(value):
            labels = self._leaves.get(key_of(leaf))
            if labels is None:
                return self._all
            found = labels if found is None else found | labels
        return self._all if found is None else found

    def endorsed(self, value: Any) -> str:
        """See ``Sources``. A value with parts is vouched for if all its parts are."""
        self._take_in()
        by = ""
        for leaf in leaves(value):
            if leaf is None or isinstance(leaf, bool) or leaf == "":
                by = by or "constant"
                continue
            by = self._vouched.get(key_of(leaf), "") or self._in_texts(leaf)
            if not by:
                return ""
        return by

    def referred(self, value: Any) -> str:
        """See ``Sources``. The principal named the record: by one of its other fields, or by what it was looked up with. A
        stranger can write prose into a record, but the prose is one field and does not become another."""
        words = self.words()
        found = [leaf for leaf in leaves(value) if leaf is not None and not isinstance(leaf, bool) and leaf != ""]
        best = [NAMED if self.endorsed(leaf).partition(":")[0] in _WILL else self._in_record(leaf, words) for leaf in found]
        return min(best, key=_STRENGTH.index, default="")

    def copied(self, value: Any) -> bool:
        """See ``Sources``."""
        self._take_in()
        return all(key_of(leaf) in self._leaves or self._was_read(leaf) for leaf in leaves(value))

    def words(self) -> str:
        """See ``Sources``."""
        if self._new:
            self._take_in()
        return "\n".join(self._said)

    # -- taking in ----------------------------------------------------------------------------------------------

    def _in_record(self, leaf: Any, words: str) -> str:
        best = ""
        for others, wanted in self._records.get(key_of(leaf), ()):
            if wanted == NAMED or _named(others, words):
                return NAMED
            best = best or wanted
        return best

    def _was_read(self, leaf: Any) -> bool:
        wanted = flat(str(leaf))
        return bool(self._in_texts(leaf)) or any(has(text, wanted) for text in self._untrusted)

    def _in_texts(self, leaf: Any) -> str:
        """Whether a trusted text has this value as whole words in it."""
        wanted = flat(str(leaf))
        if not wanted or not _WORD.search(wanted):
            return ""
        forms = forms_of(wanted) or (wanted,)
        return next((by for text, by in self._texts if any(has(text, form) for form in forms)), "")

    def _take_in(self) -> None:
        new, self._new = self._new, []
        for given, labels, wanted, name in new:
            value = decode_any(given) if isinstance(given, (Raw, bytes)) else given
            if SEALED in labels:
                for leaf in leaves(value):
                    self._leaves.setdefault(key_of(leaf), labels - {SEALED})
                continue
            self._all = self._all | labels
            vouched = by_whom(labels) if vouches(labels) else ""
            for leaf in leaves(value):
                self._take_leaf(leaf, labels, vouched)
            if all_of_them(self.words(), name):
                self._take_records(value, NAMED)
            else:
                self._take_records(value, wanted if wanted != NAMED or _alone(value) else NARROWED)

    def _take_leaf(self, leaf: Any, labels: frozenset[str], vouched: str) -> None:
        key = key_of(leaf)
        known = self._leaves.get(key)
        if len(self._leaves) < _MOST_LEAVES and (known is None or (trusted(labels) and not trusted(known))):
            self._leaves[key] = labels
        is_text = isinstance(leaf, str) and " " in leaf.strip()
        if vouched:
            self._vouched.setdefault(key, vouched)
            if is_text:
                self._texts.append((flat(leaf), vouched))
            if isinstance(leaf, str) and vouched.partition(":")[0] in _WILL:
                self._said.append(flat(leaf))
        elif is_text:
            self._untrusted.append(flat(leaf))

    def _take_records(self, value: Any, wanted: str) -> None:
        if isinstance(value, list) and value and not any(isinstance(v, (Mapping, list)) for v in value):  # pyright: ignore[reportUnknownVariableType]
            for leaf in value:  # pyright: ignore[reportUnknownVariableType]
                self._records.setdefault(key_of(leaf), []).append((frozenset(), wanted))
        for record in records(value):
            fields = frozenset(key_of(leaf) for leaf in record if len(str(leaf)) <= _LONGEST_FIELD)
            for field in fields:
                self._records.setdefault(field, []).append((fields - {field}, wanted))


def _alone(value: Any) -> bool:
    """Whether a lookup found one thing, and not several to choose from."""
    if isinstance(value, list):
        return len(value) == 1  # pyright: ignore[reportUnknownArgumentType]
    return not isinstance(value, Mapping) or len([r for r in records(value) if r]) == 1


def by_whom(labels: frozenset[str]) -> str:
    """The label that vouches, in one word."""
    return USER if USER in labels else min(labels)


def records(value: Any) -> Iterator[list[Any]]:
    """The records in a value: of every mapping, the plain values of its fields."""
    if isinstance(value, Mapping):
        fields: list[Any] = []
        for part in value.values():  # pyright: ignore[reportUnknownVariableType]
            inner = list(records(part))
            yield from inner
            if not inner:
                fields.extend(leaves(part))
        yield fields
    elif isinstance(value, (list, tuple)):
        for part in value:  # pyright: ignore[reportUnknownVariableType]
            yield from records(part)


def leaves(value: Any) -> Iterator[Any]:
    """The plain values in a value."""
    if isinstance(value, Mapping):
        for part in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from leaves(part)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for part in value:  # pyright: ignore[reportUnknownVariableType]
            yield from leaves(part)
    elif hasattr(value, "__struct_fields__"):
        for name in value.__struct_fields__:
            yield from leaves(getattr(value, name))
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        yield from leaves(vars(value))
    else:
        yield value


def key_of(leaf: Any) -> Any:
    """What makes two leaves the same."""
    if isinstance(leaf, str):
        return flat(leaf)
    if isinstance(leaf, bool) or leaf is None:
        return leaf
    if isinstance(leaf, float):
        return f"{leaf:g}"
    return leaf if isinstance(leaf, bytes) else str(leaf)


def flat(text: str) -> str:
    """Text without what does not matter."""
    return _SPACES.sub(" ", text).strip().casefold()


def has(text: str, wanted: str) -> bool:
    """Whether a text has these words in it, as whole words."""
    at = text.find(wanted) if wanted else -1
    while at >= 0:
        end = at + len(wanted)
        if not _inside(text[max(at - 1, 0) : at], wanted[0]) and not _inside(wanted[-1], text[end : end + 1]):
            return True
        at = text.find(wanted, at + 1)
    return False


def _named(fields: frozenset[Any], words: str) -> bool:
    """Whether the principal named a record by one of its fields: in the very words, or in all words that make it up."""
    said = name_stems(words)
    for field in fields:
        if not isinstance(field, str) or len(field) < _SHORTEST_NAME:
            continue
        name = name_stems(field)
        if (name and name <= said and sum(map(len, name)) > _SHORTEST_NAME) or any(has(words, f) for f in forms_of(field)):
            return True
        if has(words, field):
            return True
    return False


def _inside(left: str, right: str) -> bool:
    """Whether the place between two characters is inside a word."""
    return bool(_WORD.match(left) and _WORD.match(right))
