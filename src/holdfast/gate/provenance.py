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

from ..domain.labels import MODEL, NONE, PERSON, UNTRUSTED, USER
from ..journal.codec import Raw, decode_any

_WORD = re.compile(r"\w", re.UNICODE)
_SPACES = re.compile(r"\s+")
_MOST_LEAVES = 200_000
_SHORTEST_NAME = 3
_LONGEST_FIELD = 200
"""Longer leaves are somebody's prose, not a field that names something."""


def trusted(labels: frozenset[str]) -> bool:
    """Whether data with these labels may be believed. What is of unknown origin may not."""
    return bool(labels) and UNTRUSTED not in labels


def vouches(labels: frozenset[str]) -> bool:
    """Whether data with these labels can stand for somebody's will or for a fact: what a model wrote is neither, even if
    it read nothing untrusted."""
    return trusted(labels) and not any(label.startswith(MODEL) for label in labels)


class Heard:
    """``Sources`` of one turn."""

    __slots__ = ("_all", "_leaves", "_new", "_records", "_said", "_texts", "_untrusted", "_vouched")

    def __init__(self) -> None:
        self._new: list[tuple[Any, frozenset[str], bool]] = []
        self._all: frozenset[str] = NONE
        self._leaves: dict[Any, frozenset[str]] = {}
        self._vouched: dict[Any, str] = {}
        self._texts: list[tuple[str, str]] = []
        self._untrusted: list[str] = []
        self._said: list[str] = []
        self._records: dict[Any, list[tuple[frozenset[Any], bool]]] = {}

    def add(self, value: Any, labels: Iterable[str], *, wanted: bool = False) -> None:
        """The turn has read this value (plain, or still encoded). ``wanted`` says that it was found with the principal's own
        words, so that its records are what they meant."""
        self._new.append((value, labels if isinstance(labels, frozenset) else frozenset(labels), wanted))

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

    def referred(self, value: Any) -> bool:
        """See ``Sources``. The principal named the record: by one of its other fields, or by what it was looked up with. A
        stranger can write prose into a record, but the prose is one field and does not become another."""
        self._take_in()
        found = [leaf for leaf in leaves(value) if leaf is not None and not isinstance(leaf, bool) and leaf != ""]
        words = self.words()
        return bool(found) and all(self.endorsed(leaf) or self._in_named_record(leaf, words) for leaf in found)

    def copied(self, value: Any) -> bool:
        """See ``Sources``."""
        self._take_in()
        return all(key_of(leaf) in self._leaves or self._was_read(leaf) for leaf in leaves(value))

    def words(self) -> str:
        """See ``Sources``."""
        self._take_in()
        return "\n".join(self._said)

    # -- taking in ----------------------------------------------------------------------------------------------

    def _in_named_record(self, leaf: Any, words: str) -> bool:
        return any(wanted or _named(others, words) for others, wanted in self._records.get(key_of(leaf), ()))

    def _was_read(self, leaf: Any) -> bool:
        wanted = flat(str(leaf))
        return bool(self._in_texts(leaf)) or any(has(text, wanted) for text in self._untrusted)

    def _in_texts(self, leaf: Any) -> str:
        """Whether a trusted text has this value as whole words in it."""
        wanted = flat(str(leaf))
        if not wanted or not _WORD.search(wanted):
            return ""
        return next((by for text, by in self._texts if has(text, wanted)), "")

    def _take_in(self) -> None:
        new, self._new = self._new, []
        for given, labels, wanted in new:
            value = decode_any(given) if isinstance(given, (Raw, bytes)) else given
            self._all = self._all | labels
            vouched = by_whom(labels) if vouches(labels) else ""
            for leaf in leaves(value):
                self._take_leaf(leaf, labels, vouched)
            self._take_records(value, wanted)

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
            if isinstance(leaf, str) and vouched.partition(":")[0] in (USER, PERSON):
                self._said.append(flat(leaf))
        elif is_text:
            self._untrusted.append(flat(leaf))

    def _take_records(self, value: Any, wanted: bool) -> None:
        for record in records(value):
            fields = frozenset(key_of(leaf) for leaf in leaves(record) if len(str(leaf)) <= _LONGEST_FIELD)
            for field in fields:
                self._records.setdefault(field, []).append((fields - {field}, wanted))


def by_whom(labels: frozenset[str]) -> str:
    """The label that vouches, in one word."""
    return USER if USER in labels else min(labels)


def records(value: Any) -> Iterator[Mapping[str, Any]]:
    """The records in a value: mappings that hold no other mapping."""
    if isinstance(value, Mapping):
        parts: list[Any] = list(value.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        inner = [part for part in parts if any(True for _ in records(part))]
        if inner:
            for part in inner:
                yield from records(part)
        else:
            yield value  # pyright: ignore[reportUnknownVariableType]
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
    return any(isinstance(f, str) and len(f) >= _SHORTEST_NAME and has(words, f) for f in fields)


def _inside(left: str, right: str) -> bool:
    """Whether the place between two characters is inside a word."""
    return bool(_WORD.match(left) and _WORD.match(right))
