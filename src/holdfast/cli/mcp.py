"""The operations for agents: mcp."""

from __future__ import annotations

import typer

from .options import StoreUrl, Url


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(mcp)


def mcp(url: Url = "", store: StoreUrl = "") -> None:
    """Serve every operation to an agent, as an MCP server on stdin and stdout (over HTTP it is at /mcp of the server)."""
    from ..domain.errors import Unavailable
    from . import session

    try:
        from ..protocols.mcp.stdio import serve
    except ImportError as error:
        raise Unavailable(
            "mcp.not_installed", f"The package mcp is not installed ({error}). Install it: pip install 'holdfast[mcp]'."
        ) from error
    session.run(serve, url, store)
