"""Agents of the OpenAI Agents SDK as durable agents."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("agents")

import agents
from pydantic import BaseModel

from holdfast import Agent, Context, HoldfastError
from holdfast.frameworks import Places
from holdfast.frameworks.openai_agents import HoldfastProvider, durable_agent, openai_agent
from holdfast.testing import models as bad
from holdfast.testing.models import Call, Reply
from twice import a_place, end, idle, places, until

pytestmark = pytest.mark.filterwarnings("default")


def orders(call: Call) -> Reply:
    if call.messages[-1]["role"] == "tool":
        return Reply("both are on their way")
    if call.text == "thanks":
        return Reply("welcome")
    return Reply(tool_calls=[("a", "lookup", {"order": 1}), ("b", "lookup", {"order": 2})])


async def test_after_a_crash_nothing_is_asked_or_called_twice(tmp_path: Path) -> None:
    called: list[int] = []
    go = asyncio.Event()

    @agents.function_tool
    async def lookup(order: int) -> str:
        """Look an order up."""
        called.append(order)
        if order == 2:
            await go.wait()
        return f"order {order} is on its way"

    def make() -> list[Agent]:
        agent: agents.Agent[Any] = agents.Agent(name="Support", instructions="Be kind.", tools=[lookup])
        return [openai_agent("support", agent, model="m")]

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
            found = sorted(p for _, _, p in await places(second, "support/7"))
            assert found == ["model-1.1", "model-2.1", "tool-1-1.1", "tool-1-2.1"]
            assert await second.call(make()[0]["7"].chat, "thanks") == "welcome"
        asked = here.vendor.calls[-1].messages
        assert [m["role"] for m in asked] == ["system", "user", "assistant", "tool", "tool", "assistant", "user"]
        assert asked[3]["content"] == "order 1 is on its way"


async def test_a_handoff_keeps_the_conversation(tmp_path: Path) -> None:
    def make() -> list[Agent]:
        billing: agents.Agent[Any] = agents.Agent(name="Billing", instructions="billing")
        front: agents.Agent[Any] = agents.Agent(name="Front", instructions="front", handoffs=[billing])
        return [openai_agent("front", front, model="m")]

    def script(call: Call) -> Reply:
        if call.messages[0]["content"] == "billing":
            return Reply(f"billing heard: {call.text}")
        return Reply(tool_calls=[("h", "transfer_to_billing", {})])

    async with a_place(tmp_path, script, make) as here, here.runtime() as runtime:
        assert await runtime.call(make()[0]["1"].chat, "an invoice") == "billing heard: an invoice"
        assert await runtime.call(make()[0]["1"].chat, "and now?") == "billing heard: and now?"
        assert len(here.vendor.calls) == 3


class Verdict(BaseModel):
    """What came of it."""

    refund: bool


async def test_agents_as_tools_are_durable_and_forms_are_kept(tmp_path: Path) -> None:
    go = asyncio.Event()
    slow: list[int] = []

    @agents.function_tool
    async def wait() -> str:
        """Wait."""
        slow.append(1)
        await go.wait()
        return "waited"

    def make() -> list[Agent]:
        expert: agents.Agent[Any] = agents.Agent(name="expert", instructions="expert")
        consult = expert.as_tool("consult", "Ask an expert.")
        front: agents.Agent[Any] = agents.Agent(
            name="front", instructions="front", tools=[consult, wait], output_type=Verdict
        )
        return [openai_agent("team", front, model="m")]

    def script(call: Call) -> Reply:
        if call.messages[0]["content"] == "expert":
            return Reply("expertise")
        results = [m["content"] for m in call.messages if m["role"] == "tool"]
        if not results:
            return Reply(tool_calls=[("a", "consult", {"input": "?"})])
        return Reply(tool_calls=[("b", "wait", {})]) if len(results) == 1 else Reply('{"refund": true}')

    async with a_place(tmp_path, script, make) as here:
        async with here.runtime() as first:
            await first.send(make()[0]["1"].chat, "help")
            await until(lambda: bool(slow))
        go.set()
        async with here.runtime() as second:
            await idle(second, "team/1")
            assert await end(second, "team/1") == {"refund": True}
            found = [p for _, _, p in await places(second, "team/1", "model")]
            assert found == ["model-1.1", "tool-1-1/model-1.1", "model-2.1", "model-3.1"]
        assert len(here.vendor.calls) == 4
        assert [m["content"] for m in here.vendor.calls[-1].messages if m["role"] == "tool"] == ["expertise", "waited"]
        assert here.vendor.calls[0].body["response_format"]["json_schema"]["schema"]["properties"].keys() == {"refund"}


async def test_a_tool_that_needs_approval_asks_a_person(tmp_path: Path) -> None:
    paid: list[int] = []

    @agents.function_tool(needs_approval=True)
    def pay(cents: int) -> str:
        """Pay."""
        paid.append(cents)
        return "paid"

    def make() -> list[Agent]:
        agent: agents.Agent[Any] = agents.Agent(name="payer", tools=[pay])
        return [openai_agent("payer", agent, model="m")]

    def script(call: Call) -> Reply:
        done = call.messages[-1]["role"] == "tool"
        return Reply(f"it is {call.messages[-1]['content']}") if done else Reply(tool_calls=[("a", "pay", {"cents": 5})])

    async with a_place(tmp_path, script, make) as here:
        async with here.runtime() as first:
            await first.send(make()[0]["1"].chat, "pay")
            async with asyncio.timeout(10):
                while not (asked := await first.asks()):
                    await asyncio.sleep(0.01)
            assert "pay be called with" in asked[0].question and not paid
        async with here.runtime() as second:
            await second.answer("payer/1", "yes")
            await idle(second, "payer/1")
            assert await end(second, "payer/1") == "it is paid"
        assert paid == [5] and len(here.vendor.calls) == 2


async def test_a_streamed_run_and_an_error_of_the_gateway(tmp_path: Path) -> None:
    heard: list[str] = []

    def make() -> list[Agent]:
        inner: agents.Agent[Any] = agents.Agent(name="inner")
        agent = Agent("streams")

        @agent.handler
        async def chat(ctx: Context, content: str) -> Any:
            async def talk() -> Any:
                config = agents.RunConfig(model_provider=HoldfastProvider("m"), tracing_disabled=True)
                result = agents.Runner.run_streamed(durable_agent(inner), content, run_config=config)
                async for event in result.stream_events():
                    heard.append(event.type)
                return result.final_output

            return await Places(ctx).host(talk())

        assert chat
        return [agent, openai_agent("plain", inner, model="m")]

    script = bad.first(1, Reply("one two"), then=bad.ContextLength())
    async with a_place(tmp_path, script, make) as here, here.runtime() as runtime:
        assert await runtime.call(make()[0]["1"].chat, "count") == "one two"
        assert "raw_response_event" in heard and "run_item_stream_event" in heard
        with pytest.raises(HoldfastError) as caught:
            await runtime.call(make()[1]["1"].chat, "count")
        assert caught.value.code == "model.too_long"
