"""What a model may call: tools, with what the gate and the retry logic have to know of each.

tool    a function as a tool            source   tools that may change while an agent lives (mcp)
schema  its signature as a schema       host     what a worker keeps open for its tools
"""

from .mcp import McpServer
from .source import Origin, ToolSource
from .sql import sql_tools
from .tool import Tool, ToolFailed, tool, tool_of

__all__ = ["McpServer", "Origin", "Tool", "ToolFailed", "ToolSource", "sql_tools", "tool", "tool_of"]
