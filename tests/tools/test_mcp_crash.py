"""Kill -9 of a server in the middle of a call of an MCP tool: what was done is not done again, what is in doubt is asked,
and no program is left behind."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.testing.models import Vendor
from processes import Place
from tool_ground import alive, calling, command, log, pids, until

AGENTS = """
from holdfast import Agent, Context
from holdfast.thinking import converse

agent = Agent("a", model="m", mcp=[{command!r}])


@agent.handler
async def talk_and_wait(ctx: Context, content: str) -> str:
    said = await converse(ctx, agent.mind, content)
    return said + await ctx.wait("go on")
"""


class World:
    """A folder with an agent that has the fixture server, a model, and processes to be killed."""

    def __init__(self, folder: Path, vendor: Vendor) -> None:
        self.folder = folder
        self.vendor = vendor
        self.place = Place(folder, AGENTS.format(command=command(folder)))
        self.models = folder / "models.yaml"
        self.models.write_text(json.dumps({"targets": [{"name": "m", "vendor": "v", "url": vendor.url, "model": "m1"}]}))

    async def up(self) -> subprocess.Popen[bytes]:
        """A server that answers."""
        process = self.place.start("up", str(self.place.file), "--store", self.place.store, "--unix", str(self.place.socket),
                                   "--models", str(self.models))  # fmt: skip
        await until(lambda: self.place.socket.exists() and "holdfast" in self.place.log().lower())
        return process

    async def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Outright, and everything that it had started must go, too."""
        before = [pid for pid in pids(self.folder) if alive(pid)]
        assert before
        process.kill()
        process.wait(10)
        self.place.socket.unlink(missing_ok=True)
        await until(lambda: not any(alive(pid) for pid in before))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    async with Vendor(lambda call: world.script(call)) as vendor:  # type: ignore[attr-defined]
        world: Any = World(tmp_path, vendor)
        try:
            yield world
        finally:
            world.place.close()


async def send(world: World, handler: str) -> None:
    async with holdfast.connect(world.place.url) as client:
        target: Any = holdfast.Agent("a", model="m")["1"].chat
        target.handler = handler
        await client.send(target, "go")


async def idle(world: World) -> list[Any]:
    """The conversation, when the agent has nothing more to do."""
    async with holdfast.connect(world.place.url) as client:

        async def done() -> bool:
            return (await client.describe("a/1")).doing == "idle"

        for _ in range(2000):
            if await done():
                break
        return list(await client.journal("a/1", limit=1000))


async def test_a_finished_tool_is_not_called_again_and_one_in_doubt_is_asked_about(world: Any, tmp_path: Path) -> None:
    world.script = calling(("add", {"a": 1, "b": 2}), ("work", {"name": "x"}), ("add", {"a": 3, "b": 4}))
    (tmp_path / "block").touch()
    (tmp_path / "deaf").touch()
    process = await world.up()
    await send(world, "chat")
    await until(lambda: "begin x" in log(tmp_path))
    await world.kill(process)
    (tmp_path / "block").unlink()

    process = await world.up()
    async with holdfast.connect(world.place.url) as client:
        questions: list[Any] = []
        while not questions:
            questions = await client.asks()
        assert "work was started" in questions[0].question
        await client.answer(questions[0].id, "no")
        await until(lambda: "add 3 4" in log(tmp_path))
    entries = await idle(world)
    lines = [line for line in log(tmp_path) if not line.startswith("pid")]
    assert lines == ["add 1 2", "begin x", "begin x", "end x", "add 3 4"]
    assert len(world.vendor.calls) == 4, "the model is not asked again for what it said"
    assert [e.name for e in entries if e.verb == "tool" and e.kind == "step"] == ["add", "work", "add"]
    assert world.place.stop(process) == 0
    assert not any(alive(pid) for pid in pids(tmp_path))


async def test_an_idempotent_call_is_made_again_by_itself(world: Any, tmp_path: Path) -> None:
    world.script = calling(("put", {"name": "x"}))
    (tmp_path / "block").touch()
    process = await world.up()
    await send(world, "chat")
    await until(lambda: "begin x" in log(tmp_path))
    await world.kill(process)
    (tmp_path / "block").unlink()
    await world.up()
    await until(lambda: "end x" in log(tmp_path))
    await idle(world)
    assert log(tmp_path).count("begin x") == 2 and len(world.vendor.calls) == 2


async def test_a_replay_needs_no_server_at_all(world: Any, tmp_path: Path) -> None:
    world.script = calling(("add", {"a": 1, "b": 2}), ("work", {"name": "x"}))
    process = await world.up()
    await send(world, "talk_and_wait")
    async with holdfast.connect(world.place.url) as client:
        while not await client.waits(verb="wait"):
            pass
    await world.kill(process)
    (tmp_path / "broken").touch()
    await world.up()
    async with holdfast.connect(world.place.url) as client:
        await client.signal("a/1", "go on", "!")
    entries = await idle(world)
    end = entries[-1]
    assert (end.kind, end.value, end.error) == ("end", "done!", ""), end
    assert len(world.vendor.calls) == 3
    assert [line for line in log(tmp_path) if not line.startswith("pid")] == ["add 1 2", "begin x", "end x"]


async def test_a_worker_that_is_told_to_stop_leaves_no_program_behind(world: Any, tmp_path: Path) -> None:
    world.script = calling(("add", {"a": 1, "b": 2}))
    (tmp_path / "deaf").touch()
    process = await world.up()
    await send(world, "chat")
    await until(lambda: "add 1 2" in log(tmp_path))
    await idle(world)
    (pid,) = pids(tmp_path)
    assert alive(pid)
    assert world.place.stop(process, signal.SIGTERM) == 0
    assert not alive(pid)
