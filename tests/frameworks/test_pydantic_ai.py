"""Agents of Pydantic AI as durable agents."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai")

import pydantic_ai
from pydantic import BaseModel

from holdfast import Agent, Context
from holdfast.frameworks import Places
from holdfast.frameworks.pydantic_ai import durably, pydantic_agent
from holdfast.testing import models as bad
from holdfast.testing.models import Call, Reply
from twice import a_place, end, idle, places, until

pytestmark = pytest.mark.filterwarnings("default")


class Verdict(BaseModel):
    """What came of it."""

    refund: bool
    cents: int


def orders(call: Call) -> Reply:
    if call.messages[-1]["role"] == "tool":
        return Reply("both are on their way")
    if call.text == "thanks":
        return Reply("welcome")
    return Reply(tool_calls=[("a", "lookup", {"order": 1}), ("b", "lookup", {"order": 2})])


async def test_after_a_crash_nothing_is_asked_or_called_twice(tmp_path: Path) -> None:
    called: list[int] = []
    go = asyncio.Event()

    async def lookup(order: int) -> str:
        """Look an order up."""
        called.append(order)
        if order == 2:
            await go.wait()
        return f"order {order} is on its way"

    def make() -> list[Agent]:
        agent = pydantic_ai.Agent(instructions="Be kind.", tools=[lookup])
        return [pydantic_agent("support", agent, model="m")]

    async with a_place(tmp_path, orders, make) as here:
        async with here.runtime() as first:
            await first.send(make()[0]["7"].chat, "where are 1 and 2?")
            await until(lambda: len(called) == 2)
            async with asyncio.timeout(5):
                while len(await places(first, "support/7", "tool")) < 1:
                    await asyncio.sleep(0.01)
        go.set()
        async with here.runtime() as second:
            await idle(second, "support/7")
            assert await end(second, "support/7") == "both are on their way"
            assert called == [1, 2, 2] and len(here.vendor.calls) == 2
            found = sorted(await places(second, "support/7"))
            assert [p for _, _, p in found] == ["model-1.1", "model-2.1", "tool-1-1.1", "tool-1-2.1"]
            assert await second.call(make()[0]["7"].chat, "thanks") == "welcome"
        asked = here.vendor.calls[-1].messages
        assert [m["role"] for m in asked] == ["system", "user", "assistant", "tool", "tool", "assistant", "user"]
        assert asked[0]["content"] == "Be kind." and asked[3]["content"] == "order 1 is on its way"


async def test_structured_output_and_retries_are_its_own(tmp_path: Path) -> None:
    def strict(cents: int) -> str:
        if cents < 100:
            raise pydantic_ai.ModelRetry("at least 100")
        return "fine"

    answers = bad.sequence(
        Reply(tool_calls=[("a", "strict", {"cents": 5})]),
        Reply(tool_calls=[("b", "strict", {"cents": 500})]),
        Reply(tool_calls=[("c", "final_result", {"refund": "perhaps"})]),
        Reply(tool_calls=[("d", "final_result", {"refund": True, "cents": 500})]),
    )

    def make() -> list[Agent]:
        return [pydantic_agent("judge", pydantic_ai.Agent(output_type=Verdict, tools=[strict]), model="m")]

    async with a_place(tmp_path, answers, make) as here, here.runtime() as runtime:
        assert await runtime.call(make()[0]["1"].chat, "refund?") == {"refund": True, "cents": 500}
        told = [m["content"] for m in here.vendor.calls[-1].messages if m["role"] == "tool"]
        assert "at least 100" in told[0] and told[1] == "fine" and "refund" in told[2]
        assert here.vendor.calls[0].body["tool_choice"] == "required"


async def test_an_agent_inside_a_tool_of_an_agent(tmp_path: Path) -> None:
    """Both are durable; when the tool's result is there, what happened inside is passed over."""
    go = asyncio.Event()
    slow: list[int] = []

    async def wait() -> str:
        slow.append(1)
        await go.wait()
        return "waited"

    def make() -> list[Agent]:
        expert = pydantic_ai.Agent(name="expert", instructions="expert")
        front = pydantic_ai.Agent(name="front", instructions="front", tools=[wait])
        agent = Agent("team")

        @front.tool_plain
        async def consult(question: str) -> str:
            with durably(expert, "m"):
                return str((await expert.run(question)).output)

        @agent.handler
        async def chat(ctx: Context, content: str) -> Any:
            async def talk() -> Any:
                with durably(front, "m"):
                    return (await front.run(content)).output

            return await Places(ctx).host(talk())

        assert consult and chat
        return [agent]

    def script(call: Call) -> Reply:
        if call.messages[0]["content"] == "expert":
            return Reply("expertise")
        results = [m["content"] for m in call.messages if m["role"] == "tool"]
        if not results:
            return Reply(tool_calls=[("a", "consult", {"question": "?"})])
        return Reply(tool_calls=[("b", "wait", {})]) if len(results) == 1 else Reply(", ".join(results))

    async with a_place(tmp_path, script, make) as here:
        async with here.runtime() as first:
            await first.send(make()[0]["1"].chat, "help")
            await until(lambda: bool(slow))
        go.set()
        async with here.runtime() as second:
            await idle(second, "team/1")
            assert await end(second, "team/1") == "expertise, waited"
            found = [p for _, _, p in await places(second, "team/1", "model")]
            assert found == ["model-1.1", "tool-1-1/model-1.1", "model-2.1", "model-3.1"]
        assert len(here.vendor.calls) == 4


async def test_a_blocking_tool_and_a_stream(tmp_path: Path) -> None:
    def add(a: int, b: int) -> int:
        return a + b

    heard: list[str] = []

    def make() -> list[Agent]:
        agent = Agent("streams")
        inner = pydantic_ai.Agent(tools=[add])

        @agent.handler
        async def chat(ctx: Context, content: str) -> Any:
            async def talk() -> Any:
                with durably(inner, "m"):
                    async with inner.run_stream(content) as result:
                        heard.extend([piece async for piece in result.stream_text()])
                        return await result.get_output()

            return await Places(ctx).host(talk())

        assert chat
        return [agent]

    script = bad.first(1, Reply(tool_calls=[("a", "add", {"a": 2, "b": 3})]), then=Reply("five"))
    async with a_place(tmp_path, script, make) as here, here.runtime() as runtime:
        assert await runtime.call(make()[0]["1"].chat, "2+3?") == "five"
        assert heard[-1] == "five"
        assert [m["content"] for m in here.vendor.calls[1].messages if m["role"] == "tool"] == ["5"]
