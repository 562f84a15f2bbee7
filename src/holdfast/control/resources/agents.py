"""Agents, and the tools and servers of tools that they name: ``kind: Agent``, ``Tool``, ``MCPServer``.

An agent's resource is the document of docs/models.md. Running servers serve it under a version of its own, the hash of
what it is; turns in flight end on what they began with. Tools and servers that several agents have in common are
resources of their
own: an agent names them, and gets a new version when they change.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ...domain.errors import HoldfastError
from ...sdk.declared import Document, ToolEntry, check_document
from ...tools.mcp import McpServer
from .documents import Wanted
from .kinds import After, Here, Kind, Touched, plain, wrong
from .views import EffectView

_SHOWN = 20
_COUNTED = 1_000


class ServerSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A server of tools that speaks MCP: a ``command``, or a ``url``; the rest as in ``McpServer``."""

    command: str | list[str] = ""
    url: str = ""
    env: dict[str, str] = {}
    headers: dict[str, str] = {}
    folder: str = ""
    prefix: str = ""
    tools: list[str] | None = None
    trusted: bool = False
    reads: list[str] = []
    idempotent: list[str] = []
    roles: dict[str, dict[str, str]] = {}
    destinations: dict[str, list[str]] = {}
    content: dict[str, list[str]] = {}
    timeout_seconds: float = 60.0
    connect_seconds: float = 60.0
    refresh_seconds: float = 300.0
    required: bool = True


class McpServerKind(Kind):
    """``kind: MCPServer``."""

    name = "MCPServer"
    spec = ServerSpec

    def convert(self, wanted: Wanted) -> dict[str, Any]:
        found = super().convert(wanted)
        if bool(found.get("command")) == bool(found.get("url")):
            raise ValueError("give a command or a url, one of them")
        McpServer(**{k: v for k, v in found.items() if k != "command"}, command=found.get("command", ()))
        return found

    async def effects(self, here: Here, touched: Touched, after: After) -> list[EffectView]:
        return await _of_users(here, after, "server", touched.name)


class ToolKind(Kind):
    """``kind: Tool``: what stands in the ``tools`` of agents, under a name."""

    name = "Tool"
    spec = ToolEntry
    needs = ("MCPServer",)

    def convert(self, wanted: Wanted) -> dict[str, Any]:
        entry = msgspec.convert(wanted.spec, ToolEntry)
        if entry.tool or entry.server:
            raise ValueError("a Tool names no other resource; write python, agent, mcp, openapi or sql")
        check_document(_holding(entry), resolved=True)
        return plain(entry)

    async def effects(self, here: Here, touched: Touched, after: After) -> list[EffectView]:
        return await _of_users(here, after, "tool", touched.name)


class AgentKind(Kind):
    """``kind: Agent``."""

    name = "Agent"
    spec = Document
    needs = ("Tool", "MCPServer", "Route")

    def convert(self, wanted: Wanted) -> dict[str, Any]:
        document = _document(wanted.name, wanted.spec, wanted.labels)
        if isinstance(document.output, str):
            raise ValueError("output names a file; write the schema itself (holdfast apply does that with files it reads)")
        check_document(document)
        found = plain(document)
        return {key: value for key, value in found.items() if key not in ("kind", "name", "labels")}

    def check(self, wanted: Wanted, after: After, here: Here) -> None:
        for entry in wanted.spec.get("tools", ()):
            for kind, named in (("Tool", entry.get("tool")), ("MCPServer", entry.get("server"))):
                if named and (kind, named, "") not in after:
                    raise wrong(wanted, f"it names the {kind} {named!r}, which there is not")
        served = here.registry.latest.get(wanted.name)
        if served is not None and not served.declared:
            raise wrong(wanted, "this server has code for an agent of this name; a resource cannot take its place")
        try_out = getattr(here.host, "try_agent", None)
        if try_out is not None:  # on a server: whether its functions are there, whether it can be made
            try:
                try_out(resolve(wanted.name, wanted.spec, wanted.labels, after))
            except HoldfastError as error:
                raise wrong(wanted, error.message.rstrip(".")) from error

    async def effects(self, here: Here, touched: Touched, after: After) -> list[EffectView]:
        found = await of_definitions(here, [touched.name])
        if touched.after is None and found:
            found.append(EffectView(kind="messages", note="no server takes new messages for it any more"))
        return found


def resolve(name: str, spec: dict[str, Any], labels: dict[str, str], after: After) -> Document:
    """An agent's document with what it names put into it. Raises ``KeyError`` with the name of what is not there."""
    document = _document(name, spec, labels)
    tools: list[ToolEntry] = []
    for entry in document.tools:
        if entry.tool:
            entry = msgspec.convert(after["Tool", entry.tool, ""], ToolEntry)
        elif entry.server:
            entry = ToolEntry(mcp=dict(after["MCPServer", entry.server, ""]))
        tools.append(entry)
    document.tools = tools
    return document


async def of_definitions(here: Here, names: list[str]) -> list[EffectView]:
    """Who is touched by a change of definitions: their instances, and their turns in flight."""
    found: list[EffectView] = []
    instances: list[str] = []
    for name in names:
        instances += [row.address for row in await here.store.agents(like=f"default/{name}/", limit=_COUNTED)]
    if instances:
        count = f"{len(instances)}{'+' if len(instances) >= _COUNTED else ''}"
        found.append(
            EffectView(
                kind="agents",
                note=f"{count} agent(s) of {', '.join(names)} begin new turns on it",
                count=len(instances),
                agents=instances[:_SHOWN],
            )
        )
    turns = [(name, version, n) for name, version, n in await here.store.versions_in_use() if name in names]
    if turns:
        told = ", ".join(f"{n} of {name} on {version}" for name, version, n in turns)
        total = sum(n for _, _, n in turns)
        found.append(EffectView(kind="turns", note=f"turns in flight end on what they began with: {told}", count=total))
    return found


async def _of_users(here: Here, after: After, word: str, named: str) -> list[EffectView]:
    users = [
        name
        for (kind, name, _), spec in after.items()
        if kind == "Agent" and any(entry.get(word) == named for entry in spec.get("tools", ()))
    ]
    return await of_definitions(here, sorted(users)) if users else []


def _document(name: str, spec: dict[str, Any], labels: dict[str, str]) -> Document:
    return msgspec.convert({**spec, "kind": "Agent", "name": name, "labels": labels}, Document)


def _holding(entry: ToolEntry) -> Document:
    return Document(kind="Agent", name="holder", model="any", tools=[entry])
