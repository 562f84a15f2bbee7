"""What every test here needs: a model server, and a runtime that can be dropped and begun again on the same file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from holdfast import Agent, Runtime
from holdfast.models.routes import Models, Target
from holdfast.testing.models import Vendor


class Place:
    """A store and a vendor; ``runtime`` is one life of a process on them."""

    def __init__(self, store: str, vendor: Vendor, make: Callable[[], Sequence[Agent]]) -> None:
        self.store = store
        self.vendor = vendor
        self._make = make

    @asynccontextmanager
    async def runtime(self) -> AsyncGenerator[Runtime]:
        """A runtime; leaving it drops what it is doing, as a kill would: nothing more is written."""
        limits: dict[str, Any] = {"first_token_seconds": 2.0, "stall_seconds": 2.0, "connect_seconds": 1.0}
        target = Target(name="m", vendor="v", url=self.vendor.url, model="m1", **limits)
        runtime = Runtime(list(self._make()), self.store, models=Models(targets=[target]), lease_seconds=2.0)
        await runtime.start()
        try:
            yield runtime
        finally:
            await runtime.stop(0)


@asynccontextmanager
async def a_place(tmp_path: Path, script: Any, make: Callable[[], Sequence[Agent]]) -> AsyncGenerator[Place]:
    """``make`` gives the agents of each life anew: nothing in memory may carry over."""
    async with Vendor(script) as vendor:
        yield Place(f"sqlite:///{tmp_path / 'agents.db'}", vendor, make)


async def idle(runtime: Runtime, address: str, seconds: float = 15) -> None:
    """Wait until the agent has nothing more to do."""
    async with asyncio.timeout(seconds):
        while (await runtime.describe(address)).doing != "idle":
            await asyncio.sleep(0.01)


async def until(happened: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not happened():
            await asyncio.sleep(0.005)


async def places(runtime: Runtime, address: str, *verbs: str) -> list[tuple[str, str, str]]:
    """The steps of these verbs in an agent's journal: verb, name, place."""
    wanted = verbs or ("model", "tool", "run", "ask")
    return [(r.verb, r.name, r.path) for r in await runtime.journal(address) if r.verb in wanted and r.path]


async def end(runtime: Runtime, address: str) -> Any:
    """What the agent's last turn gave, or raised."""
    last = (await runtime.journal(address))[-1]
    return last.error or last.value
