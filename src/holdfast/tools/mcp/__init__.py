"""Tools of servers that speak the Model Context Protocol (2026-07-28 and 2025-11-25), over pipes or HTTP.

server      what a definition says of a server     source      its tools as tools, asked by the thinking loop
connection  one server as one worker knows it      transport   pipes and HTTP, what a program complains of
results     what a tool answered                   leash       a program of its own: no server outlives its worker
"""

from .server import McpServer

__all__ = ["McpServer"]
