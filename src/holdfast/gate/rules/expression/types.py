"""Types of CEL values, as far as they are known before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Type:
    """``name`` is CEL's; ``of`` is what a list or map holds; ``fields`` belong to a record, whose keys are all known."""

    name: str
    of: Type | None = None
    fields: Mapping[str, Type] = field(default_factory=dict[str, "Type"], hash=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name}({self.of})" if self.of is not None else self.name


DYN = Type("dyn")
BOOL, INT, UINT, DOUBLE = Type("bool"), Type("int"), Type("uint"), Type("double")
STRING, BYTES, NULL = Type("string"), Type("bytes"), Type("null")
TIMESTAMP, DURATION, TYPE = Type("timestamp"), Type("duration"), Type("type")
NUMBERS = frozenset(("int", "uint", "double"))


def list_of(of: Type) -> Type:
    """A list."""
    return Type("list", of)


def map_of(of: Type) -> Type:
    """A map from strings."""
    return Type("map", of)


def record(fields: Mapping[str, Type]) -> Type:
    """A map whose keys are known."""
    return Type("record", None, fields)


def fits(given: Type, wanted: Type) -> bool:
    """Whether a value may be given where another is wanted. What is not known fits everywhere."""
    if given.name == "dyn" or wanted.name == "dyn":
        return True
    if wanted.name == "map" and given.name == "record":
        return True
    if given.name != wanted.name:
        return False
    return given.of is None or wanted.of is None or fits(given.of, wanted.of)


def either(left: Type, right: Type) -> Type:
    """What a value is that is one of two."""
    return left if left == right else DYN
