"""A server of tools that tells what is in its environment, and complains about it on its standard error."""

from __future__ import annotations

import os
import sys

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("leaky", log_level="ERROR")
print(f"starting with {dict(os.environ)}", file=sys.stderr, flush=True)


@server.tool()
def surroundings() -> str:
    """Tell all."""
    return str(dict(os.environ))


@server.tool()
def complain() -> str:
    """Fail, telling all."""
    raise ToolError(f"cannot: {dict(os.environ)}")


server.run()
