"""Cancelling, pausing, dead letters, keys, topics and bounds, over a real store."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from heart_world import World, effects_reach, is_doing, until
from holdfast import (
    Agent,
    Context,
    LimitExceeded,
    Limits,
    NotFound,
    Rejected,
    Runtime,
    SyncContext,
    TurnFailed,
    group,
)


async def test_cancel_runs_finally_blocks_and_compensations_as_steps(world: World) -> None:
    trip = Agent("trip")

    @trip.handler
    async def book(ctx: Context) -> None:
        await ctx.run(world.effect, "hotel")
        ctx.compensate(world.effect, "cancel hotel")
        try:
            await ctx.wait("flight")
        finally:
            await ctx.run(world.effect, "told customer")

    async with world.runtime(trip) as runtime:
        waiting = asyncio.create_task(runtime.call(book["1"]))
        await until(lambda: is_doing(runtime, "trip/1", "waiting for event"))
        await runtime.cancel("trip/1", why="changed my mind")
        with pytest.raises(TurnFailed, match="changed my mind"):
            await waiting
        assert world.effects == ["hotel", "told customer", "cancel hotel"]


async def test_kill_runs_nothing_any_more(world: World) -> None:
    trip = Agent("trip")

    @trip.handler
    async def book(ctx: Context) -> None:
        try:
            await ctx.wait("flight")
        finally:
            await ctx.run(world.effect, "cleanup")

    async with world.runtime(trip) as runtime:
        waiting = asyncio.create_task(runtime.call(book["1"]))
        await until(lambda: is_doing(runtime, "trip/1", "waiting for event"))
        await runtime.kill("trip/1", why="stop")
        with pytest.raises(TurnFailed):
            await waiting
        assert world.effects == []


async def test_pause_holds_and_resume_goes_on(world: World) -> None:
    desk = Agent("desk")

    @desk.handler
    async def handle(ctx: Context) -> str:
        await ctx.wait("go")
        return await ctx.run(world.effect, "after")

    async with world.runtime(desk) as runtime:
        waiting = asyncio.create_task(runtime.call(handle["1"]))
        await until(lambda: is_doing(runtime, "desk/1", "waiting for event"))
        await runtime.pause("desk/1", why="night")
        await runtime.signal("desk/1", "go")
        await asyncio.sleep(0.1)
        assert world.effects == [] and await is_doing(runtime, "desk/1", "paused")
        await runtime.resume("desk/1")
        assert await waiting == "after"


async def test_dead_letters_are_listed_edited_and_sent_again(world: World) -> None:
    desk = Agent("desk")

    @desk.handler
    async def handle(ctx: Context, n: int) -> None:
        if n < 0:
            raise ValueError("negative")
        await ctx.run(world.effect, n)

    async with world.runtime(desk) as runtime:
        await runtime.send(handle["1"], -1)
        [letter] = await until(runtime.dead)
        assert letter.args == [-1] and "negative" in letter.error
        await runtime.redeliver(letter.id, msgspec.msgpack.encode(([5], {})))
        await until(lambda: _none_dead(runtime))
        assert world.effects == [5] or await until(lambda: _any(world))


async def _none_dead(runtime: Runtime) -> bool:
    return not await runtime.dead()


async def _any(world: World) -> bool:
    return bool(world.effects)


async def test_keys_make_messages_once_and_give_the_same_outcome(world: World) -> None:
    desk = Agent("desk")

    @desk.handler
    async def handle(ctx: Context, n: int) -> int:
        return await ctx.run(world.effect, n)

    async with world.runtime(desk) as runtime:
        keyed = runtime.options(key="order-7")
        assert await asyncio.gather(*[keyed.call(handle["1"], 1) for _ in range(3)]) == [1, 1, 1]
    async with world.runtime(desk) as runtime:
        assert await runtime.options(key="order-7").call(handle["1"], 1) == 1
    assert world.effects == [1]


async def test_topics_groups_delays_and_priorities(world: World) -> None:
    hub, member = Agent("hub"), Agent("member")

    @member.handler
    async def enter(ctx: Context, pattern: str) -> None:
        await ctx.subscribe(pattern, "hear")
        await ctx.join("all")

    @member.handler
    async def hear(ctx: Context, what: str) -> None:
        await ctx.run(world.effect, f"{ctx.key} {what}")

    @hub.handler
    async def tell(ctx: Context) -> None:
        await ctx.publish("orders.eu.paid", "paid")
        await ctx.send(group("all").hear, "group")
        await ctx.send_after(0.05, hear["late"], "later")

    async with world.runtime(hub, member) as runtime:
        await runtime.call(enter["a"], "orders.*.paid")
        await runtime.call(enter["b"], "orders.>")
        await runtime.call(enter["c"], "other.>")
        await runtime.call(tell["1"])
        await until(lambda: effects_reach(world, 6))
        await runtime.publish("orders.us.paid", "again")
        await until(lambda: effects_reach(world, 8))
    assert sorted(world.effects) == sorted(
        ["a paid", "b paid", "a group", "b group", "c group", "late later", "a again", "b again"]
    )


async def test_sync_handlers_run_in_threads_and_wait_durably(world: World) -> None:
    desk = Agent("desk")

    @desk.handler
    def handle(ctx: SyncContext, n: int) -> int:
        ctx.state.set("n", ctx.run(double, n))
        ctx.sleep(0.1)
        return ctx.state.get("n")

    def double(n: int) -> int:
        return n * 2

    async with world.runtime(desk, limits=Limits(linger_ms=5)) as runtime:
        assert await runtime.call(handle["1"], 4) == 8


async def test_an_effect_in_doubt_is_verified_or_a_person_is_asked(world: World) -> None:
    pay = Agent("pay")
    hang = asyncio.Event()

    async def transfer(n: int) -> int:
        await world.effect(n)
        await hang.wait()
        return n

    @pay.handler
    async def handle(ctx: Context, n: int) -> Any:
        return await ctx.run(transfer, n, idempotent=False)

    async with world.runtime(pay) as runtime:
        id = await runtime.send(handle["1"], 40)
        await until(lambda: effects_reach(world, 1))
        await runtime.stop(grace_seconds=0)
        runtime.stop = _nothing  # type: ignore[method-assign]
    async with world.runtime(pay) as runtime:
        [question] = await until(runtime.asks)
        assert "known whether it happened" in question.question
        await runtime.answer(question.id, "yes")
        await until(lambda: runtime.engine.worker.outcomes.outcome_of(id))
    assert world.effects == [40]


async def _nothing(grace_seconds: float = 0) -> None:
    return None


async def test_bounds_have_errors_of_their_own(world: World) -> None:
    desk = Agent("desk")

    @desk.handler
    async def many(ctx: Context, n: int) -> None:
        for i in range(n):
            await ctx.run(world.effect, i)

    @desk.handler
    async def big(ctx: Context, text: str) -> str:
        return text * 100

    @desk.handler
    async def stuck(ctx: Context) -> None:
        await ctx.wait("never")

    async with world.runtime(desk, limits=Limits(turn_steps=5, payload_bytes=1_000, mailbox_depth=2)) as runtime:
        with pytest.raises(LimitExceeded, match="steps"):
            await runtime.call(many["1"], 6)
        with pytest.raises(LimitExceeded, match="limit is 1,000"):
            await runtime.call(big["1"], "x" * 2_000)
        with pytest.raises(LimitExceeded, match="limit is 1,000"):
            await runtime.call(big["1"], "x" * 100)
        await runtime.send(stuck["2"])
        await until(lambda: is_doing(runtime, "desk/2", "waiting for event"))
        await runtime.send(stuck["2"])
        await runtime.send(stuck["2"])
        with pytest.raises(LimitExceeded, match="mailbox"):
            await runtime.send(stuck["2"])


async def test_a_blocked_loop_is_named_with_its_stack(world: World, caplog: pytest.LogCaptureFixture) -> None:
    import time

    bad = Agent("bad")

    @bad.handler
    async def block(ctx: Context) -> None:
        time.sleep(0.5)

    with caplog.at_level(logging.WARNING):
        async with world.runtime(bad, limits=Limits(block_warning_ms=100)) as runtime:
            await runtime.call(block["1"])
    assert any("blocked" in r.message and "in block" in r.message for r in caplog.records)


async def test_unknown_things_get_specific_errors(world: World) -> None:
    desk = Agent("desk")

    @desk.handler
    async def handle(ctx: Context, n: int) -> int:
        return n

    async with world.runtime(desk) as runtime:
        for to, handler, code in (
            ("nobody/1", "handle", "agent.unknown"),
            ("desk/1", "nothing", "handler.unknown"),
            ("desk", "handle", "address.malformed"),
        ):
            with pytest.raises((NotFound, Rejected)) as caught:
                await runtime.operations.call(to=to, handler=handler, payload=b"\x92\x90\x80")
            assert caught.value.code == code


async def test_a_desk_cannot_be_stopped_since_whoever_looks_would_wait_for_it(world: World) -> None:
    async with world.runtime(Agent("desk")) as runtime:
        await runtime.save_view("mine", "fleet", "q=x")
        for stop in (runtime.pause, runtime.retire):
            with pytest.raises(Rejected) as refused:
                await stop("holdfast.desk/everyone")
            assert refused.value.code == "agent.desk"
        assert [view.name for view in await runtime.views()] == ["mine"]
