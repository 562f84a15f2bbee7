"""Agents written as YAML: what a document may say, and the agent that it makes.

A YAML file becomes a small Python module (``module_of``), so that it has versions, archives and reloads like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..domain.conversation import Settings
from ..domain.errors import Rejected
from ..tools import tool
from .agent import Agent
from .thinking_agent import agent_as_tool


class ToolEntry(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One of ``tools``: exactly one kind.

    Attributes:
        python: ``module:function``, beside the file or installed.
        agent: another agent, as a tool.
        mcp: an MCP server: ``{command: ...}`` or ``{url: ...}``, or just one of these as text.
        openapi: address or path of an OpenAPI document.
        sql: a database's URL; only read from, unless ``write`` is true.
        tool, server: a Tool or an MCPServer that was applied as a resource; only for agents that are resources themselves.
        declare: beside ``python``: what the gate and retries have to know of the function, as in ``@tool(...)``.
    """

    python: str = ""
    agent: str = ""
    mcp: str | dict[str, Any] | None = None
    openapi: str | dict[str, Any] | None = None
    sql: str | dict[str, Any] | None = None
    tool: str = ""
    server: str = ""
    declare: dict[str, Any] = {}


_KINDS = ("python", "agent", "mcp", "openapi", "sql", "tool", "server")


class Document(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One agent. ``output`` is a JSON schema, or the path of one beside the file; ``quarantine`` has one
    for each tool whose results a model without tools reads first."""

    kind: Literal["Agent"]
    name: str
    model: str
    instructions: str = ""
    description: str = ""
    tools: list[ToolEntry] = []
    handoffs: list[str] = []
    output: str | dict[str, Any] | None = None
    settings: Settings = msgspec.field(default_factory=Settings)
    rounds: int = 50
    memory_tokens: int = 60_000
    remember: bool = True
    timeout: float = 0
    labels: dict[str, str] = {}
    handles: bool = False
    quarantine: dict[str, Any] = {}
    quarantine_model: str = ""
    plan: bool | str = False


def read(path: Path) -> list[Document]:
    """The documents of a file, with the files they name put into them. Raises ``Rejected(agents.yaml)`` with the place."""
    import yaml  # loaded for who has such files only

    try:
        found = [d for d in yaml.safe_load_all(path.read_text()) if d is not None]
        documents = [msgspec.convert(d, Document) for d in found]
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise Rejected("agents.yaml", f"{path.name} describes no agent: {error}.", path=str(path)) from error
    if not documents:
        raise Rejected("agents.yaml", f"{path.name} is empty. Write `kind: Agent`, a name and a model.", path=str(path))
    for document in documents:
        try:
            check_document(document, resolved=True)
        except ValueError as error:
            raise Rejected("agents.yaml", f"{path.name}: {error}.", path=str(path)) from error
        if isinstance(document.output, str):
            document.output = _schema(path, document.output)
    return documents


def check_document(document: Document, *, resolved: bool = False) -> None:
    """That the tools of an agent are each one thing; with ``resolved`` none may name another resource. Raises
    ``ValueError``."""
    for entry in document.tools:
        kinds = [kind for kind in _KINDS if getattr(entry, kind)]
        if len(kinds) != 1:
            raise ValueError(
                f"a tool of {document.name!r} must be one of {', '.join(_KINDS)}; this is "
                f"{' and '.join(kinds) or 'none of them'}"
            )
        if entry.python.count(":") > 1 or (entry.python and ":" not in entry.python):
            raise ValueError(f"write python: module:function, not {entry.python!r}")
        if resolved and (entry.tool or entry.server):
            raise ValueError(
                f"{entry.tool or entry.server!r} is a resource; only an agent that is applied as one (holdfast apply) can "
                "name it"
            )
        if entry.declare and not entry.python:
            raise ValueError("declare belongs to python; other tools say of themselves what they are")


def module_of(path: Path) -> bytes:
    """The Python module that a YAML file stands for: its documents, and the functions that they name."""
    return module_of_documents(read(path), path.name)


def module_of_documents(documents: list[Document], origin: str) -> bytes:
    """The module of documents that came from somewhere."""
    functions = sorted({t.python for d in documents for t in d.tools if t.python})
    lines = [f'"""Made from {origin}."""', "", "from holdfast.sdk.declared import declare"]
    names: list[str] = []
    for number, place in enumerate(functions):
        module, _, function = place.partition(":")
        lines.append(f"from {module} import {function} as _tool_{number}")
        names.append(f"{place!r}: _tool_{number}")
    text = msgspec.json.encode(documents).decode()
    lines += ["", f"globals().update(declare({text!r}, {{{', '.join(names)}}}))", ""]
    return "\n".join(lines).encode()


def declare(text: str, functions: Mapping[str, Callable[..., Any]]) -> dict[str, Agent]:
    """The agents of a file's documents, by name."""
    documents = msgspec.json.decode(text, type=list[Document])
    made: dict[str, Agent] = {}
    for document in documents:
        made[document.name.replace("-", "_").replace(".", "_")] = _agent(document, functions, made)
    return made


def _agent(document: Document, functions: Mapping[str, Callable[..., Any]], made: dict[str, Agent]) -> Agent:
    tools: list[Any] = []
    servers: list[Any] = []
    for entry in document.tools:
        if entry.python:
            function = functions[entry.python]
            tools.append(tool(**entry.declare)(function) if entry.declare else function)
        elif entry.agent:
            known = made.get(entry.agent)
            tools.append(agent_as_tool(entry.agent, known.definition.doc if known else ""))
        elif entry.mcp is not None:
            servers.append(_server(entry.mcp))
        elif entry.openapi is not None:
            from ..tools.openapi import openapi_tools

            tools += openapi_tools(**_named(entry.openapi, "document"))
        elif entry.sql is not None:
            from ..tools.sql import sql_tools

            tools += sql_tools(**_named(entry.sql, "url"))
    others = [made[name] if name in made else Agent(name) for name in document.handoffs]
    return Agent(
        document.name,
        model=document.model,
        instructions=document.instructions,
        tools=tools,
        mcp=servers,
        handoffs=others,
        output=document.output,
        settings=document.settings,
        rounds=document.rounds,
        memory_tokens=document.memory_tokens,
        remember=document.remember,
        timeout=document.timeout,
        description=document.description,
        labels=document.labels,
        handles=document.handles,
        quarantine=document.quarantine,
        quarantine_model=document.quarantine_model,
        plan=document.plan,
    )


def _server(given: str | dict[str, Any]) -> Any:
    from ..tools.mcp import McpServer

    if isinstance(given, str):
        return given
    options = dict(given)
    command = options.pop("command", None)
    if isinstance(command, str):
        import shlex

        command = shlex.split(command)
    return McpServer(**({"command": command} if command else {}), **options)


def _named(given: str | dict[str, Any], name: str) -> dict[str, Any]:
    return {name: given} if isinstance(given, str) else given


def _schema(path: Path, name: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode((path.parent / name).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise Rejected(
            "agents.yaml", f"{path.name}: the schema {name!r} cannot be read: {error}.", path=str(path)
        ) from error
