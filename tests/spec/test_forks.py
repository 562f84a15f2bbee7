"""Forks: a new agent begins with what another one had, and neither touches the other again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from heart_world import World, effects_reach, is_doing, until
from holdfast import Agent, Conflict, Context, HoldfastError, NotFound, Rejected, Runtime

COUNT = Agent("count")


@COUNT.handler
async def add(ctx: Context, n: int) -> int:
    total = await ctx.state.get("total", 0) + n
    await ctx.state.set("total", total)
    if n == 13:
        await ctx.state.delete("total")
    return total


@COUNT.handler
async def note(ctx: Context, key: str, value: Any) -> None:
    await ctx.state.set(key, value)


@COUNT.handler
async def leave(ctx: Context) -> None:
    await ctx.retire()


async def turns(runtime: Runtime, address: str) -> list[int]:
    return sorted({e.turn for e in await runtime.journal(address)})


async def test_a_fork_has_the_state_as_it_stands(world: World) -> None:
    async with world.runtime(COUNT) as runtime:
        for n in (1, 2, 3):
            await runtime.call(add["a"], n)
        done = await runtime.fork("count/a", "count/b", why="to see")
        assert (done.values, done.answered, done.goes_on_with) == (1, 0, "")
        assert await runtime.state("count/b") == {"total": 6}
        assert await runtime.call(add["b"], 10) == 16
        assert await runtime.call(add["a"], 100) == 106
        first = (await runtime.journal("count/b"))[0]
        end = (await runtime.journal("count/a"))[-3]
        assert (first.verb, first.name, first.detail["why"]) == ("fork", "default/count/a", "to see")
        assert first.detail["seq"] == end.seq and len(first.detail["hash"]) == 64


async def test_the_state_after_each_turn_can_be_had(world: World) -> None:
    async with world.runtime(COUNT) as runtime:
        for n in (1, 2, 13, 4):
            await runtime.call(add["a"], n)
        await runtime.call(note["a"], "mood", "fine")
        await runtime.call(leave["a"])
        await runtime.call(add["a"], 50)
        wanted = [{"total": 1}, {"total": 3}, {}, {"total": 4}, {"total": 4, "mood": "fine"}, {}, {"total": 50}]
        for place, (turn, state) in enumerate(zip(await turns(runtime, "count/a"), wanted, strict=True)):
            await runtime.fork("count/a", f"count/f{place}", turn=turn)
            assert await runtime.state(f"count/f{place}") == state, turn
        assert await runtime.state("count/a") == {"total": 50}


async def test_a_fork_of_a_fork_knows_its_past(world: World) -> None:
    async with world.runtime(COUNT) as runtime:
        await runtime.call(add["a"], 5)
        await runtime.fork("count/a", "count/b")
        await runtime.call(add["b"], 1)
        await runtime.fork("count/b", "count/c", turn=1)
        assert await runtime.state("count/c") == {"total": 5}


async def test_labels_go_with_the_values(world: World) -> None:
    reader = Agent("reader")

    @reader.handler
    async def read(ctx: Context) -> None:
        await ctx.state.set("found", await ctx.run(world.effect, "page", labels=["tool:web", "untrusted"]))

    async with world.runtime(reader) as runtime:
        await runtime.call(read["a"])
        await runtime.fork("reader/a", "reader/b")
        [entry] = [e for e in await runtime.journal("reader/b") if e.verb == "set"]
        assert {"tool:web", "untrusted"} <= set(entry.labels)
        there = (await runtime.store.state("default/reader/b"))["found"]
        assert set(there.labels) == set(entry.labels)


async def test_before_a_step_the_turn_goes_on_for_real_and_nothing_is_repeated(world: World) -> None:
    trip = Agent("trip")
    heard: list[str] = []

    @trip.handler
    async def book(ctx: Context, where: str) -> list[str]:
        await ctx.state.set("where", where)
        hotel = await ctx.run(world.effect, "hotel")
        await ctx.state.set("hotel", hotel)
        flight = await ctx.run(world.effect, "flight")
        heard.append(await ctx.state.get("where"))
        return [hotel, flight, ctx.sender]

    async with world.runtime(trip) as runtime:
        answer = await runtime.options(sender="ada").call(book["1"], "Rome")
        [turn] = await turns(runtime, "trip/1")
        done = await runtime.fork("trip/1", "trip/2", turn=turn, before="4")
        assert (done.answered, done.goes_on_with) == (3, "run effect")
        await until(lambda: effects_reach(world, 3))
        assert world.effects == ["hotel", "flight", "flight"]
        ended = await until(lambda: _ended(runtime, "trip/2", 2))
        assert ended.value == answer == ["hotel", "flight", "ada"]
        assert heard == ["Rome", "Rome"]
        assert await runtime.state("trip/2") == {"where": "Rome", "hotel": "hotel"}
        story = await runtime.story("trip/2", (await turns(runtime, "trip/2"))[1])
        assert story.args == ["Rome"] and story.line.sender == "ada"


async def _ended(runtime: Runtime, address: str, how_many: int) -> Any:
    ends = [e for e in await runtime.journal(address) if e.kind == "end"]
    return ends[-1] if len(ends) >= how_many else None


async def test_what_waited_waits_anew_and_what_was_answered_later_is_not_known(world: World) -> None:
    desk = Agent("desk")

    @desk.handler
    async def handle(ctx: Context) -> str:
        await ctx.run(world.effect, "look")
        answer = await ctx.ask("go on?", choices=["yes", "no"])
        await ctx.run(world.effect, f"did {answer}")
        return answer

    async with world.runtime(desk) as runtime:
        waiting = asyncio.create_task(runtime.call(handle["1"]))
        await until(lambda: is_doing(runtime, "desk/1", "waiting for person"))
        await runtime.answer("desk/1", "yes")
        assert await waiting == "yes"
        [turn] = await turns(runtime, "desk/1")
        await runtime.fork("desk/1", "desk/2", turn=turn, before="2")
        await until(lambda: is_doing(runtime, "desk/2", "waiting for person"))
        await runtime.answer("desk/2", "no")
        await until(lambda: _ended(runtime, "desk/2", 2))
        assert world.effects == ["look", "did yes", "did no"]
        await runtime.fork("desk/1", "desk/3", turn=turn, before="3")  # behind the answer: it is part of the past
        await until(lambda: _ended(runtime, "desk/3", 2))
        assert world.effects[3:] == ["did yes"]


async def test_calls_that_were_made_are_answered_as_they_were(world: World) -> None:
    boss, clerk = Agent("boss"), Agent("clerk")

    @clerk.handler
    async def work(ctx: Context, n: int) -> int:
        if n == 2:
            await ctx.wait("go")
        return await ctx.run(world.effect, n)

    @boss.handler
    async def share(ctx: Context) -> list[int]:
        both = await ctx.gather(ctx.call(work["x"], 1), ctx.call(work["y"], 2))
        await ctx.run(world.effect, "sum")
        return both

    async with world.runtime(boss, clerk) as runtime:
        waiting = asyncio.create_task(runtime.call(share["1"]))
        await until(lambda: is_doing(runtime, "clerk/y", "waiting for event"))
        await until(lambda: effects_reach(world, 1))
        await until(lambda: _answered(runtime, "boss/1"))
        [turn] = await turns(runtime, "boss/1")
        with pytest.raises(Conflict, match="has not ended") as open_:
            await runtime.fork("boss/1", "boss/9", turn=turn)
        assert open_.value.code == "fork.turn_open"
        await runtime.signal("clerk/y", "go")
        assert await waiting == [1, 2]
        await runtime.fork("boss/1", "boss/2", turn=turn, before="3")
        end = await until(lambda: _ended(runtime, "boss/2", 2))
        assert end.value == [1, 2]
        assert world.effects == [1, 2, "sum", "sum"]  # nobody asked the clerks again


async def _answered(runtime: Runtime, address: str) -> bool:
    return any(e.kind == "result" for e in await runtime.journal(address))


async def test_a_call_without_an_answer_cannot_be_forked_over(world: World) -> None:
    boss, clerk = Agent("boss"), Agent("clerk")

    @clerk.handler
    async def work(ctx: Context) -> None:
        await ctx.wait("go")

    @boss.handler
    async def share(ctx: Context) -> None:
        async def later() -> None:
            await ctx.wait("start")
            await ctx.run(world.effect, "second")

        await ctx.gather(ctx.call(work["x"]), later())

    async with world.runtime(boss, clerk) as runtime:
        await runtime.send(share["1"])
        await until(lambda: is_doing(runtime, "clerk/x", "waiting for event"))
        await runtime.signal("boss/1", "start")
        await until(lambda: effects_reach(world, 1))
        [turn] = await turns(runtime, "boss/1")
        path = await until(lambda: _path_of_effect(runtime, "boss/1"))
        with pytest.raises(Conflict) as refused:
            await runtime.fork("boss/1", "boss/2", turn=turn, before=path)
        assert refused.value.code == "fork.in_flight"


async def _path_of_effect(runtime: Runtime, address: str) -> str:
    return next((e.path for e in await runtime.journal(address) if e.name == "effect"), "")


async def test_an_effect_in_doubt_is_in_doubt_for_the_fork(world: World) -> None:
    payer = Agent("payer")

    @payer.handler
    async def pay(ctx: Context) -> None:
        async def later() -> None:
            await ctx.wait("start")
            await ctx.run(world.effect, "second")

        async def first() -> str:
            world.effects.append("paid")
            await asyncio.Event().wait()
            return ""

        await ctx.gather(ctx.run(first, name="pay", idempotent=False), later())

    async with world.runtime(payer) as runtime:
        await runtime.send(pay["1"])
        await until(lambda: effects_reach(world, 1))
        await runtime.signal("payer/1", "start")
        await until(lambda: effects_reach(world, 2))
        [turn] = await turns(runtime, "payer/1")
        path = await until(lambda: _path_of_effect(runtime, "payer/1"))
        await runtime.fork("payer/1", "payer/2", turn=turn, before=path)
        await until(lambda: is_doing(runtime, "payer/2", "waiting for person"))
        [question] = await runtime.asks_of("payer/2")
        assert "started" in question.question and world.effects.count("paid") == 1
        await runtime.kill("payer/1")
        await runtime.kill("payer/2")


async def test_what_cannot_be_forked_says_why(world: World) -> None:
    other = Agent("other")

    @other.handler
    async def handle(ctx: Context) -> None: ...

    async with world.runtime(COUNT, other) as runtime:
        await runtime.call(add["a"], 1)
        await runtime.call(add["b"], 1)
        for given, code in (
            ({"address": "count/a", "to": "count/b"}, "fork.exists"),
            ({"address": "count/a", "to": "count/a"}, "fork.elsewhere"),
            ({"address": "count/a", "to": "other/x"}, "fork.elsewhere"),
            ({"address": "count/a", "to": "acme/count/x"}, "fork.elsewhere"),
            ({"address": "count/none", "to": "count/x"}, "agent.unknown"),
            ({"address": "count/a", "to": "count/x", "turn": 77}, "turn.unknown"),
            ({"address": "count/a", "to": "count/x", "turn": 1, "before": "9"}, "fork.no_step"),
            ({"address": "count/a", "to": "count/x", "before": "1"}, "fork.no_step"),
        ):
            with pytest.raises(HoldfastError) as refused:
                await runtime.fork(**given)
            assert refused.value.code == code, given
        with pytest.raises(NotFound):
            await runtime.describe("count/x")


async def test_nobody_else_can_make_an_agent_begin_with_a_past(world: World) -> None:
    async with world.runtime(COUNT) as runtime:
        with pytest.raises(NotFound):
            await runtime.channel.request("send", to="count/x", handler="holdfast.fork", payload=b"\x92\x90\x80")


async def test_the_same_key_forks_once(world: World) -> None:
    async with world.runtime(COUNT) as runtime:
        await runtime.call(add["a"], 1)
        await runtime.fork("count/a", "count/b", key="k")
        await runtime.fork("count/a", "count/b", key="k")
        assert len(await turns(runtime, "count/b")) == 1


async def test_a_dry_run_tells_what_would_be_copied_and_copies_nothing(world: World) -> None:
    async with world.runtime(COUNT) as runtime:
        await runtime.call(add["a"], 1)
        [turn] = await turns(runtime, "count/a")
        given = {"address": "count/a", "to": "count/b", "turn": turn, "before": "1", "dry_run": True}
        told = await runtime.operations.invoke("fork", given)
        assert told.would == (
            "begin count/b with what count/a had: 0 values of state (0 bytes); its turn 1 again, 0 steps answered from the "
            "copy, from set total on for real"
        )
        with pytest.raises(NotFound):
            await runtime.describe("count/b")


async def test_what_retention_took_is_not_guessed(world: World) -> None:
    async with world.runtime(COUNT) as runtime:
        await runtime.call(note["a"], "kept", 1)
        for n in (1, 2, 3):
            await runtime.call(add["a"], n)
        before = await turns(runtime, "count/a")
        middle = (await runtime.journal("count/a"))[-1].at + 1
        while runtime.operations.worker.clock.now_ms() <= middle + 1:
            await asyncio.sleep(0.001)
        for n in (4, 5):
            await runtime.call(add["a"], n)
        after = [t for t in await turns(runtime, "count/a") if t not in before]
        assert await runtime.store.compact(middle + 1, 1000) > 0
        with pytest.raises(Rejected) as gone:
            await runtime.fork("count/a", "count/b", turn=before[1])
        assert gone.value.code == "fork.forgotten"
        await runtime.fork("count/a", "count/c", turn=after[0])  # what it wrote before then is still known
        assert await runtime.state("count/c") == {"kept": 1, "total": 10}
        with pytest.raises(Rejected) as gone:
            await runtime.fork("count/a", "count/d", turn=after[0], before="1")  # what the total was then is not
        assert gone.value.code == "fork.forgotten"


async def test_a_turn_on_old_code_is_forked_on_its_own_code_or_on_the_newest(world: World) -> None:
    def made(word: str) -> Agent:
        agent = Agent("speaker")

        @agent.handler
        async def speak(ctx: Context) -> str:
            await ctx.run(world.effect, "think")
            return word

        agent.definition.version = word
        return agent

    async with world.runtime(made("old")) as runtime:
        await runtime.channel.request("send", to="speaker/1", handler="speak", payload=b"\x92\x90\x80")
        await until(lambda: _ended(runtime, "speaker/1", 1))
    new, old = made("new"), made("old")
    async with world.runtime(new) as runtime:
        runtime.registry.add(old.definition, latest=False)
        [turn] = await turns(runtime, "speaker/1")
        await runtime.fork("speaker/1", "speaker/2", turn=turn, before="1")
        await runtime.fork("speaker/1", "speaker/3", turn=turn, before="1", newest=True)
        assert (await until(lambda: _ended(runtime, "speaker/2", 2))).value == "old"
        assert (await until(lambda: _ended(runtime, "speaker/3", 2))).value == "new"
