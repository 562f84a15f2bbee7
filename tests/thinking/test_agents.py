"""Thinking agents over a real model server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

import holdfast
from holdfast import Agent, Context, HoldfastError, Runtime, ToolFailed, tool
from holdfast.models.routes import Models, Target
from holdfast.testing import models as bad
from holdfast.testing.models import Call, Reply, Vendor


@asynccontextmanager
async def running(
    agents: list[Agent], script: Any, store: str = "memory://", **target: Any
) -> AsyncGenerator[tuple[Runtime, Vendor]]:
    """A runtime whose route ``m`` is one vendor."""
    async with Vendor(script) as vendor:
        limits: dict[str, Any] = {"first_token_seconds": 1.0, "stall_seconds": 1.0, "connect_seconds": 1.0}
        models = Models(targets=[Target(name="m", vendor="v", url=vendor.url, model="m1", **limits, **target)])
        async with Runtime(agents, store, models=models, lease_seconds=2.0) as runtime:
            yield runtime, vendor


async def steps(runtime: Runtime, address: str) -> list[tuple[str, str]]:
    return [(r.verb, r.name) for r in await runtime.journal(address) if r.verb in ("model", "tool", "call")]


def said(call: Call) -> list[tuple[str, Any]]:
    return [(m["role"], m.get("content")) for m in call.messages]


async def test_it_calls_tools_side_by_side_and_remembers() -> None:
    running_now: list[int] = []

    async def lookup(order: int) -> str:
        """Look an order up."""
        running_now.append(order)
        async with asyncio.timeout(5):
            while len(running_now) < 2:
                await asyncio.sleep(0.001)
        return f"order {order} is on its way"

    def script(call: Call) -> Reply:
        if call.messages[-1]["role"] == "tool":
            return Reply("both are on their way")
        if call.text == "thanks":
            return Reply("welcome")
        return Reply(tool_calls=[("a", "lookup", {"order": 1}), ("b", "lookup", {"order": 2})])

    support = Agent("support", model="m", instructions="Be kind.", tools=[lookup])
    async with running([support], script) as (runtime, vendor):
        assert await runtime.call(support["7"].chat, "where are 1 and 2?") == "both are on their way"
        assert await steps(runtime, "support/7") == [("model", "m"), ("tool", "lookup"), ("tool", "lookup"), ("model", "m")]
        assert await runtime.call(support["7"].chat, "thanks") == "welcome"
    assert said(vendor.calls[0]) == [("system", "Be kind."), ("user", "where are 1 and 2?")]
    tools = vendor.calls[0].body["tools"][0]["function"]
    assert tools["name"] == "lookup" and tools["description"] == "Look an order up."
    assert tools["parameters"]["properties"] == {"order": {"type": "integer"}}
    results = [m["content"] for m in vendor.calls[1].messages if m["role"] == "tool"]
    assert results == ["order 1 is on its way", "order 2 is on its way"]
    assert [role for role, _ in said(vendor.calls[2])] == [
        "system",
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "user",
    ]


async def test_what_a_tool_cannot_do_is_told_to_the_model() -> None:
    def refuse(order: int) -> str:
        raise ToolFailed("orders cannot be cancelled on Sundays")

    def broken(order: int) -> str:
        raise ValueError("no database")

    calls: list[Any] = [
        ("a", "refuse", {"order": 1}),
        ("b", "broken", {"order": 1}),
        ("c", "nothing", {}),
        ("d", "refuse", {"order": "x"}),
        ("e", "refuse", '{"order": '),
        ("f", "refuse", {}),
    ]
    agent = Agent("a", model="m", tools=[refuse, broken])
    async with running([agent], bad.first(1, Reply(tool_calls=calls), then=Reply("sorry"))) as (runtime, vendor):
        assert await runtime.call(agent["1"].chat, "cancel it") == "sorry"
    told = [m["content"] for m in vendor.calls[1].messages if m["role"] == "tool"]
    assert told[0] == "Error: orders cannot be cancelled on Sundays"
    assert told[1] == "Error: no database"
    assert "There is no tool 'nothing'. There are: refuse, broken" in told[2]
    assert "'order'" in told[3] and "not valid JSON" in told[4] and "'order' is missing" in told[5]


@dataclass
class Verdict:
    """What came of it."""

    refund: bool
    cents: int = 0


async def test_answers_have_the_form_that_was_asked_for() -> None:
    agent = Agent("judge", model="m", output=Verdict)
    answers = bad.sequence(Reply("yes!"), Reply('{"refund": "maybe"}'), Reply('{"refund": true, "cents": 40}'))
    async with running([agent], answers) as (runtime, vendor):
        found = await runtime.call(agent["1"].chat, "refund?")
        assert msgspec.convert(found, Verdict) == Verdict(True, 40)
        assert len(vendor.calls) == 3 and "not valid JSON" in vendor.calls[1].text
        assert vendor.calls[0].body["response_format"]["json_schema"]["schema"]["properties"]["refund"] == {
            "type": "boolean"
        }
    async with running([agent], bad.always(Reply("never"))) as (runtime, vendor):
        with pytest.raises(HoldfastError) as caught:
            await runtime.call(agent["2"].chat, "refund?")
        assert caught.value.code == "agent.no_answer" and len(vendor.calls) == 3


async def test_a_model_is_not_asked_again_for_what_it_said(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'a.db'}"
    worked = asyncio.Event()
    blocked = True

    async def work() -> str:
        worked.set()
        if blocked:
            await asyncio.sleep(60)
        return "done"

    def script(call: Call) -> Reply:
        return Reply("finished") if call.messages[-1]["role"] == "tool" else Reply(tool_calls=[("a", "work", {})])

    agent = Agent("a", model="m", tools=[work])
    async with Vendor(script) as vendor:
        models = Models(targets=[Target(name="m", vendor="v", url=vendor.url, model="m1")])
        first = Runtime([agent], store, models=models)
        await first.start()
        await first.send(agent["1"].chat, "go")
        await asyncio.wait_for(worked.wait(), 5)
        await first.stop(0)
        blocked = False
        async with Runtime([agent], store, models=models) as second:
            async with asyncio.timeout(10):
                while (await second.describe("a/1")).doing != "idle":
                    await asyncio.sleep(0.01)
            conversation = await second.call(agent["1"].conversation)
            assert conversation[-1].parts[0].text == "finished"
        assert len(vendor.calls) == 2


async def test_one_agent_is_another_ones_tool_and_can_take_over() -> None:
    billing = Agent("billing", model="m", instructions="billing", description="Knows invoices.")
    front = Agent("front", model="m", instructions="front", tools=[billing.as_tool()], handoffs=[billing])

    def script(call: Call) -> Reply:
        if call.messages[0]["content"] == "billing":
            return Reply(f"billing heard: {call.text}")
        if call.messages[-1]["role"] == "tool":
            return Reply(f"they say: {call.messages[-1]['content']}")
        if call.text == "give me billing":
            return Reply(tool_calls=[("h", "hand_over_to_billing", {"content": "a customer"})])
        return Reply(tool_calls=[("a", "billing", {"content": "what is owed?"})])

    async with running([front, billing], script) as (runtime, _):
        assert await runtime.call(front["1"].chat, "hi") == "they say: billing heard: what is owed?"
        assert await runtime.call(front["1"].chat, "give me billing") == "billing heard: a customer"
        assert await runtime.call(front["1"].chat, "and now?") == "billing heard: and now?"


async def test_a_tool_with_a_context_makes_steps_of_its_own() -> None:
    @tool(idempotent=False, destinations=["to"])
    async def pay(ctx: Context, to: str, cents: int) -> str:
        """Pay somebody."""
        total = await ctx.state.get("paid", 0) + cents
        await ctx.state.set("paid", total)
        return f"paid {to}, {total} in all"

    agent = Agent("a", model="m", tools=[pay])
    replies = bad.first(1, Reply(tool_calls=[("a", "pay", {"to": "x", "cents": 5})]), then=Reply("ok"))
    async with running([agent], replies) as (runtime, vendor):
        await runtime.call(agent["1"].chat, "pay")
        assert (await runtime.state("a/1"))["paid"] == 5
        assert [m["content"] for m in vendor.calls[1].messages if m["role"] == "tool"] == ["paid x, 5 in all"]
        assert ("tool", "pay") in await steps(runtime, "a/1")


async def test_without_a_vendor_it_waits_as_rows_and_comes_back() -> None:
    up = False
    agent = Agent("a", model="m")

    def script(call: Call) -> Any:
        return Reply("here again") if up else bad.ServerError(503)

    async with running([agent], script) as (runtime, vendor):
        for n in range(20):
            await runtime.send(agent[str(n)].chat, "hello")
        async with asyncio.timeout(20):
            while len(await runtime.waits(verb="provider")) < 20:
                await asyncio.sleep(0.02)
        asked = len(vendor.calls)
        assert asked < 60
        view = await runtime.describe("a/3")
        assert "provider" in view.waits_for
        up = True
        async with asyncio.timeout(30):
            while (await runtime.stats())["waiting"]:
                await asyncio.sleep(0.02)
        answers = [await runtime.call(agent[str(n)].conversation) for n in range(20)]
        assert all(a[-1].parts[0].text == "here again" for a in answers)


async def test_what_it_says_can_be_seen_as_it_comes() -> None:
    agent = Agent("a", model="m")
    async with running([agent], bad.always(Reply("one two three", chunks=3, chunk_delay=0.01))) as (runtime, _):
        pieces: list[Any] = []

        async def look() -> None:
            async for piece in runtime.channel.stream("watch", address="a/1"):
                pieces.append(piece)

        watching = asyncio.create_task(look())
        while not pieces:
            await asyncio.sleep(0)
        await runtime.call(agent["1"].chat, "count")
        async with asyncio.timeout(5):
            while pieces[-1].kind != "ended":
                await asyncio.sleep(0.001)
        watching.cancel()
        assert "".join(p.text for p in pieces if p.kind == "grew") == "one two three"
        assert len([p for p in pieces if p.kind == "grew"]) == 3
        assert not [r for r in await runtime.journal("a/1") if "grew" in str(r)]


async def test_a_long_conversation_is_summed_up_and_the_journal_keeps_it() -> None:
    def script(call: Call) -> Reply:
        if call.text.startswith("Sum up"):
            return Reply("they like blue")
        return Reply("blue " * 300)

    agent = Agent("a", model="m", memory_tokens=1_000)
    async with running([agent], script) as (runtime, vendor):
        for n in range(6):
            await runtime.call(agent["1"].chat, f"question {n}")
        system = [m["content"] for m in vendor.calls[-1].messages if m["role"] == "system"]
        assert system and "they like blue" in system[0]
        assert sum(len(str(m["content"])) for m in vendor.calls[-1].messages) < 8_000
        kept = await runtime.state("a/1")
        assert len([k for k in kept if k.startswith("said/")]) < 6
        await runtime.call(agent["1"].forget)
        assert await runtime.call(agent["1"].conversation) == []


async def test_an_agent_that_never_comes_to_an_end_is_stopped() -> None:
    def look() -> str:
        return "nothing yet"

    agent = Agent("a", model="m", tools=[look], rounds=4)
    async with running([agent], bad.always(Reply(tool_calls=[("a", "look", {})]))) as (runtime, vendor):
        with pytest.raises(HoldfastError) as caught:
            await runtime.call(agent["1"].chat, "go")
        assert caught.value.code == "agent.too_many_rounds" and len(vendor.calls) == 4


async def test_a_handler_can_ask_a_model_itself() -> None:
    plain = Agent("plain")

    @plain.handler
    async def sum_up(ctx: Context, text: str) -> str:
        answer = await ctx.model(f"Sum up: {text}", model="m", max_tokens=50)
        return answer.text.upper()

    async with running([plain], bad.always(Reply("short"))) as (runtime, vendor):
        assert await runtime.call(sum_up["1"], "a long text") == "SHORT"
        assert vendor.calls[0].body["max_tokens"] == 50
    async with Runtime([plain], "memory://") as runtime:
        with pytest.raises(HoldfastError) as caught:
            await runtime.call(sum_up["1"], "x")
        assert caught.value.code == "models.none"


def refund(to: str) -> str:
    """Refund."""
    return to


def test_mistakes_in_an_agent_are_told_when_it_is_made() -> None:
    def one() -> str:
        return ""

    with pytest.raises(holdfast.Rejected, match="two tools named"):
        Agent("a", model="m", tools=[one, one])
    with pytest.raises(holdfast.Rejected, match="no model="):
        Agent("a", tools=[one])
    with pytest.raises(holdfast.Rejected, match="is no tool"):
        Agent("a", model="m", tools=[3])
    with pytest.raises(holdfast.Rejected, match="declares 'iban'"):
        tool(destinations=["iban"])(refund)
