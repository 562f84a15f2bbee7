"""What people declare is known to every worker within a second, whatever happens to the news of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from heart_world import World
from holdfast import Agent, Context, Runtime
from holdfast.bootstrap.server import Server, Settings
from holdfast.link import Endpoint
from holdfast.ports.resources import Change, Resource
from postgres_server import connect

SERVED = """
from holdfast import Agent, Context

idle = Agent("idle")


@idle.handler
async def nothing(ctx: Context) -> None: ...
"""
idle = Agent("idle")


@idle.handler
async def nothing(ctx: Context) -> None:
    """A worker has to serve something."""


async def seen(condition: Callable[[], object], seconds: float = 10.0) -> float:
    """Wait for it; how long it took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)
    return time.monotonic() - began


async def put(runtime: Runtime, name: str, body: bytes | None, kind: str = "Policy") -> int:
    return await runtime.store.apply_resources([Change(kind, name, "", body)], "ann", "", 1)


def body(runtime: Runtime, name: str) -> bytes | None:
    found = runtime.engine.worker.resources.get("Policy", name)
    return found.body if found else None


async def test_a_worker_starts_with_what_there_is_and_follows(world: World) -> None:
    async with world.runtime(idle) as runtime:
        await put(runtime, "old", b"1")
        await put(runtime, "gone", b"1")
        await put(runtime, "gone", None)
    async with world.runtime(idle) as runtime:
        mirror = runtime.engine.worker.resources
        assert [r.name for r in mirror.all("Policy")] == ["old"]
        told: list[tuple[str, list[str]]] = []

        def listener(kind: str, changed: list[Resource]) -> None:
            told.append((kind, [("-" if r.deleted else "") + r.name for r in changed]))

        mirror.on_change("Policy", listener)
        mirror.on_change("Route", listener)
        assert told == [("Policy", ["old"])], "what is there already"
        await put(runtime, "new", b"1")
        await put(runtime, "smart", b"1", "Route")
        await put(runtime, "old", None)
        await seen(lambda: sum(len(names) for _, names in told) >= 4)
        assert [name for kind, names in told[1:] for name in names if kind == "Policy"] == ["new", "-old"]
        assert told.count(("Route", ["smart"])) == 1
        assert [r.name for r in mirror.all("Policy")] == ["new"]


async def test_a_listener_that_fails_keeps_nobody_from_the_news(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async with world.runtime(idle) as runtime:
        heard: list[Resource] = []

        def broken(kind: str, changed: list[Resource]) -> None:
            raise ValueError("I do not understand this")

        runtime.engine.worker.resources.on_change("Policy", broken)
        runtime.engine.worker.resources.on_change("Policy", lambda _, changed: heard.extend(changed))
        await put(runtime, "a", b"1")
        await seen(lambda: heard)
    assert "Policy did not take effect here: a" in caplog.text


async def test_every_worker_of_a_database_follows_within_a_second(postgres_url: str) -> None:
    world = World(f"{postgres_url}?schema=mirrors")
    async with world.runtime(idle, name="one") as one, world.runtime(idle, name="two") as two:
        for n in range(20):
            await put(one, "a", str(n).encode())
            for runtime in (one, two):
                assert await seen(lambda: body(runtime, "a") == str(n).encode()) < 1.0  # noqa: B023


async def test_a_worker_that_missed_the_news_hears_with_its_next_beat(postgres_url: str) -> None:
    world = World(f"{postgres_url}?schema=missed_news")
    link = await connect(postgres_url)
    async with world.runtime(idle, lease_seconds=2.0) as runtime:
        await link.execute("SET search_path = missed_news")
        await link.execute(
            "SELECT put_resource('Policy', 'quiet', '', '1', '{}', 1, 'somebody', '', 1)"  # and no signal
        )
        await link.execute("UPDATE meta SET value = 1 WHERE key = 'revision'")
        await seen(lambda: body(runtime, "quiet") == b"1", 3.0)
    await link.close()


async def test_a_worker_in_another_process_follows_through_the_server(tmp_path: Path) -> None:
    agents = tmp_path / "idle.py"
    agents.write_text(SERVED)
    settings = Settings(places=(str(agents),), store=f"sqlite:///{tmp_path}/s.db", listen=Endpoint(port=0))
    server = Server(settings)
    await server.start()
    try:
        assert server.listener is not None
        async with Runtime([idle], server.listener.at.url) as runtime:
            await server.store.apply_resources([Change("Policy", "a", "", b"1")], "ann", "", 1)
            assert await seen(lambda: body(runtime, "a") == b"1") < 1.0
            await put(runtime, "b", b"2")
            assert await seen(lambda: server.engine.worker.resources.get("Policy", "b")) < 1.0
    finally:
        await server.stop()
