"""One expression: its text, its program, and what it looks at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .check import Found, TypeProblem, check
from .syntax import Name, Node, Select, SyntaxProblem, parse
from .types import Type, fits

LATE = frozenset(("roles", "untrusted", "endorsed", "unendorsed", "goal"))
"""Variables that cost more than to be handed over: they are found by looking through all that a turn has read."""


class Problem(Exception):
    """What is wrong with an expression, and where in it: line and column from 1."""

    def __init__(self, message: str, text: str, at: int) -> None:
        before = text[:at]
        self.line = before.count("\n") + 1
        self.column = at - (before.rfind("\n") + 1) + 1
        self.message = message
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Expression:
    """See the module. ``path`` is set for an expression that only names a value (``args.amount``): no program runs then.
    ``late`` are the variables that are worked out only for who looks at them."""

    text: str
    program: Any
    found: Found
    path: tuple[str, ...] = ()
    late: tuple[str, ...] = ()

    def value(self, context: Any) -> Any:
        """Its value. Raises what CEL raises."""
        return self.program.execute(context)


def read(
    text: str, variables: Mapping[str, Type], wanted: Type, *, lookups: Iterable[str] = (), what: str = "a condition"
) -> Expression:
    """Compile and check. Raises ``Problem``."""
    import cel  # loaded for who has policies only

    try:
        tree = parse(text)
        found = check(tree, variables, lookups)
    except (SyntaxProblem, TypeProblem) as problem:
        raise Problem(problem.message, text, problem.at) from problem
    if not fits(found.type, wanted):
        raise Problem(f"{what} has to be a {wanted}; this is a {found.type}", text, 0)
    try:
        program = cel.compile(text)
    except Exception as error:
        raise Problem(str(error).split("\n")[0], text, 0) from error
    late = tuple(sorted({path.partition(".")[0] for path in found.paths} & LATE))
    return Expression(text, program, found, _path(tree), late)


def _path(tree: Node) -> tuple[str, ...]:
    names: list[str] = []
    while isinstance(tree, Select):
        names.append(tree.field)
        tree = tree.of
    return (tree.name, *reversed(names)) if isinstance(tree, Name) else ()
