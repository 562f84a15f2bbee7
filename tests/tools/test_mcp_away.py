"""Servers of tools that are away: turns wait for those they need as rows, and go on without the others."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast import Agent, HoldfastError, Runtime
from holdfast.testing.models import Call, Vendor
from holdfast.tools import McpServer
from processes import Place
from tool_ground import alive, calling, command, free_port, log, offered, over_http, pids, results, running, until


class Fixture:
    """The fixture server, which can be taken away and brought back; ``broken`` also keeps it from being started."""

    def __init__(self, folder: Path, over: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.server: Any = command(folder) if over == "pipes" else f"http://127.0.0.1:{self.port}/mcp"
        self.over = over
        self.why = "check DATABASE_URL" if over == "pipes" else "no connection"
        self._stack = ExitStack()

    def up(self) -> None:
        (self.folder / "broken").unlink(missing_ok=True)
        if self.over == "http":
            self._stack.enter_context(over_http(self.folder, self.port))

    def down(self) -> None:
        """Kill -9, and nothing brings it back."""
        (self.folder / "broken").touch()
        self._stack.close()
        for pid in pids(self.folder):
            if alive(pid):
                os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(params=["pipes", "http"])
def fixture(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Fixture]:
    made = Fixture(tmp_path, request.param)
    try:
        yield made
    finally:
        made.close()


async def waiting(runtime: Runtime, count: int) -> list[Any]:
    """The waits for servers of tools, when there are so many."""
    async with asyncio.timeout(30):
        while len(found := await runtime.waits(verb="source", limit=1000)) != count:
            await asyncio.sleep(0.02)
    return found


async def ended(client: Any, address: str) -> Any:
    """The last entry of an agent, when its turn is over."""
    async with asyncio.timeout(60):
        while (last := (await client.journal(address, limit=1000))[-1]).kind != "end":
            await asyncio.sleep(0.05)
    return last


async def test_turns_wait_as_rows_until_a_server_is_there(fixture: Fixture) -> None:
    fixture.down()
    agent = Agent("a", model="m", mcp=[fixture.server])
    async with running([agent], calling(("add", {"a": 1, "b": 2}))) as (runtime, vendor):
        for n in range(8):
            await runtime.send(agent[str(n)].chat, "go")
        waits = await waiting(runtime, 8)
        assert all(fixture.why in wait.detail["why"] for wait in waits)
        view = await runtime.describe("a/3")
        assert view.doing == "waiting for tool server"
        assert view.waits_for.startswith("tool server ") and fixture.why in view.waits_for
        async with asyncio.timeout(10):
            while runtime.engine.worker.scheduler.running:
                await asyncio.sleep(0.01)
        assert not vendor.calls
        fixture.up()
        await waiting(runtime, 0)
        assert [(await ended(runtime, f"a/{n}")).value for n in range(8)] == ["done"] * 8
        assert len(vendor.calls) == 16
        notes = [e for e in await runtime.journal("a/3") if e.kind == "note"]
        assert [(e.verb, e.detail["goes_on"]) for e in notes] == [("source", False)]
        assert fixture.why in notes[0].detail["why"]


async def test_a_call_that_did_not_reach_its_server_is_made_when_it_is_back(fixture: Fixture) -> None:
    fixture.up()
    agent = Agent("a", model="m", mcp=[fixture.server])

    def script(call: Call) -> Any:
        if len(vendor.calls) == 2:  # the server goes while the model thinks
            fixture.down()
        return calling(("add", {"a": 1, "b": 2}), ("put", {"name": "x"}))(call)

    async with running([agent], script) as (runtime, vendor):
        sent = asyncio.create_task(runtime.call(agent["1"].chat, "go"))
        (wait,) = await waiting(runtime, 1)
        assert fixture.why in wait.detail["why"]
        assert "begin x" not in log(fixture.folder)
        fixture.up()
        assert await asyncio.wait_for(sent, 30) == "done"
        assert results(vendor) == ["3", "did x"] and len(vendor.calls) == 3
        assert log(fixture.folder).count("begin x") == 1


async def test_a_turn_has_its_own_deadline_and_can_be_cancelled(fixture: Fixture) -> None:
    fixture.down()
    hasty = Agent("hasty", model="m", mcp=[fixture.server], timeout=3)
    patient = Agent("patient", model="m", mcp=[fixture.server])
    async with running([hasty, patient], calling()) as (runtime, vendor):
        with pytest.raises(HoldfastError) as caught:
            await runtime.call(hasty["1"].chat, "go")
        assert caught.value.code == "turn.timeout"
        sent = asyncio.create_task(runtime.call(patient["1"].chat, "go"))
        await waiting(runtime, 1)
        await runtime.cancel("patient/1")
        with pytest.raises(HoldfastError) as caught:
            await asyncio.wait_for(sent, 20)
        assert caught.value.code == "turn.cancelled"
        await waiting(runtime, 0)
        assert not vendor.calls


async def test_a_server_that_is_not_required_is_gone_without_and_everybody_is_told(fixture: Fixture) -> None:
    fixture.down()
    where: dict[str, Any] = {"url": fixture.server} if fixture.over == "http" else {"command": fixture.server}
    agent = Agent("a", model="m", instructions="Be kind.", mcp=[McpServer(**where, name="shelf", required=False)])
    async with running([agent], calling()) as (runtime, vendor):
        seen: list[Any] = []
        stop = runtime.engine.worker.feed.listen(agent["1"].address, lambda trace, path, what: seen.append(what))
        assert await runtime.call(agent["1"].chat, "go") == "done"
        stop()
        assert offered(vendor) == []
        system = str(vendor.calls[0].messages[0])
        assert "Be kind." in system and "shelf" in system and "their tools are missing" in system
        assert fixture.why not in system, "the words of a server are no instructions"
        told = next(what for what in seen if "away" in what)
        assert told["source"] == "shelf" and fixture.why in told["away"]
        (note,) = [e for e in await runtime.journal("a/1") if e.kind == "note"]
        assert (note.verb, note.name, note.detail["goes_on"]) == ("source", "shelf", True)
        fixture.up()
        assert await runtime.call(agent["1"].chat, "go") == "done"
        assert "add" in offered(vendor) and "missing" not in str(vendor.calls[-1].messages[0])


AGENTS = """
from holdfast import Agent

agent = Agent("a", model="m", mcp=[{server!r}])
"""


@pytest.fixture
async def place(fixture: Fixture, tmp_path: Path) -> AsyncGenerator[Any]:
    """A folder for real processes of Holdfast, and a model."""
    made: Any = Place(tmp_path, AGENTS.format(server=fixture.server))
    made.script = calling(("add", {"a": 1, "b": 2}), ("put", {"name": "x"}))
    async with Vendor(lambda call: made.script(call)) as vendor:
        made.vendor = vendor
        models = tmp_path / "models.yaml"
        models.write_text(json.dumps({"targets": [{"name": "m", "vendor": "v", "url": vendor.url, "model": "m1"}]}))

        async def up() -> Any:
            process = made.start("up", str(made.file), "--store", made.store, "--unix", str(made.socket),
                                 "--models", str(models))  # fmt: skip
            await until(lambda: made.socket.exists() and "holdfast" in made.log().lower())
            return process

        made.up = up
        try:
            yield made
        finally:
            made.close()


async def test_waiting_outlives_holdfast(fixture: Fixture, place: Any) -> None:
    fixture.down()
    process = await place.up()
    async with holdfast.connect(place.url) as client:
        for n in range(3):
            await client.send(Agent("a", model="m")[str(n)].chat, "go")
        async with asyncio.timeout(30):
            while len(await client.waits(verb="source")) < 3:
                await asyncio.sleep(0.05)
    process.kill()
    process.wait(10)
    place.socket.unlink(missing_ok=True)
    await place.up()
    async with holdfast.connect(place.url) as client:
        assert len(await client.waits(verb="source")) == 3
        assert not place.vendor.calls
        fixture.up()
        assert [(await ended(client, f"a/{n}")).value for n in range(3)] == ["done"] * 3
    assert len(place.vendor.calls) == 9, "nothing was asked twice"
    assert log(fixture.folder).count("begin x") == 3


async def test_a_call_that_waits_outlives_holdfast(fixture: Fixture, place: Any) -> None:
    fixture.up()
    script = place.script

    def taken_away(call: Call) -> Any:
        if len(place.vendor.calls) == 2:
            fixture.down()
        return script(call)

    place.script = taken_away
    process = await place.up()
    async with holdfast.connect(place.url) as client:
        await client.send(Agent("a", model="m")["1"].chat, "go")
        async with asyncio.timeout(30):
            while not await client.waits(verb="source"):
                await asyncio.sleep(0.05)
    process.kill()
    process.wait(10)
    place.socket.unlink(missing_ok=True)
    await place.up()
    fixture.up()
    async with holdfast.connect(place.url) as client:
        assert (await ended(client, "a/1")).value == "done"
    assert len(place.vendor.calls) == 3
    assert log(fixture.folder).count("begin x") == 1
