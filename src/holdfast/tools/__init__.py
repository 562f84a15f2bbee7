"""What a model may call: tools, with what the gate and the retry logic have to know of each.

tool     a function as a tool               source  tools that may change while an agent lives
schema   its signature as a schema          host    what a worker keeps open for its tools
mcp      servers of the protocol of tools   sql     databases
openapi  the operations of an HTTP service
roles    what the arguments of a tool are
"""

from .mcp import McpServer
from .openapi import openapi_tools
from .source import Origin, ToolSource
from .sql import sql_tools
from .tool import Tool, ToolFailed, tool, tool_of

__all__ = ["McpServer", "Origin", "Tool", "ToolFailed", "ToolSource", "openapi_tools", "sql_tools", "tool", "tool_of"]
