"""Whatever the command center does, a program and the command line can do: its requests are operations, or say why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdfast.control.operations import Operations
from holdfast.control.registry import registry_of
from holdfast.protocols.mcp.tools import tool_of

SOURCES = Path(__file__).parents[2] / "web" / "src"
FILES = {str(path.relative_to(SOURCES)): path.read_text("utf-8") for path in sorted(SOURCES.rglob("*.ts*"))}
OPERATIONS = registry_of(Operations)

_ASKS = re.compile(r"\b(?:call|useCall|follow)(?:<(?:[^<>()]|<[^<>]*>)*>)?\(\s*([^,)\s]+)")
_REACHES = re.compile(r"\b(?:fetch|EventSource|WebSocket|sendBeacon|XMLHttpRequest)\(\s*([^,)]+)")
_DEFINED = {"data/api.ts", "ui/use.ts"}
"""Where requests are made; their names are given by the others."""
CHOSEN = {
    "pages/agent/acting.tsx": ("verb", {"pause", "resume", "cancel", "kill", "retire", "retry_stuck"}),
    "pages/inbox/dead.tsx": ("name", {"redeliver", "discard"}),
}
"""Files that ask for one of several operations, by a variable, and which these are."""
NO_OPERATION = {
    '"/auth/session"': "a browser's session is a cookie; programs show a token with each request (holdfast login keeps one)",
}
"""Requests that are no operation, and why."""


def _asked() -> dict[str, set[str]]:
    """Names of operations by the files that ask for them, and variables as they stand there."""
    found: dict[str, set[str]] = {}
    for file, text in FILES.items():
        if file not in _DEFINED:
            found[file] = {name for name in _ASKS.findall(text) if name != "name:"}
    return found


_NAMED = {name.strip('"') for names in _asked().values() for name in names if name.startswith('"')}
ASKED = _NAMED.union(*(names for _, names in CHOSEN.values()))


def test_requests_are_found() -> None:
    assert {"fleet", "brief", "write_brief", "pulse", "approve", "answer", "kill", "preview_grant"} <= ASKED


@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_request_is_an_operation_with_a_command_and_a_tool(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation.told.command, f"{name} has no command"  # that it exists, test_parity sees to
    assert tool_of(operation).name == name


def test_a_name_that_is_chosen_is_one_of_those_that_are_known() -> None:
    variables = {file: {n for n in names if not n.startswith('"')} for file, names in _asked().items()}
    assert {file: names for file, names in variables.items() if names} == {f: {v} for f, (v, _) in CHOSEN.items()}
    for file, (_, names) in CHOSEN.items():
        assert [n for n in names if not re.search(rf"\b{n}\b", FILES[file])] == [], file


def test_nothing_else_is_asked_of_the_server() -> None:
    reached = {target for file, text in FILES.items() if file not in _DEFINED for target in _REACHES.findall(text)}
    assert reached == NO_OPERATION.keys(), "make it an operation, or say here why it is none"
    api = set(_REACHES.findall(FILES["data/api.ts"]))
    assert all(target.startswith("ROOT + ") for target in api), api
