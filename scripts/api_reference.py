"""Write docs/reference/api.md and docs/reference/cli.md from the code: ``python scripts/api_reference.py [--check]``.

``--check`` writes nothing and exits with 1 if a page is not what the code says.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

import holdfast
from holdfast.cli.main import app
from holdfast.control.operations import Operations

PAGES = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTE = "Made from the code by `python scripts/api_reference.py`.\n"


def api() -> str:
    """Everything public in ``holdfast``, with signatures and docstrings."""
    parts = [f"# Python API\n\n{NOTE}"]
    for name in sorted(holdfast.__all__, key=str.lower):
        thing = getattr(holdfast, name)
        if inspect.isclass(thing):
            parts.append(_class(name, thing))
        elif callable(thing):
            parts.append(f"## {name}\n\n```text\n{name}{_signature(thing)}\n```\n\n{_doc(thing)}\n")
        else:
            parts.append(f"## {name}\n\nA constant.\n")
    parts.append(
        "## Operations\n\nEvery `Client` and `Runtime` has these as methods too, in the words of the command line.\n"
    )
    for name, function in inspect.getmembers(Operations, inspect.isfunction):
        if not name.startswith("_") and not hasattr(holdfast.Client, name):
            parts.append(_member("operations", name, function, _signature(function)))
    return "\n".join(parts).rstrip() + "\n"


def _class(name: str, thing: type) -> str:
    lines = [f"## {name}\n", f"```text\nclass {name}{_signature(thing)}\n```\n", f"{_doc(thing)}\n"]
    for member, value in inspect.getmembers_static(thing):
        if member.startswith("_") or _module(thing, member) in ("builtins", "msgspec"):
            continue
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if inspect.isfunction(function) and inspect.getdoc(function):
            shown = "" if isinstance(value, property) else _signature(function)
            lines.append(_member(name, member, function, shown))
    return "\n".join(lines)


def _member(name: str, member: str, function: Any, shown: str) -> str:
    return f"### {name}.{member}\n\n```text\n{_prefix(function)}{member}{shown}\n```\n\n{_doc(function)}\n"


def _module(thing: type, member: str) -> str:
    owner = next((base for base in thing.__mro__ if member in vars(base)), thing)
    return owner.__module__


def _prefix(function: Any) -> str:
    return "async " if inspect.iscoroutinefunction(function) else ""


def _signature(thing: Any) -> str:
    try:
        text = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return ""
    return "()" if " at 0x" in text else text


def _doc(thing: Any) -> str:
    text = inspect.getdoc(thing) or ""
    return "\n".join(f"    {line}" if line.startswith((">>>", "...")) else line for line in text.splitlines())


def cli() -> str:
    """Every command with its arguments and options."""
    parts = [f"# Command line\n\n{NOTE}"]
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    parts += _commands(root, ["holdfast"])
    return "\n".join(parts).rstrip() + "\n"


def _commands(group: TyperGroup, path: list[str]) -> list[str]:
    parts: list[str] = []
    for name in sorted(group.commands):
        command = group.commands[name]
        if command.hidden:
            continue
        if isinstance(command, TyperGroup):
            parts += _commands(command, [*path, name])
        elif isinstance(command, TyperCommand):
            parts.append(_command(command, [*path, name]))
    return parts


def _command(command: TyperCommand, path: list[str]) -> str:
    takes = [_shown(p) for p in command.params if isinstance(p, TyperArgument)]
    lines = [
        f"## {' '.join(path)}\n",
        f"```sh\n{' '.join([*path, *takes])}\n```\n",
        f"{inspect.cleandoc(command.help or '')}\n",
    ]
    rows = [
        f"| `{', '.join(p.opts)}` | {(p.help or '').replace('|', '/')} |"
        for p in command.params
        if isinstance(p, TyperOption) and not p.hidden
    ]
    if rows:
        lines += ["| option | |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _shown(argument: TyperArgument) -> str:
    name = (argument.name or "").upper() + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def main() -> int:
    """Write or check both pages."""
    stale = 0
    for page, text in ((PAGES / "api.md", api()), (PAGES / "cli.md", cli())):
        if page.exists() and page.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if "--check" not in sys.argv:
            page.write_text(text, encoding="utf-8")
            print(f"wrote {page.name}")
        else:
            print(f"{page.name} is not what the code says: python scripts/api_reference.py", file=sys.stderr)
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    raise SystemExit(main())
