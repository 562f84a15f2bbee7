"""``McpSource``: a server's tools as tools."""

from __future__ import annotations

from functools import partial
from typing import Any

import mcp_types as types
import msgspec
from mcp import MCPError

from ...domain.conversation import Media, Text
from ...domain.retry import Retry
from ..host import Calling, ToolHost, aside
from ..naming import safe_name
from ..roles import known_roles, roles_in
from ..source import SourceAway, SourceUnavailable, answers
from ..tool import Tool, ToolFailed
from .connection import Lost, McpConnection, Unreached
from .results import read_result
from .server import McpServer

_AGAIN = Retry(attempts=4, initial_seconds=0.2, factor=4.0, maximum_seconds=10.0, on=(Unreached, Lost))
_AGAIN_IF_NOT_SENT = msgspec.structs.replace(_AGAIN, on=(Unreached,))


class McpSource:
    """See ``ToolSource``."""

    def __init__(self, server: McpServer, host: ToolHost) -> None:
        self._server = server
        self._connection = host.keep(("mcp", server.place), lambda: McpConnection(server, host.clock, host.secrets))
        self._tools: list[Tool] = []
        self._generation = -1

    async def tools(self) -> list[Tool]:
        """See ``ToolSource``."""
        connection = self._connection
        try:
            listed = await aside(connection.listed())
        except (Unreached, Lost, MCPError) as error:
            raise SourceUnavailable(str(error)) from error
        if self._generation != connection.generation:
            only = self._server.only
            self._tools = [self.as_tool(found) for found in listed if only is None or found.name in only]
            self._generation = connection.generation
        return self._tools

    async def close(self) -> None:
        """See ``ToolSource``: the connection is the host's."""

    def as_tool(self, found: types.Tool) -> Tool:
        """One of its tools, as a model may call it and as the gate sees it."""
        server, name = self._server, found.name
        hints = found.annotations or types.ToolAnnotations()
        declared_reading = _named(name, server.reads)
        reads = declared_reading or (bool(hints.read_only_hint) and not hints.destructive_hint)
        idempotent = reads or _named(name, server.idempotent) or bool(hints.idempotent_hint)
        known: Any = found.input_schema.get("properties", {})
        return Tool(
            partial(self._call, name, idempotent),
            name=safe_name(server.prefix + name),
            description=found.description or found.title or hints.title or "",
            schema=found.input_schema,
            effects=not (declared_reading or (server.trusted and reads)),
            idempotent=idempotent,
            roles=known_roles({**roles_in(found.input_schema), **server.roles.get(name, {})}, known),
            trusted=server.trusted and not hints.open_world_hint,
            retry=_AGAIN if idempotent else _AGAIN_IF_NOT_SENT,
            takes_host=True,
        )

    async def _call(self, name: str, idempotent: bool, calling: Calling, /, **arguments: Any) -> list[Text | Media]:
        server = self._server

        def progress(done: float, total: float | None, message: str | None) -> None:
            calling.tell({"progress": done, "of": total, "text": message or ""})

        try:
            result = await aside(self._connection.call(name, arguments, server.timeout_seconds, progress))
        except MCPError as error:
            raise ToolFailed(error.message) from error
        except RuntimeError as error:  # the library's word for an answer that is not of the tool's own schema
            raise ToolFailed(f"{server.name} answered with something else than {name} promises: {error}") from error
        except Unreached as error:
            if not server.required:
                raise
            raise SourceAway(str(error), server.name, server.key, partial(answers, self)) from error
        except Lost as error:
            if idempotent:
                raise
            raise ToolFailed(
                f"The connection to {server.name} was lost ({error}). Whether {name} was done is not known: find out before "
                "you do it again."
            ) from error
        return read_result(result, server.output_characters)


def _named(name: str, among: frozenset[str]) -> bool:
    return name in among or "*" in among
