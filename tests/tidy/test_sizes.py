"""Files around 250 lines, functions around 40: these tests say where it is certainly too much."""

from __future__ import annotations

import ast
from pathlib import Path

from ground import shown, tracked

FILE_LINES = 600
FUNCTION_LINES = 70

# Named exceptions, with a reason each. These lists only get shorter.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base2", "misc"}


def test_no_file_is_longer_than_a_person_reads_at_once() -> None:
    long = {shown(path): lines for path in tracked("*.py", "dev", ".ci/run") if (lines := _lines(path)) > FILE_LINES}
    assert long.keys() <= LONG_FILES.keys(), f"over {FILE_LINES} lines, split them: {long}"
    assert LONG_FILES.keys() <= long.keys(), "no longer too long: take it off the list"


def test_no_function_is_longer_than_a_screen() -> None:
    long: dict[str, int] = {}
    for path in tracked("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, FUNCTIONS) and (lines := _own_lines(node)) > FUNCTION_LINES:
                long[f"{shown(path)}:{node.name}"] = lines
    assert long.keys() <= LONG_FUNCTIONS.keys(), f"over {FUNCTION_LINES} lines, split them: {long}"
    assert LONG_FUNCTIONS.keys() <= long.keys(), "no longer too long: take it off the list"


def test_every_module_has_a_name_that_says_what_is_in_it() -> None:
    empty = [shown(path) for path in tracked("*.py") if FORBIDDEN_NAMES & {path.stem, *path.parent.parts}]
    assert not empty, "named for nothing that they hold"


def test_every_module_says_why_it_exists() -> None:
    silent = [
        shown(path)
        for path in tracked("src/*.py", "tests/*.py", "benchmarks/*.py", "examples/*.py", "scripts/*.py")
        if (source := path.read_text(encoding="utf-8")).strip() and not ast.get_docstring(ast.parse(source))
    ]
    assert not silent, "a module opens with why it exists"


def _own_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Its lines without those of the functions defined in it, which are measured themselves."""
    lines = set(range(function.lineno, (function.end_lineno or function.lineno) + 1))
    for inner in ast.walk(function):
        if inner is not function and isinstance(inner, FUNCTIONS):
            lines -= set(range(inner.lineno, (inner.end_lineno or inner.lineno) + 1))
    return len(lines)


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
