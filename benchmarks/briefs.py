"""A brief of a store with many agents and entries: the first after a start, and the next ones, without an index and with it.

A thousand agents really ask; the others and their entries are rows put beside them, copies of real ones, one in a hundred a
failed step, so that the store is there within seconds. Everything is new to whoever asks: it is the longest brief there is.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import holdfast
from holdfast import Agent, Context, HoldfastError
from holdfast.insight.indexing import Indexing

_ASKING = 1_000
_EACH = 10

member = Agent("member")


@member.handler
async def ask(ctx: Context, n: int) -> str:
    """Ask and wait."""
    return await ctx.ask(f"Go on with {n}?", choices=["yes", "no"])


@member.handler
async def look(ctx: Context) -> str:
    """End at once."""
    return "nothing new"


@member.handler
async def fail(ctx: Context, n: int) -> int:
    """Fail."""

    async def pay() -> int:
        raise ValueError(f"{n} is too much")

    return await ctx.run(pay, name="pay")


async def _begin(url: str) -> None:
    async with holdfast.Runtime([member], url) as runtime:
        await asyncio.gather(*(runtime.send(member[f"asks-{n}"].ask, n) for n in range(_ASKING)))
        await runtime.call(member["ends"].look)
        with suppress(HoldfastError):
            await runtime.call(member["fails"].fail, 7)
        while (await runtime.stats())["queued"] + (await runtime.stats())["running"]:
            await asyncio.sleep(0.1)


def _multiply(file: Path, agents: int, entries: int) -> None:
    """Rows beside the real ones."""
    db = sqlite3.connect(file)
    body = "SELECT body FROM journal WHERE agent = (SELECT id FROM agent WHERE address = ?) ORDER BY seq"
    [ended], [failed] = (db.execute(body, (f"default/member/{key}",)).fetchone() for key in ("ends", "fails"))
    (first,) = db.execute("SELECT max(id) + 1 FROM agent").fetchone()
    new = "INSERT INTO agent(id, address, created) VALUES(?, ?, ?)"
    db.executemany(new, ((first + n, f"default/member/{n}", int(time.time() * 1000)) for n in range(agents)))
    each = entries // agents
    rows = (
        (first + n, s, s, failed if (n * each + s) % 100 == 0 else ended) for n in range(agents) for s in range(1, each + 1)
    )
    db.executemany("INSERT INTO journal(agent, seq, turn, body, hash) VALUES(?, ?, ?, ?, zeroblob(32))", rows)
    db.commit()
    db.close()


async def _ask(runtime: holdfast.Runtime) -> list[float]:
    took: list[float] = []
    for _ in range(_EACH):
        began = time.perf_counter()
        await runtime.operations.brief(since=1)
        took.append(round((time.perf_counter() - began) * 1000, 1))
    return took


async def _run(agents: int, entries: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="holdfast-briefs-") as folder:
        url = f"sqlite:///{folder}/s.db"
        await _begin(url)
        await asyncio.to_thread(_multiply, Path(folder) / "s.db", agents, entries)
        async with holdfast.Runtime([member], url) as runtime:
            first, *others = await _ask(runtime)
            indexing, newest = Indexing(runtime.store), await runtime.store.newest()
            while (await runtime.store.indexed())[0] < newest:
                if not await indexing.go_on():
                    await asyncio.sleep(0.01)
            indexed = sorted(await _ask(runtime))
            stats = await runtime.stats()
        return {
            "agents": stats["agents"],
            "entries": stats["entries"],
            "first_ms": first,
            "unindexed_p50_ms": sorted(others)[len(others) // 2],
            "indexed_p50_ms": indexed[len(indexed) // 2],
            "indexed_max_ms": indexed[-1],
        }


def run(quick: bool) -> dict[str, Any]:
    """Fill, ask; the figures."""
    return asyncio.run(_run(10_000, 100_000) if quick else _run(100_000, 1_000_000))
