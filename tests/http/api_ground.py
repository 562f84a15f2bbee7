"""A server with agents to look at and steer, and a plain HTTP client for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx2 as httpx

from holdfast.bootstrap.server import Server, Settings
from holdfast.link import Endpoint

AGENTS = '''
    """Agents that add, wait, ask and fail."""

    import holdfast

    add = holdfast.Agent("add", description="Adds up.")


    @add.handler
    async def plus(ctx: holdfast.Context, n: int, why: str = "") -> int:
        """Add to the sum."""
        total: int = await ctx.state.get("total", 0) + n
        await ctx.state.set("total", total)
        return total


    @add.handler
    async def wonder(ctx: holdfast.Context) -> str:
        """Ask a person."""
        return await ctx.ask("go on?", choices=["yes", "no"])


    @add.handler
    async def fail(ctx: holdfast.Context) -> None:
        """Fail."""
        raise ValueError("on purpose")
'''


class Site:
    """A server, and how to ask it."""

    def __init__(self, server: Server, client: httpx.AsyncClient) -> None:
        self.server = server
        self.client = client

    async def do(self, operation: str, **given: Any) -> Any:
        """An operation by its name; fails unless it succeeds."""
        answer = await self.client.post(f"/api/v1/operations/{operation}", json=given)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def site(tmp_path: Path, store: str = "") -> AsyncGenerator[Site]:
    code = tmp_path / "adding.py"
    code.write_text(dedent(AGENTS))
    settings = Settings(
        places=(str(code),),
        store=store or f"sqlite:///{tmp_path / 's.db'}",
        listen=Endpoint("", 0, str(tmp_path / "wire")),
        http=0,
    )
    server = Server(settings)
    await server.start()
    try:
        assert server.http is not None
        async with httpx.AsyncClient(base_url=server.http.url, timeout=20) as client:
            yield Site(server, client)
    finally:
        await server.stop()
