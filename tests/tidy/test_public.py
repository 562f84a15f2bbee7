"""What is public is listed, sorted and there; what is inside does not reach for the outside."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from ground import ROOT, shown, tracked

SOURCE = ROOT / "src" / "holdfast"
MAY_IMPORT_THE_ROOT = {"cli", "testing", "examples"}


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _exports() -> list[tuple[str, list[str]]]:
    """Every module with an ``__all__``, and what it lists."""
    found: list[tuple[str, list[str]]] = []
    for path in tracked("src/*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
                found.append((_module(path), ast.literal_eval(node.value)))
    return found


@pytest.mark.parametrize(("module", "names"), _exports(), ids=lambda value: value if isinstance(value, str) else "")
def test_all_is_sorted_and_complete(module: str, names: list[str]) -> None:
    assert len(set(names)) == len(names)
    assert names == sorted(names, key=_like_ruff), "sort __all__ (./dev just fix)"
    loaded = importlib.import_module(module)
    assert [name for name in names if not hasattr(loaded, name)] == []


def test_nothing_inside_imports_the_public_root() -> None:
    """``import holdfast`` inside would be a cycle that the layers do not see."""
    wrong: list[str] = []
    for path in tracked("src/holdfast/*.py"):
        room = path.relative_to(SOURCE).parts[0]
        if (path.parent == SOURCE and path.stem == "__init__") or room in MAY_IMPORT_THE_ROOT:
            continue
        depth = len(path.relative_to(SOURCE).parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if _takes_the_root(node, depth):
                wrong.append(f"{shown(path)}:{getattr(node, 'lineno', 0)}")
    assert not wrong


def _takes_the_root(node: ast.AST, depth: int) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name == "holdfast" for alias in node.names)
    if isinstance(node, ast.ImportFrom) and (node.level, node.module) in ((0, "holdfast"), (depth, None)):
        return not all(_is_room(alias.name) or alias.name == "__version__" for alias in node.names)
    return False


def _is_room(name: str) -> bool:
    """``from .. import flow`` takes a room, not something public."""
    return (SOURCE / name).is_dir() or (SOURCE / f"{name}.py").is_file()


def _like_ruff(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as ruff's RUF022 sorts them."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name
