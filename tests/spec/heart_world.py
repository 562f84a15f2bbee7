"""What the tests of the heart share: a store that outlives runtimes, and conditions to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from holdfast import (
    Agent,
    NotFound,
    Runtime,
)


class World:
    """A store file, and runtimes over it one after another."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.effects: list[Any] = []

    @asynccontextmanager
    async def runtime(self, *agents: Agent, **options: Any) -> AsyncGenerator[Runtime]:
        async with Runtime(agents, self.url, **options) as runtime:
            yield runtime

    async def effect(self, what: Any) -> Any:
        self.effects.append(what)
        return what


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 10.0) -> Any:
    """The first true value of ``condition``."""
    async with asyncio.timeout(seconds):
        while not (found := await condition()):
            await asyncio.sleep(0.005)
        return found


async def doing(runtime: Runtime, address: str) -> str:
    try:
        return (await runtime.describe(address)).doing
    except NotFound:
        return ""


async def is_doing(runtime: Runtime, address: str, state: str) -> bool:
    return await doing(runtime, address) == state


async def effects_reach(world: World, n: int) -> bool:
    return len(world.effects) >= n
