"""A server that forgets by itself has signed what it forgets."""

from __future__ import annotations

import asyncio
from pathlib import Path

from audit_world import sealing_of, write_export
from holdfast.bootstrap.server import Server, Settings
from holdfast.insight.audit.verify import verify
from holdfast.journal.codec import encode
from holdfast.link import Endpoint

AGENTS = """
from holdfast import Agent, Context

clerk = Agent("clerk")


@clerk.handler
async def work(ctx: Context, n: int) -> int:
    return await ctx.run(abs, n)
"""


async def test_what_a_server_forgets_in_time_was_signed(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(AGENTS)
    server = Server(
        Settings(
            places=(str(tmp_path / "agents.py"),),
            store=f"sqlite:///{tmp_path}/store.db",
            listen=Endpoint(port=0),
            retain_seconds=0.05,
        )
    )
    await server.start()
    try:
        await server.operations.call("clerk/0", "work", encode(([0], {})))
        await server.operations.audit_seal()
        for n in range(4):
            await server.operations.call("clerk/1", "work", encode(([n], {})))
        async with asyncio.timeout(30):
            while await server.store.entries("default/clerk/1", 0, 10):
                await asyncio.sleep(0.05)
        await server.operations.audit_seal()
        sealing = sealing_of(server.store)
        report = verify(await write_export(sealing, tmp_path / "export"))
    finally:
        await server.stop()
    assert report.ok, report.problem
    assert (report.removed > 0, report.lost) == (True, 0)
