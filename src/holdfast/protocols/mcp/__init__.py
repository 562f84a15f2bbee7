"""The operations for agents: an MCP server, over HTTP at ``/mcp`` and over stdio as ``holdfast mcp``.

Needs the extra ``mcp``; nothing is imported before somebody asks.
"""
