"""Which error codes the source can raise, and which of them have no page: ``python scripts/error_codes.py``.

A code is found where it is written as a literal: the first argument of an error class, the second of ``Failure``, an
argument, a field or a default called ``code``. Codes are written as literals for
this reason, too: whoever meets ``store.in_use`` in a log finds the line and the page by searching for it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "holdfast"
PAGES = ROOT / "docs" / "errors"
SECTIONS = ("What happened", "Why", "What to do next")

CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\Z")


def error_classes() -> set[str]:
    """The names of ``HoldfastError`` and everything below it, wherever it is defined."""
    bases: dict[str, set[str]] = {}
    for _, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = {_last_name(base) for base in node.bases}
    found = {"HoldfastError"}
    while True:
        below = {name for name, above in bases.items() if above & found} | found
        if below == found:
            return found
        found = below


def raised() -> dict[str, list[str]]:
    """Every code, with the places (``turn/run.py:143``) where it is written."""
    classes = error_classes()
    found: dict[str, list[str]] = {}
    for path, tree in _trees():
        for node in ast.walk(tree):
            for literal in _codes_at(node, classes):
                place = f"{path.relative_to(SOURCE)}:{literal.lineno}"
                places = found.setdefault(str(literal.value), [])
                if place not in places:
                    places.append(place)
    return dict(sorted(found.items()))


def pages() -> set[str]:
    """Every code that has a page."""
    return {page.stem for page in PAGES.glob("*.md") if CODE.match(page.stem)}


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        if path.is_relative_to(SOURCE / "testing"):
            continue  # the contract suites compare codes, they make none
        yield path, ast.parse(path.read_text(encoding="utf-8"), str(path))


def _codes_at(node: ast.AST, classes: set[str]) -> Iterator[ast.Constant]:
    if isinstance(node, ast.Call):
        name = _last_name(node.func)
        if (name in classes or name == "__init__") and node.args:
            yield from _literals(node.args[0])
        if name == "Failure" and len(node.args) > 1:
            yield from _literals(node.args[1])
        if name == "error_of" and len(node.args) > 2:
            yield from _literals(node.args[2])
        for keyword in node.keywords:
            if keyword.arg == "code":
                yield from _literals(keyword.value)
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        arguments = [*node.args.posonlyargs, *node.args.args]
        defaults = node.args.defaults
        for argument, default in zip(arguments[len(arguments) - len(defaults) :], defaults, strict=True):
            if argument.arg == "code":
                yield from _literals(default)
    elif isinstance(node, ast.AnnAssign) and _last_name(node.target) == "code" and node.value is not None:
        yield from _literals(node.value)


def _literals(node: ast.expr) -> Iterator[ast.Constant]:
    """The codes in an expression that may choose between several."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and CODE.match(part.value):
            yield part


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def main() -> int:
    codes, documented = raised(), pages()
    for code, places in codes.items():
        if code not in documented:
            print(f"no page    {code:<24} {', '.join(places[:3])}")
    for code in sorted(documented - codes.keys()):
        print(f"no code    {code:<24} docs/errors/{code}.md")
    return 0 if codes.keys() == documented else 1


if __name__ == "__main__":
    sys.exit(main())
