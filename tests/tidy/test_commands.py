"""Every command that a page or a message tells a person to type, exists, with the options it is told with."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_group

from ground import ROOT, shown, tracked
from holdfast.cli.contents import COMMANDS
from holdfast.cli.main import app

NOT_HOLDFAST = {"just", "python", "uv", "test", "setup", "web", "pytest", "ruff", "pyright", "lint-imports", "pre-commit"}

_WIDTH = 70
"""As much of a summary as help shows."""


def _told() -> Iterator[tuple[str, str]]:
    """Where a command is told, and the command."""
    for page in tracked("*.md"):
        for quoted in re.findall(r"`(?:holdfast|\./dev) ([^`\n]+)`", page.read_text(encoding="utf-8")):
            yield shown(page), quoted
    for path in tracked("src/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for quoted in re.findall(r"`holdfast ([^`\n]+)`", _text(node)):
                yield f"{shown(path)}:{getattr(node, 'lineno', 0)}", quoted


def _text(node: ast.AST) -> str:
    """A literal's text; what an f-string fills in stands as one word."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "FILLED-IN" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_command_that_is_told_exists() -> None:
    root: Any = typer.main.get_command(app)
    wrong = [f"{place}: holdfast {text}" for place, text in _told() if not _exists(root, text)]
    assert not wrong


def _exists(root: Any, text: str) -> bool:
    command, words = root, shlex.split(text.replace("'", "").replace('"', ""))
    if words and words[0] in NOT_HOLDFAST:
        return True
    for word in words:
        below: dict[str, Any] = getattr(command, "commands", {})
        if word in below:
            command = below[word]
        elif word.startswith("-"):
            known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
            if word.partition("=")[0] not in known:
                return False
        elif below and re.fullmatch(r"[a-z-]+", word):
            return False
    return True


def test_the_table_of_contents_is_what_the_files_say() -> None:
    files = sorted(p.stem for p in (ROOT / "src/holdfast/cli").glob("*.py") if "\ndef register(" in p.read_text("utf-8"))
    said: dict[str, tuple[str, str]] = {}
    for room in files:
        alone = typer.Typer()
        import_module(f"holdfast.cli.{room}").register(alone)
        for name, command in get_group(alone).commands.items():
            said[name] = (room, command.get_short_help_str(_WIDTH))
    told = {n: (room, TyperCommand(n, help=summary).get_short_help_str(_WIDTH)) for n, (room, summary) in COMMANDS.items()}
    assert told == said, "mend src/holdfast/cli/contents.py"


_TALKS = {"up", "worker", "demo", "chat", "mcp", "models record", "models replay"}
"""Commands that serve or converse, and have no result."""


def test_every_result_comes_in_every_format() -> None:
    def below(group: Any, so_far: str) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            yield from below(command, f"{so_far}{name} ") if hasattr(command, "commands") else [(so_far + name, command)]

    without = {
        name
        for name, command in below(typer.main.get_command(app), "")
        if not any("--output" in parameter.opts for parameter in command.params)
    }
    assert without == _TALKS
