"""What a person says to a turn under way is heard where the turn listens, once, and after any restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from heart_world import World, is_doing, until
from holdfast import Agent, Context, Rejected, Runtime
from holdfast.models.routes import Models, Target
from holdfast.testing.models import Call, Reply, Vendor
from holdfast.thinking import Mind, converse


@asynccontextmanager
async def thinking(world: World, agents: list[Agent], script: Any) -> AsyncGenerator[tuple[Runtime, Vendor]]:
    async with Vendor(script) as vendor:
        models = Models(targets=[Target(name="m", vendor="v", url=vendor.url, model="m1")])
        async with world.runtime(*agents, models=models) as runtime:
            yield runtime, vendor


def _waiter() -> tuple[Agent, Any]:
    desk = Agent("desk")

    @desk.handler
    async def handle(ctx: Context) -> list[str]:
        before = [w.text for w in await ctx.steered()]
        await ctx.wait("go")
        words = await ctx.steered()
        await ctx.wait("end")
        return [*before, *(f"{w.by}: {w.text}" for w in words), *(w.text for w in await ctx.steered())]

    return desk, handle


async def test_a_handler_hears_what_was_said_when_it_asks(world: World) -> None:
    desk, handle = _waiter()
    async with world.runtime(desk) as runtime:
        answer = asyncio.create_task(runtime.call(handle["1"]))
        await until(lambda: is_doing(runtime, "desk/1", "waiting for event"))
        await runtime.steer("desk/1", "mind the gap", by="ada")
        await runtime.steer("desk/1", "be quick", by="bob")
        await runtime.signal("desk/1", "go")
        await until(lambda: _heard(runtime, 2))
        await runtime.signal("desk/1", "end")
        assert await answer == ["ada: mind the gap", "bob: be quick"]
        notes = [e for e in await runtime.journal("desk/1") if e.verb == "steer"]
        assert [(n.name, n.detail["text"], n.labels) for n in notes] == [
            ("ada", "mind the gap", ("person:ada",)),
            ("bob", "be quick", ("person:bob",)),
        ]
        assert {"person:ada", "person:bob"} <= set((await runtime.journal("desk/1"))[-1].labels)


async def _heard(runtime: Runtime, how_often: int) -> bool:
    return sum(e.verb == "steered" for e in await runtime.journal("desk/1")) >= how_often


async def test_what_was_said_survives_restarts_before_and_after_it_was_heard(world: World) -> None:
    desk, handle = _waiter()
    async with world.runtime(desk) as runtime:
        await runtime.send(handle["1"])
        await until(lambda: is_doing(runtime, "desk/1", "waiting for event"))
        await runtime.steer("desk/1", "mind the gap", by="ada")
        await until(lambda: _noted(runtime))
    async with world.runtime(desk) as runtime:
        await runtime.signal("desk/1", "go")
        await until(lambda: _heard(runtime, 2))
    async with world.runtime(desk) as runtime:
        await runtime.steer("desk/1", "and now", by="ada")
        await runtime.signal("desk/1", "end")
        end = await until(lambda: _end(runtime, "desk/1"))
        assert end.value == ["ada: mind the gap", "and now"]


async def _noted(runtime: Runtime) -> bool:
    return any(e.verb == "steer" for e in await runtime.journal("desk/1"))


async def _end(runtime: Runtime, address: str) -> Any:
    return next((e for e in await runtime.journal(address) if e.kind == "end"), None)


async def test_a_thinking_agent_is_told_before_its_next_request(world: World) -> None:
    gate = asyncio.Event()

    async def lookup(order: int) -> str:
        """Look an order up."""
        await gate.wait()
        return "in Oslo"

    def script(call: Call) -> Reply:
        if call.messages[-1]["role"] == "user" and "meanwhile" in str(call.messages[-1]["content"]):
            return Reply("I will not tell.")
        if call.messages[-1]["role"] == "tool":
            return Reply("It is in Oslo.")
        return Reply(tool_calls=[("a", "lookup", {"order": 1})])

    support = Agent("support", model="m", tools=[lookup])
    async with thinking(world, [support], script) as (runtime, vendor):
        answer = asyncio.create_task(runtime.call(support["1"].chat, "where is it?"))
        await until(lambda: _asked(vendor, 1))
        await until(lambda: is_doing(runtime, "support/1", "working"))
        await runtime.steer("support/1", "Do not tell where it is.", by="ada")
        await until(lambda: _steered(runtime))
        gate.set()
        assert await answer == "I will not tell."
        assert [m["role"] for m in vendor.calls[-1].messages] == ["user", "assistant", "tool", "user"]
        assert vendor.calls[-1].messages[-1]["content"] == "ada says meanwhile: Do not tell where it is."
        last = [e for e in await runtime.journal("support/1") if e.verb == "model"][-1]
        assert [w["text"] for w in last.detail["heard"]] == ["Do not tell where it is."]
        assert "person:ada" in last.labels
        said = await runtime.call(support["1"].conversation)
        assert [s.role for s in said] == ["user", "assistant", "user", "user", "assistant"]
        await runtime.call(support["1"].chat, "and now?")  # it remembers the word as part of the conversation
        assert "ada says meanwhile" in str(vendor.calls[-1].messages)


async def _asked(vendor: Vendor, times: int) -> bool:
    return len(vendor.calls) >= times


async def _steered(runtime: Runtime) -> bool:
    return any(e.verb == "steer" for e in await runtime.journal("support/1"))


async def test_what_is_said_while_the_model_gives_its_last_answer_is_answered_too(world: World) -> None:
    gate = asyncio.Event()

    async def script(call: Call) -> Reply:
        if "meanwhile" in str(call.messages):
            return Reply("In Oslo, as I said, and I am brief now.")
        await gate.wait()
        return Reply("In Oslo, where it has been since Tuesday.")

    support = Agent("support", model="m")
    async with thinking(world, [support], script) as (runtime, vendor):
        answer = asyncio.create_task(runtime.call(support["1"].chat, "where is it?"))
        await until(lambda: _asked(vendor, 1))
        await until(lambda: is_doing(runtime, "support/1", "working"))
        await runtime.steer("support/1", "Be brief.", by="ada")
        await until(lambda: _steered(runtime))
        gate.set()
        assert await answer == "In Oslo, as I said, and I am brief now."
        assert [m["role"] for m in vendor.calls[-1].messages] == ["user", "assistant", "user"]
        assert len(vendor.calls) == 2


async def test_what_is_said_after_the_last_answer_does_not_change_how_the_turn_replays(world: World) -> None:
    def script(call: Call) -> Reply:
        return Reply("heard it" if "meanwhile" in str(call.messages) else "in Oslo")

    desk, mind = Agent("desk"), Mind("m")

    @desk.handler
    async def answer(ctx: Context) -> str:
        said = await converse(ctx, mind, "where is it?")
        await ctx.wait("go")
        return said

    async with thinking(world, [desk], script) as (runtime, _):
        await runtime.send(answer["1"])
        await until(lambda: is_doing(runtime, "desk/1", "waiting for event"))
        await runtime.steer("desk/1", "Look again.", by="ada")
        await until(lambda: _noted(runtime))
    async with thinking(world, [desk], script) as (runtime, vendor):
        await runtime.signal("desk/1", "go")
        end = await until(lambda: _end(runtime, "desk/1"))
        assert end.value == "in Oslo" and not vendor.calls


async def test_a_word_is_heard_once_however_often_the_turn_starts_again(world: World) -> None:
    """The turn leaves memory after the request that heard the word: its replay knows it, and nothing asks again."""

    async def approve(ctx: Context) -> str:
        """Ask a person."""
        return await ctx.ask("ok?", choices=["yes", "no"])

    def script(call: Call) -> Reply:
        told = "meanwhile" in str(call.messages)
        answered = sum(m["role"] == "tool" for m in call.messages)
        if answered < 2:
            return Reply(tool_calls=[(f"c{answered}", "approve", {})])
        return Reply(f"done, told: {told}, {str(call.messages).count('meanwhile')}")

    support = Agent("support", model="m", tools=[approve])
    async with thinking(world, [support], script) as (runtime, _):
        await runtime.send(support["1"].chat, "go")
        await until(lambda: is_doing(runtime, "support/1", "waiting for person"))
        await runtime.steer("support/1", "Take care.", by="ada")
        await until(lambda: _steered(runtime))
    async with thinking(world, [support], script) as (runtime, vendor):
        await runtime.answer("support/1", "yes")
        await until(lambda: _asked(vendor, 1))
        await until(lambda: is_doing(runtime, "support/1", "waiting for person"))
        assert str(vendor.calls[-1].messages).count("meanwhile") == 1
    async with thinking(world, [support], script) as (runtime, vendor):
        await runtime.answer("support/1", "yes")
        end = await until(lambda: _end(runtime, "support/1"))
        assert end.value == "done, told: True, 1" and len(vendor.calls) == 1


async def test_a_fork_knows_what_was_said_before_its_point(world: World) -> None:
    desk, handle = _waiter()
    async with world.runtime(desk) as runtime:
        await runtime.send(handle["1"])
        await until(lambda: is_doing(runtime, "desk/1", "waiting for event"))
        await runtime.steer("desk/1", "mind the gap", by="ada")
        await until(lambda: _noted(runtime))
        await runtime.signal("desk/1", "go")
        await until(lambda: _heard(runtime, 2))
        turn = (await runtime.journal("desk/1"))[0].turn
        await runtime.fork("desk/1", "desk/2", turn=turn, before="3")
        await until(lambda: is_doing(runtime, "desk/2", "waiting for event"))
        await runtime.signal("desk/2", "end")
        await until(lambda: _end_of_second(runtime))
        assert (await _end_of_second(runtime)).value == ["ada: mind the gap"]


async def _end_of_second(runtime: Runtime) -> Any:
    ends = [e for e in await runtime.journal("desk/2") if e.kind == "end"]
    return ends[1] if len(ends) > 1 else None


async def test_who_has_nothing_open_cannot_be_steered_and_of_several_one_must_be_named(world: World) -> None:
    many = Agent("many")

    @many.handler(shared=True)
    async def look(ctx: Context) -> list[str]:
        await ctx.wait("go")
        return [w.text for w in await ctx.steered()]

    @many.handler
    async def rest(ctx: Context) -> None: ...

    async with world.runtime(many) as runtime:
        await runtime.call(rest["1"])
        with pytest.raises(Rejected) as refused:
            await runtime.steer("many/1", "hello")
        assert refused.value.code == "steer.nothing_open"
        for _ in range(2):
            await runtime.send(look["1"])
        await until(lambda: _both(runtime))
        with pytest.raises(Rejected) as refused:
            await runtime.steer("many/1", "hello")
        assert refused.value.code == "steer.which"
        first, second = refused.value.details["turns"]
        await runtime.steer("many/1", "hello", turn=second)
        await runtime.signal("many/1", "go")
        await runtime.signal("many/1", "go")
        ends = await until(lambda: _ends(runtime, 2))
        assert ends == {first: [], second: ["hello"]}


async def _both(runtime: Runtime) -> bool:
    turns = (await runtime.describe("many/1")).turns
    return len([t for t in turns if t.turn and t.status == "waiting"]) == 2


async def _ends(runtime: Runtime, how_many: int) -> Any:
    found = {e.turn: e.value for e in await runtime.journal("many/1") if e.kind == "end" and e.value is not None}
    return found if len(found) == how_many else None
