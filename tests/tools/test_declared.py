"""What the gate learns of a tool: declared by who wrote it, by the document or the server it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from holdfast import Agent, HoldfastError, tool
from holdfast.adapters.system import SystemClock
from holdfast.domain.intent import Declared
from holdfast.tools import McpServer, Tool, openapi_tools, sql_tools
from holdfast.tools.host import ToolHost
from holdfast.tools.mcp.source import McpSource
from tool_ground import command


async def pay(iban: str, cents: int, note: str = "", pin: str = "") -> str:
    """Pay somebody."""
    return f"{cents} to {iban}"


def test_a_function_says_what_its_arguments_are() -> None:
    roles = {"iban": "destination", "cents": "amount", "pin": "secret"}
    made = tool(roles=roles, content=["note"], idempotent=False)(pay)
    assert made.declared == Declared(effects=True, trusted=False, roles={**roles, "note": "content"})
    assert made.declared.named("destination") == ("iban",)
    assert made.renamed("give").declared is made.declared
    assert tool(pay).declared == Declared()


def test_the_short_forms_are_the_same() -> None:
    short = tool(destinations=["iban"], content=["note"], effects=False, trusted=True)(pay)
    assert short.declared == Declared(False, True, {"iban": "destination", "note": "content"})
    assert not short.effects and short.trusted


@pytest.mark.parametrize(
    "declared",
    [
        {"roles": {"iban": "somewhere"}},
        {"roles": {"bic": "destination"}},
        {"destinations": ["bic"]},
        {"roles": {"iban": "content"}, "destinations": ["iban"]},
    ],
)
def test_a_wrong_role_is_refused(declared: dict[str, Any]) -> None:
    with pytest.raises(HoldfastError) as caught:
        tool(**declared)(pay)
    assert caught.value.code == "tool.malformed"


def test_another_declaration_is_another_version() -> None:
    versions = {
        Agent("a", model="m", tools=[tool(pay)]).seal_version(),
        Agent("a", model="m", tools=[tool(roles={"iban": "destination"})(pay)]).seal_version(),
        Agent("a", model="m", tools=[tool(effects=False)(pay)]).seal_version(),
    }
    assert len(versions) == 3


def test_an_agent_as_a_tool_takes_content_and_its_answer_has_labels_of_its_own() -> None:
    asked = Agent("billing", model="m").as_tool()
    assert asked.declared == Declared(effects=True, trusted=True, roles={"content": "content"})


DOCUMENT = {
    "openapi": "3.1.0",
    "servers": [{"url": "http://127.0.0.1:1"}],
    "paths": {
        "/pets/{id}": {
            "parameters": [{"name": "id", "in": "path", "schema": {"type": "string"}}],
            "get": {"operationId": "look"},
            "delete": {"operationId": "remove"},
        },
        "/transfers": {
            "post": {
                "operationId": "transfer",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {
                                    "iban": {"type": "string"},
                                    "cents": {"type": "integer", "x-role": "amount"},
                                    "pin": {"type": "string", "format": "password"},
                                    "note": {"type": "string"},
                                },
                            }
                        }
                    },
                },
            }
        },
    },
}


def test_an_openapi_document_says_it() -> None:
    made = {t.name: t.declared for t in openapi_tools(DOCUMENT, roles={"transfer": {"iban": "destination"}})}
    assert made["look"] == Declared(effects=False)
    assert made["remove"] == Declared(effects=True, roles={"id": "destination"})
    wanted = {"iban": "destination", "cents": "amount", "pin": "secret", "note": "content"}
    assert made["transfer"] == Declared(effects=True, roles=wanted)


def test_a_database_has_effects_only_if_it_may_be_written() -> None:
    (query, schema), (writing, _) = sql_tools("sqlite:///a.db"), sql_tools("sqlite:///a.db", write=True, trusted=True)
    assert query.declared == Declared(effects=False, roles={"sql": "content"}) and not schema.effects
    assert writing.declared == Declared(effects=True, trusted=True, roles={"sql": "destination"})


def _from_server(tmp_path: Path, server: McpServer, **hints: Any) -> Tool:
    schema = {"type": "object", "properties": {"to": {"type": "string"}, "text": {"type": "string"}}}
    told = types.Tool(name="send", input_schema=schema, annotations=types.ToolAnnotations(**hints))
    return McpSource(server, ToolHost(SystemClock())).as_tool(told)


def test_a_server_is_believed_what_makes_it_worse(tmp_path: Path) -> None:
    def declared(trusted: bool, **hints: Any) -> Declared:
        return _from_server(tmp_path, McpServer(command(tmp_path), trusted=trusted), **hints).declared

    assert declared(False, read_only_hint=True) == Declared(effects=True, trusted=False)
    assert declared(True, read_only_hint=True) == Declared(effects=False, trusted=True)
    assert declared(True, read_only_hint=True, destructive_hint=True) == Declared(effects=True, trusted=True)
    assert declared(True, read_only_hint=True, open_world_hint=True) == Declared(effects=False, trusted=False)
    assert declared(True) == Declared(effects=True, trusted=True)


def test_roles_of_a_servers_tools(tmp_path: Path) -> None:
    roles = {"send": {"to": "destination", "gone": "secret"}}
    server = McpServer(command(tmp_path), roles=roles, content={"send": ["text"]}, reads=["send"])
    made = _from_server(tmp_path, server)
    assert made.declared == Declared(effects=False, roles={"to": "destination", "text": "content"})
