"""A server of the Model Context Protocol: where things stand in a shop. ``python shelf.py`` speaks on its pipes."""

from __future__ import annotations

import mcp_types as types
from mcp.server.mcpserver import MCPServer

SHELVES = {"tea": "row 3, left", "cups": "row 1, top"}

server = MCPServer("shelf", log_level="ERROR")


@server.tool(annotations=types.ToolAnnotations(read_only_hint=True))
def find(article: str) -> str:
    """Where an article stands."""
    return SHELVES.get(article, "not in this shop")


if __name__ == "__main__":
    server.run("stdio")
