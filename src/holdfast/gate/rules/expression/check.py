"""Whether an expression can mean anything: every name is known, every operator and function gets what it can work on.

What an argument of a tool holds is not known before it is there, so it fits everywhere; the rest has a type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from .functions import HISTORY, LISTS, SIGNATURES, arithmetic
from .syntax import Index, Invoke, Items, Literal, Name, Node, Pairs, Select
from .types import BOOL, BYTES, DOUBLE, DYN, INT, NULL, NUMBERS, STRING, TYPE, UINT, Type, either, fits, list_of, map_of

_LITERALS = {t.name: t for t in (BOOL, INT, UINT, DOUBLE, STRING, BYTES, NULL)}
_MARKS = ("||", "&&", "<", "<=", ">=", ">", "==", "!=", "in", "+", "-", "*", "/", "%", "?_:")
_OPERATORS = frozenset((*(f"_{mark}_" for mark in _MARKS), "!_", "-_"))
_TYPE_NAMES = frozenset(("int", "uint", "double", "string", "bool", "bytes", "list", "map"))


class TypeProblem(Exception):
    """An expression that can never work; ``at`` is the offset in its text."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message, self.at = message, at


@dataclass
class Found:
    """What an expression looks at: paths of two names at most (``args.amount``, ``args`` for all of them), and functions."""

    type: Type = DYN
    paths: set[str] = field(default_factory=set[str])
    functions: set[str] = field(default_factory=set[str])

    @property
    def looks_back(self) -> bool:
        """Whether it needs the past."""
        return bool(self.functions & HISTORY)


def check(tree: Node, variables: Mapping[str, Type], lookups: Iterable[str] = ()) -> Found:
    """What an expression is and looks at. Raises ``TypeProblem``."""
    found = Found()
    found.type = _Checker(variables, frozenset(lookups), found).type_of(tree, {})
    return found


class _Checker:
    def __init__(self, variables: Mapping[str, Type], lookups: frozenset[str], found: Found) -> None:
        self.variables = variables
        self.lookups = lookups
        self.found = found

    def type_of(self, node: Node, scope: Mapping[str, Type]) -> Type:
        match node:
            case Literal():
                return _LITERALS[node.kind]
            case Name():
                return self._name(node, scope)
            case Select():
                return self._select(node, scope)
            case Index():
                return self._index(node, scope)
            case Items():
                kinds = [self.type_of(item, scope) for item in node.items]
                return list_of(_joined(kinds))
            case Pairs():
                for key, _ in node.pairs:
                    self.type_of(key, scope)
                return map_of(_joined([self.type_of(value, scope) for _, value in node.pairs]))
            case Invoke():
                return self._invoke(node, scope)
            case _:
                raise TypeProblem("this cannot be used in a condition", node.at)

    def _name(self, node: Name, scope: Mapping[str, Type]) -> Type:
        if node.name in scope:
            return scope[node.name]
        if node.name in self.variables:
            self.found.paths.add(node.name)
            return self.variables[node.name]
        if node.name in _TYPE_NAMES:
            return TYPE
        raise TypeProblem(f"there is no {node.name!r}{_near(node.name, [*self.variables, *scope])}", node.at)

    def _select(self, node: Select, scope: Mapping[str, Type]) -> Type:
        if isinstance(node.of, Name) and node.of.name not in scope and node.of.name in self.variables:
            of = self.variables[node.of.name]
            self.found.paths.add(f"{node.of.name}.{node.field}" if of.name in ("record", "map") else node.of.name)
        else:
            of = self.type_of(node.of, scope)
        if of.name == "record":
            if node.field not in of.fields:
                owner = node.of.name if isinstance(node.of, Name) else "it"
                raise TypeProblem(f"{owner} has no {node.field!r}{_near(node.field, of.fields)}", node.at)
            return of.fields[node.field]
        if of.name == "map":
            return of.of or DYN
        if of.name == "dyn":
            return DYN
        raise TypeProblem(f"a {of} has no parts, so no {node.field!r}", node.at)

    def _index(self, node: Index, scope: Mapping[str, Type]) -> Type:
        by_name = isinstance(node.by, Literal) and node.by.kind == "string" and isinstance(node.of, Name)
        if by_name and isinstance(node.by, Literal):
            return self._select(Select(node.at, node.of, str(node.by.value)), scope)
        of, by = self.type_of(node.of, scope), self.type_of(node.by, scope)
        if of.name == "list":
            if not fits(by, INT):
                raise TypeProblem(f"a place in a list is a number, not a {by}", node.by.at)
            return of.of or DYN
        if of.name in ("map", "record", "dyn"):
            return of.of or DYN
        raise TypeProblem(f"a {of} has no parts", node.at)

    def _invoke(self, node: Invoke, scope: Mapping[str, Type]) -> Type:
        if node.name == "has" and node.target is None:
            return self._has(node, scope)
        if node.name in LISTS and node.target is not None:
            return self._macro(node, scope)
        if node.name in _OPERATORS:
            return self._operator(node, [self.type_of(arg, scope) for arg in node.args])
        self.found.functions.add(node.name)
        given = node.args if node.target is None else (node.target, *node.args)
        kinds = [self.type_of(arg, scope) for arg in given]
        if node.name in self.lookups:
            return DYN
        known = SIGNATURES.get(node.name)
        if known is None:
            near = _near(node.name, [*SIGNATURES, *LISTS, *self.lookups, "has"])
            raise TypeProblem(f"there is no function {node.name!r}{near}", node.at)
        for takes, gives in known:
            if len(takes) == len(kinds) and all(map(fits, kinds, takes)):
                return gives
        wanted = " or ".join(f"{node.name}({', '.join(map(str, takes))})" for takes, _ in known)
        raise TypeProblem(f"{node.name}({', '.join(map(str, kinds))}) does not work; write {wanted}", node.at)

    def _has(self, node: Invoke, scope: Mapping[str, Type]) -> Type:
        if len(node.args) != 1 or not isinstance(node.args[0], Select):
            raise TypeProblem("has() is asked about a part: has(args.amount)", node.at)
        self.type_of(node.args[0], scope)
        return BOOL

    def _macro(self, node: Invoke, scope: Mapping[str, Type]) -> Type:
        assert node.target is not None
        over = self.type_of(node.target, scope)
        if over.name not in ("list", "map", "record", "dyn"):
            raise TypeProblem(f"{node.name} goes over a list, not a {over}", node.at)
        if len(node.args) != 2 or not isinstance(node.args[0], Name):
            raise TypeProblem(f"write it as list.{node.name}(item, ...)", node.at)
        item = (over.of or DYN) if over.name == "list" else DYN if over.name == "dyn" else STRING
        inner = self.type_of(node.args[1], {**scope, node.args[0].name: item})
        if node.name == "map":
            return list_of(inner)
        if not fits(inner, BOOL):
            raise TypeProblem(f"{node.name} needs a condition, not a {inner}", node.args[1].at)
        return list_of(item) if node.name == "filter" else BOOL

    def _operator(self, node: Invoke, kinds: list[Type]) -> Type:
        name, first = node.name, kinds[0]
        if name in ("_&&_", "_||_", "!_"):
            for arg, kind in zip(node.args, kinds, strict=True):
                if not fits(kind, BOOL):
                    raise TypeProblem(f"{name.strip('_')} joins conditions; this is a {kind}", arg.at)
            return BOOL
        if name == "_?_:_":
            if not fits(first, BOOL):
                raise TypeProblem(f"before '?' stands a condition; this is a {first}", node.args[0].at)
            return either(kinds[1], kinds[2])
        if name == "-_":
            if first != DYN and first.name not in NUMBERS and first.name != "duration":
                raise TypeProblem(f"a {first} has no negative", node.at)
            return first
        second = kinds[1]
        if name == "_in_":
            return self._in(node, first, second)
        if name in ("_==_", "_!=_"):
            if not _comparable(first, second) and NULL not in (first, second):
                raise TypeProblem(f"a {first} never equals a {second}", node.at)
            return BOOL
        if name in ("_<_", "_<=_", "_>_", "_>=_"):
            if not _comparable(first, second) or {first.name, second.name} & {"list", "map", "record", "null"}:
                raise TypeProblem(f"a {first} cannot be compared with a {second}", node.at)
            return BOOL
        gives, word = arithmetic(name, first, second)
        if gives is None:
            raise TypeProblem(f"cannot {word} a {first} and a {second}", node.at)
        return gives

    def _in(self, node: Invoke, first: Type, second: Type) -> Type:
        if second.name not in ("list", "map", "record", "dyn"):
            raise TypeProblem(f"'in' looks into a list or a map, not a {second}", node.at)
        if second.name == "list" and second.of is not None and not _comparable(first, second.of):
            raise TypeProblem(f"a {first} is never in a {second}", node.at)
        return BOOL


def _comparable(left: Type, right: Type) -> bool:
    if left.name in NUMBERS and right.name in NUMBERS:
        return True
    return fits(left, right) or fits(right, left)


def _joined(kinds: list[Type]) -> Type:
    found = kinds[0] if kinds else DYN
    for kind in kinds[1:]:
        found = either(found, kind)
    return found


def _near(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = get_close_matches(name, names, 1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(names)}" if len(names) < 30 else ""
