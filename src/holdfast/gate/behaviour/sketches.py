"""Sketches of what is too much to keep: KLL for volumes, HLL for distinct destinations (Apache DataSketches).

The library takes a fifth of a second to load and is an extra (``behaviour``): it is loaded when the first value comes.
Without it volumes are not judged, and distinct destinations only as far as a small set counts them.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import msgspec

_KLL_K = 200
"""A rank is within 1.33% of the truth, in 4 KB."""
_HLL_LOG2 = 10
_SET = 64


@cache
def library() -> Any:
    """The library, or None where it is not installed."""
    try:
        return importlib.import_module("datasketches")
    except ImportError:
        return None


class VolumeRecord(msgspec.Struct, array_like=True):
    """A ``Volumes`` at rest."""

    n: int
    largest: float
    sketch: bytes


class Volumes:
    """How large values of one kind are."""

    __slots__ = ("_sketch", "largest", "n")

    def __init__(self) -> None:
        self.n = 0
        self.largest = 0.0
        found = library()
        self._sketch: Any = found.kll_doubles_sketch(_KLL_K) if found else None

    def add(self, value: float) -> None:
        """One more."""
        self.n += 1
        if value > self.largest:
            self.largest = value
        if self._sketch is not None:
            self._sketch.update(value)

    def quantile(self, rank: float) -> float:
        """The value below which this share of all lies; the largest without the library."""
        return self._sketch.get_quantile(rank) if self._sketch is not None and self.n else self.largest

    @property
    def judges(self) -> bool:
        """Whether quantiles mean anything."""
        return self._sketch is not None

    def merge(self, other: Volumes) -> None:
        """Take in what another one saw."""
        self.n += other.n
        self.largest = max(self.largest, other.largest)
        if self._sketch is not None and other._sketch is not None and other.n:
            self._sketch.merge(other._sketch)

    def record(self) -> VolumeRecord:
        """At rest."""
        return VolumeRecord(self.n, self.largest, self._sketch.serialize() if self._sketch is not None else b"")

    @classmethod
    def read(cls, record: VolumeRecord) -> Volumes:
        """Back again."""
        self = cls()
        self.n, self.largest = record.n, record.largest
        if record.sketch and self._sketch is not None:
            self._sketch = library().kll_doubles_sketch.deserialize(record.sketch)
        return self


class Distinct:
    """How many different things: exact while they are few."""

    __slots__ = ("_few", "_sketch")

    def __init__(self) -> None:
        self._few: set[int] | None = set()
        self._sketch: Any = None

    def add(self, digest: int) -> None:
        """One more, which may have been there."""
        if self._few is None:
            self._sketch.update(digest)
            return
        self._few.add(digest)
        if len(self._few) > _SET and (found := library()) is not None:
            self._sketch = found.hll_sketch(_HLL_LOG2, found.tgt_hll_type.HLL_4)
            for one in self._few:
                self._sketch.update(one)
            self._few = None

    def has(self, digest: int) -> bool:
        """Whether it is certainly there."""
        return self._few is not None and digest in self._few

    @property
    def count(self) -> int:
        """How many, about."""
        return len(self._few) if self._few is not None else round(self._sketch.get_estimate())
