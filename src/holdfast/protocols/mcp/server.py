"""``make_server``: the operations as an MCP server, whatever carries it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mcp_types as types
from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server

from ... import __version__
from ...control.registry import Operation
from . import resources
from .acting import Acting
from .tools import call, tool_of

_UNKNOWN_CODE = -32602
_HOW = (
    "Holdfast runs durable agents. Tools are its operations: look first (agents, describe, journal, dead, asks, models, "
    "budgets), then act. Results carry `next`: what can be done about what you see. Anything that changes something takes "
    "dry_run. An error's page says what happened, why, and what to do next."
)

Context = ServerRequestContext[Any, Any]
ActingFor = Callable[[Context], Acting]


def make_server(operations: Mapping[str, Operation], acting: ActingFor) -> Server[Any]:
    """A server of these operations; ``acting`` says in whose name a request is."""
    known = {name: tool_of(operation) for name, operation in sorted(operations.items())}

    async def list_tools(ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=list(known.values()))

    async def call_tool(ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        operation = operations.get(params.name)
        if operation is None:
            raise MCPError(_UNKNOWN_CODE, f"There is no operation {params.name!r}.")

        async def told(number: int, text: str) -> None:
            await ctx.session.report_progress(number, None, text)

        return await call(acting(ctx), operation, params.arguments or {}, told)

    async def list_resources(ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
        return await resources.listed(acting(ctx), params.cursor if params is not None else None)

    async def list_templates(ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=resources.TEMPLATES)

    async def read_resource(ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        return await resources.read(acting(ctx), str(params.uri))

    return Server(
        "holdfast",
        version=__version__,
        title="Holdfast",
        instructions=_HOW,
        get_tool_input_schema=lambda name: known[name].input_schema if name in known else None,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
    )


__all__ = ["ActingFor", "make_server"]
