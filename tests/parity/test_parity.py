"""Whatever can be done can be done everywhere: every operation over REST, on the command line and as a tool, with the same
names, inputs and words. An operation without a command fails here, and so does a command without an operation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from holdfast.cli.main import app
from holdfast.control.operations import Operations
from holdfast.control.registry import Operation, registry_of
from holdfast.protocols.http.api import Api
from holdfast.protocols.mcp.tools import tool_of

OPERATIONS = dict(registry_of(Operations))
ALONE = {
    "audit verify": "checks an export, without a server",
    "behaviour off": "is `behaviour set` in other words",
    "diff": "is `plan` line by line",
    "do": "is any operation by its name",
    "demo": "starts servers of its own",
    "error": "reads the pages that are installed here",
    "login": "keeps a token on this machine",
    "logout": "forgets it",
    "mcp": "serves the operations to agents",
    "models record": "is a server",
    "models replay": "is a server",
    "restore": "makes a store from a file, before there is a server",
    "up": "is the server",
    "worker": "is a worker",
    "dead show": "shows one of `dead list`",
}
"""Commands that are no operation of a server, and why."""
SAID_OTHERWISE = {
    "payload": "args",
    "question": "question",
    "to": "address",
    "address": "place of",
    "like": "prefix",
    "older_than_seconds": "older_than",
    "subject_token": "subject",
    "overlap_seconds": "overlap",
    "id": "id",
    "text": "file files",
    "documents": "file",
    "kind": "resource",
    "name": "resource save",
}
"""Inputs that a person types in another form."""


def _commands() -> dict[str, Any]:
    root: Any = typer.main.get_command(app)

    def below(group: Any, so_far: str) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                if command.invoke_without_command:
                    yield so_far + name, command
                yield from below(command, f"{so_far}{name} ")
            else:
                yield so_far + name, command

    return dict(below(root, ""))


COMMANDS = _commands()


def _document() -> dict[str, Any]:
    import json

    return json.loads(Api(Operations.__new__(Operations)).document())


def _command(operation: Operation) -> str:
    return operation.told.command.partition(" --")[0]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_has_a_command_with_its_inputs(name: str) -> None:
    operation = OPERATIONS[name]
    assert _command(operation) in COMMANDS, f"{name}: say its command in @operation(command=...), and write it"
    known = {p.name for p in COMMANDS[_command(operation)].params}
    for parameter in operation.parameters:
        if parameter.required:
            assert {parameter.name, *SAID_OTHERWISE.get(parameter.name, "").split()} & known, (
                name,
                parameter.name,
                known,
            )
    option = operation.told.command.partition(" --")[2]
    if option:
        assert option in known, (name, option)


def test_a_command_is_an_operation_or_says_why_not() -> None:
    used = {_command(operation) for operation in OPERATIONS.values()}
    assert COMMANDS.keys() - used == ALONE.keys(), (
        "name the operation's command in @operation, or say here why there is none"
    )


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_is_the_same_over_rest_and_as_a_tool(name: str) -> None:
    operation, document, tool = OPERATIONS[name], _document(), tool_of(OPERATIONS[name])
    [by_name] = [p["post"] for path, p in document["paths"].items() if path == f"/api/v1/operations/{name}"]
    body = by_name["requestBody"]["content"]["application/json"]["schema"]
    given = {p.name for p in operation.parameters}
    dry = {"dry_run"} if operation.changes and not operation.streams else set[str]()
    bounds = {"for_seconds", "most"} if operation.streams else set[str]()
    assert body["properties"].keys() == given | dry
    assert tool.input_schema["properties"].keys() == given | dry | bounds
    assert set(body.get("required", ())) == set(tool.input_schema.get("required", ()))
    assert by_name["summary"] == operation.summary == f"{tool.title}."
    assert by_name["x-holdfast"]["command"] == f"holdfast {operation.told.command}"


@pytest.mark.parametrize("name", sorted(n for n, o in OPERATIONS.items() if o.told.path))
def test_a_place_carries_inputs_that_there_are(name: str) -> None:
    operation = OPERATIONS[name]
    method, _, path = operation.told.path.partition(" ")
    assert method in ("GET", "POST", "PUT", "DELETE"), operation.told.path
    assert not (method == "GET" and operation.changes), "GET changes nothing"
    assert not (method in ("PUT", "DELETE") and not operation.changes), "what only reads is a GET, or a POST with a body"
    for variable in path.split("{")[1:]:
        assert operation.takes(variable.partition("}")[0]), operation.told.path


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_what_follows_and_what_fails_is_real(name: str) -> None:
    from holdfast.control.error_pages import page

    told = OPERATIONS[name].told
    assert {n for n, _ in told.next} <= OPERATIONS.keys()
    assert [code for code in told.errors if page(code) is None] == []


def test_every_result_comes_as_a_table_and_as_json() -> None:
    without = {
        name
        for operation in OPERATIONS.values()
        if (name := _command(operation)) in COMMANDS and "output" not in {p.name for p in COMMANDS[name].params}
    }
    assert without <= {"chat"}, "give them -o"
