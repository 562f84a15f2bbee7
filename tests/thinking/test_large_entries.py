"""What is large in a journal is shortened only where it is there to be shown: a replay finds all that it needs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from holdfast import Agent, Context, Runtime, StepTimeout, tool
from holdfast.models.routes import Models, Target
from holdfast.testing.models import Call, Reply, Vendor

LONG = "word " * 40_000


async def until_there(runtime: Runtime, address: str, verb: str, name: str = "") -> Any:
    async with asyncio.timeout(30):
        while True:
            found = [e for e in await runtime.journal(address) if e.verb == verb and name in ("", e.name)]
            if found:
                return found[-1]
            await asyncio.sleep(0.01)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return f"{request.getfixturevalue('postgres_url')}?schema=large_{abs(hash(tmp_path))}"


async def test_long_answers_and_long_arguments_of_tools_outlive_a_restart(url: str) -> None:
    kept: list[str] = []

    @tool
    async def keep(text: str) -> str:
        """Keep a text."""
        kept.append(text)
        return f"{len(text)} letters"

    @tool
    async def hold_on(ctx: Context) -> str:
        """Wait."""
        return await ctx.wait("go")

    asked = 0

    def script(call: Call) -> Reply:
        nonlocal asked
        asked += 1
        said = sum(m["role"] == "tool" for m in call.body["messages"])
        if said == 0:
            return Reply(LONG, [("c1", "keep", {"text": LONG})])
        if said == 1:
            return Reply("I wait.", [("c2", "hold_on", {})])
        return Reply("done")

    writer = Agent("writer", model="m", instructions="Keep it.", tools=[keep, hold_on])
    async with Vendor(script) as vendor:
        models = Models(targets=[Target(name="m", vendor="v", url=vendor.url, model="m", dialect="openai-chat")])
        async with Runtime([writer], url, models=models) as runtime:
            await runtime.send(writer["1"].chat, "go on")
            await until_there(runtime, "writer/1", "wait")
        async with Runtime([writer], url, models=models) as runtime:
            await runtime.signal("writer/1", "go", "gone on")
            end = await until_there(runtime, "writer/1", "end")
    assert end.error == "", end.error
    assert json.dumps(end.value) == '"done"'
    assert kept == [LONG]
    assert asked == 3


async def test_a_call_with_long_arguments_keeps_its_deadline_over_a_restart(url: str) -> None:
    sleeper, caller = Agent("sleeper"), Agent("caller")

    @sleeper.handler
    async def rest(ctx: Context, text: str) -> str:
        return await ctx.wait("never")

    @caller.handler
    async def work(ctx: Context) -> str:
        try:
            return await ctx.call_within(1.5, rest["1"], LONG)
        except StepTimeout:
            return "too late"

    async with Runtime([sleeper, caller], url) as runtime:
        await runtime.send(work["1"])
        entry = await until_there(runtime, "caller/1", "call")
        assert entry.detail["args"]["length"] > len(LONG), "what is only shown is shortened"
    async with Runtime([sleeper, caller], url) as runtime:
        end = await until_there(runtime, "caller/1", "end")
    assert end.value == "too late"
