"""A worker whose connection to the server's store is cut again and again, right after a commit went through."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cutting import Cutter
from holdfast import Agent, Context, Runtime
from holdfast.adapters.sqlite import SqliteStore
from holdfast.bootstrap.server import Server, Settings
from holdfast.domain.limits import Limits
from holdfast.link import Endpoint

tally = Agent("tally")
job = Agent("job")
EFFECTS: list[str] = []

IDLE = """
from holdfast import Agent, Context

idle = Agent("idle")


@idle.handler
async def nothing(ctx: Context) -> None: ...
"""


@tally.handler
async def add(ctx: Context, amount: int) -> int:
    total = await ctx.state.get("total", 0) + amount
    await ctx.state.set("total", total)
    return total


@job.handler
async def work(ctx: Context, steps: int) -> str:
    for n in range(steps):
        name = f"{ctx.key}.{n}"
        await ctx.run(effect, name)
        await ctx.send(tally["all"].add, 1)
    return f"{ctx.key} done"


async def effect(name: str) -> None:
    EFFECTS.append(name)


async def test_cut_connections_lose_nothing_and_double_nothing_inside(tmp_path: Path) -> None:
    EFFECTS.clear()
    file = tmp_path / "idle.py"
    file.write_text(IDLE)
    settings = Settings(
        places=(str(file),), store=f"sqlite:///{tmp_path}/store.db", listen=Endpoint(port=0), retain_seconds=0
    )
    server = Server(settings)
    await server.start()
    assert server.listener is not None
    cutter = Cutter(server.listener.at)
    async with Runtime([tally, job], await cutter.start(), lease_seconds=2.0) as runtime:

        async def cut() -> None:
            for _ in range(15):
                cutter.cut_next = b"store.commit"
                while cutter.waits:
                    await asyncio.sleep(0.005)
                await asyncio.sleep(0.03)

        for n in range(40):
            await runtime.send(job[str(n)].work, 10)
        cutting = asyncio.ensure_future(cut())
        async with asyncio.timeout(60):
            while (await server.store.state("default/tally/all")).get("total") is None or await _total(server) < 400:
                await asyncio.sleep(0.05)
        cutting.cancel()
        assert cutter.cuts > 3
        assert await runtime.options(key="last").call(tally["all"].add, 0) == 400
        assert set(EFFECTS) == {f"{k}.{n}" for k in range(40) for n in range(10)}
        assert len(EFFECTS) <= 400 + 40 * cutter.cuts, "only steps in flight are repeated"
    await cutter.stop()
    await server.stop()
    store = SqliteStore(f"sqlite:///{tmp_path}/store.db", Limits())
    await store.open()
    assert [m.name for m in await store.messages(statuses=(0, 1, 2, 8), limit=10)] == []
    await store.close()


async def test_a_caller_at_a_worker_gets_its_answer_through_a_cut(tmp_path: Path) -> None:
    file = tmp_path / "idle.py"
    file.write_text(IDLE)
    settings = Settings(
        places=(str(file),), store=f"sqlite:///{tmp_path}/store.db", listen=Endpoint(port=0), retain_seconds=0
    )
    server = Server(settings)
    await server.start()
    assert server.listener is not None
    cutter = Cutter(server.listener.at)
    async with Runtime([tally, job], await cutter.start(), lease_seconds=2.0) as runtime, asyncio.timeout(30):
        for n in range(1, 9):
            cutter.cut_next = b"store.commit"
            assert await runtime.options(key=f"k{n}").call(tally["one"].add, 1) == n
        cutter.cut_next = None
    await cutter.stop()
    await server.stop()


async def _total(server: Server) -> int:
    import msgspec

    row = (await server.store.state("default/tally/all"))["total"]
    return int(msgspec.msgpack.decode(row.value or b"\x00"))
