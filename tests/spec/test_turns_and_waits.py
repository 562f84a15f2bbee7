"""Turns, state, waits and replay, over a real store: a fresh runtime stands for a restarted process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Any

import msgspec
import pydantic
import pytest

from heart_world import World, is_doing, until
from holdfast import (
    Agent,
    Context,
    Limits,
    NotFound,
    Rejected,
    Retry,
    Runtime,
    StepFailed,
    StepTimeout,
    TurnFailed,
)


async def test_a_restart_goes_on_after_the_last_step(world: World) -> None:
    desk = Agent("desk")

    @desk.handler
    async def handle(ctx: Context, n: int) -> list[int]:
        first = [await ctx.run(world.effect, i) for i in range(n)]
        await ctx.wait("go")
        return [*first, await ctx.run(world.effect, n)]

    async with world.runtime(desk) as runtime:
        id = await runtime.send(handle["1"], 3)
        await until(lambda: is_doing(runtime, "desk/1", "waiting for event"))
    assert world.effects == [0, 1, 2]
    async with world.runtime(desk) as runtime:
        await runtime.signal("desk/1", "go")
        outcome = await until(lambda: runtime.engine.worker.outcomes.outcome_of(id))
        assert msgspec.msgpack.decode(outcome.value) == [0, 1, 2, 3]
    assert world.effects == [0, 1, 2, 3]


async def test_a_waiting_turn_is_rows_and_nothing_in_memory(world: World) -> None:
    desk = Agent("desk")

    @desk.handler
    async def handle(ctx: Context) -> str:
        return await ctx.ask("Refund?", choices=["yes", "no"])

    async with world.runtime(desk, limits=Limits(linger_ms=1)) as runtime:
        answer = asyncio.create_task(runtime.call(handle["1"]))
        await until(lambda: is_doing(runtime, "desk/1", "waiting for person"))
        await until(lambda: _parked(runtime))
        with pytest.raises(Rejected, match="not one of the choices"):
            await runtime.answer("desk/1", "perhaps")
        await runtime.answer("desk/1", "yes", by="ada")
        assert await answer == "yes"
        entries = await runtime.journal("desk/1")
        assert [e.detail for e in entries if e.kind == "result"] == [{"by": "ada"}]
        with pytest.raises(NotFound):
            await runtime.answer("desk/1", "yes")


async def _parked(runtime: Runtime) -> bool:
    stats = await runtime.stats()
    return stats["in_memory"] == 0 and stats["warm"] == 0


async def test_an_agent_handles_one_exclusive_turn_at_a_time_in_order(world: World) -> None:
    one = Agent("one")

    @one.handler
    async def add(ctx: Context, n: int) -> int:
        total = await ctx.state.get("total", 0) + n
        await ctx.run(world.effect, n)
        await ctx.state.set("total", total)
        return total

    @one.handler(shared=True)
    async def look(ctx: Context) -> int:
        return await ctx.state.get("total", 0)

    async with world.runtime(one) as runtime:
        assert await asyncio.gather(*[runtime.call(add["a"], i) for i in range(20)]) == [
            sum(range(i + 1)) for i in range(20)
        ]
        assert world.effects == list(range(20))
        assert await runtime.call(look["a"]) == 190
    async with world.runtime(one) as runtime:
        assert await runtime.call(look["a"]) == 190


async def test_shared_handlers_answer_beside_a_waiting_turn_and_cannot_write(world: World) -> None:
    desk = Agent("desk")

    @desk.handler
    async def work(ctx: Context) -> None:
        await ctx.state.set("status", "researching")
        await ctx.wait("never")

    @desk.handler(shared=True)
    async def status(ctx: Context) -> str:
        return await ctx.state.get("status", "none")

    @desk.handler(shared=True)
    async def bad(ctx: Context) -> None:
        await ctx.state.set("status", "x")

    async with world.runtime(desk) as runtime:
        await runtime.send(work["1"])
        await until(lambda: is_doing(runtime, "desk/1", "waiting for event"))
        assert await runtime.call(status["1"]) == "researching"
        with pytest.raises(Rejected, match="shared"):
            await runtime.call(bad["1"])


async def test_a_state_read_on_replay_is_what_the_first_run_read(world: World) -> None:
    one = Agent("one")
    seen: list[Any] = []

    @one.handler
    async def step(ctx: Context) -> int:
        before = await ctx.state.get("n", 0)
        seen.append(before)
        await ctx.state.set("n", before + 1)
        await ctx.wait("go")
        return await ctx.state.get("n", 0)

    async with world.runtime(one) as runtime:
        for n in (1, 2):
            id = await runtime.send(step["a"])
            await until(lambda: is_doing(runtime, "one/a", "waiting for event"))
            await runtime.signal("one/a", "go")
            outcome = await until(lambda i=id: runtime.engine.worker.outcomes.outcome_of(i))
            assert msgspec.msgpack.decode(outcome.value) == n
    async with world.runtime(one, limits=Limits(linger_ms=0)) as runtime:
        await runtime.send(step["a"])
        await until(lambda: is_doing(runtime, "one/a", "waiting for event"))
    async with world.runtime(one) as runtime:
        await runtime.signal("one/a", "go")
        await until(lambda: is_doing(runtime, "one/a", "idle"))
        assert await runtime.state("one/a") == {"n": 3}
    assert seen[-2:] == [2, 2]


@dataclass
class Point:
    x: int
    y: int


class Line(msgspec.Struct):
    a: Point
    b: Point


class Ticket(pydantic.BaseModel):
    title: str
    points: list[Point] = []


async def test_typed_arguments_and_results(world: World) -> None:
    desk = Agent("desk")

    @desk.handler
    async def draw(ctx: Context, ticket: Ticket, line: Line, *, bold: bool = False) -> Ticket:
        point = await ctx.run(make_point, line.a.x)
        assert isinstance(point, Point)
        return Ticket(title=ticket.title + ("!" if bold else ""), points=[point, line.b])

    def make_point(x: int) -> Point:
        return Point(x, x)

    async with world.runtime(desk) as runtime:
        made = await runtime.call(draw["1"], Ticket(title="t"), Line(Point(1, 2), Point(3, 4)), bold=True)
        assert made == Ticket(title="t!", points=[Point(1, 1), Point(3, 4)])
        with pytest.raises(Rejected, match="line"):
            await runtime.call(draw["1"], Ticket(title="t"), {"a": 1})  # type: ignore[arg-type]
        with pytest.raises(Rejected, match="missing"):
            await runtime.call(draw["1"], Ticket(title="t"))  # type: ignore[call-arg]


async def test_retries_with_backoff_then_one_journaled_failure(world: World) -> None:
    desk = Agent("desk")
    tries: list[int] = []

    def flaky(good_at: int) -> int:
        tries.append(1)
        if len(tries) < good_at:
            raise OSError("not yet")
        return len(tries)

    @desk.handler
    async def handle(ctx: Context, good_at: int) -> int:
        return await ctx.run(flaky, good_at, retry=Retry(attempts=3, initial_seconds=0.001))

    async with world.runtime(desk) as runtime:
        assert await runtime.call(handle["1"], 3) == 3
        tries.clear()
        with pytest.raises(StepFailed, match="not yet"):
            await runtime.call(handle["2"], 9)
        assert len(tries) == 3


async def test_a_step_and_a_wait_time_out(world: World) -> None:
    desk = Agent("desk")

    @desk.handler
    async def slow(ctx: Context) -> str:
        with contextlib.suppress(StepTimeout):
            await ctx.run(asyncio.sleep, 5, timeout=0.01)
        try:
            await ctx.wait("never", timeout=0.05)
        except StepTimeout:
            return await ctx.ask("Still?", timeout=0.05, default="no")
        return "?"

    async with world.runtime(desk) as runtime:
        assert await runtime.call(slow["1"]) == "no"


async def test_calls_between_agents_carry_results_and_errors(world: World) -> None:
    a, b = Agent("a"), Agent("b")

    @b.handler
    async def half(ctx: Context, n: int) -> int:
        if n % 2:
            raise ValueError("odd")
        return n // 2

    @a.handler
    async def ask(ctx: Context, n: int) -> str:
        try:
            return str(await ctx.call(half["x"], n))
        except TurnFailed as error:
            return error.message

    async with world.runtime(a, b) as runtime:
        assert await runtime.call(ask["1"], 4) == "2"
        assert "odd" in await runtime.call(ask["1"], 3)


async def test_concurrent_branches_replay_by_structure(world: World) -> None:
    desk = Agent("desk")

    async def slow(n: int) -> int:
        await asyncio.sleep(0.002 * (5 - n))
        return await world.effect(n)

    @desk.handler
    async def fan(ctx: Context) -> list[Any]:
        order: list[int] = []

        async def branch(n: int) -> None:
            order.append(await ctx.run(slow, n))

        async with asyncio.TaskGroup() as tasks:
            for n in range(5):
                tasks.create_task(branch(n))
        await ctx.wait("go")
        winner, value = await ctx.race(ctx.wait("a"), ctx.run(world.effect, "quick"))
        return [order, await ctx.gather(*[ctx.run(world.effect, i) for i in range(3)], limit=2), winner, value]

    async with world.runtime(desk) as runtime:
        id = await runtime.send(fan["1"])
        await until(lambda: is_doing(runtime, "desk/1", "waiting for event"))
    first = list(world.effects)
    async with world.runtime(desk) as runtime:
        await runtime.signal("desk/1", "go")
        outcome = await until(lambda: runtime.engine.worker.outcomes.outcome_of(id))
        assert msgspec.msgpack.decode(outcome.value) == [first, [0, 1, 2], 1, "quick"]
    assert world.effects == [*first, "quick", 0, 1, 2]


async def test_divergence_stops_the_turn_and_shows_both_sides(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def version(verb: str) -> tuple[Agent, Any]:
        desk = Agent("desk")

        @desk.handler
        async def handle(ctx: Context) -> str:
            await ctx.run(world.effect, "one", name=verb)
            return await ctx.wait("go")

        desk.definition.version = "same"
        return desk, handle

    desk, handle = version("first")
    async with world.runtime(desk) as runtime:
        id = await runtime.send(handle["1"])
        await until(lambda: is_doing(runtime, "desk/1", "waiting for event"))
    changed, _ = version("second")
    with caplog.at_level(logging.ERROR):
        async with world.runtime(changed) as runtime:
            await runtime.signal("desk/1", "go", "done")
            await until(lambda: is_doing(runtime, "desk/1", "stuck"))
            why = (await runtime.describe("desk/1")).waits_for
            assert "run 'second'" in why and "run 'first'" in why and "test_turns_and_waits.py" in why
    async with world.runtime(desk) as runtime:
        await runtime.retry_stuck("desk/1")
        outcome = await until(lambda: runtime.engine.worker.outcomes.outcome_of(id))
        assert msgspec.msgpack.decode(outcome.value) == "done"


async def test_a_store_that_makes_tasks_moves_no_step(world: World) -> None:
    """A driver makes tasks when it connects; they are no branches of the turn, or a replay would not find its steps."""
    desk = Agent("desk")

    @desk.handler
    async def handle(ctx: Context) -> list[Any]:
        before = await ctx.state.get("kept", 0)
        first = await ctx.run(world.effect, "first")
        await ctx.sleep(0.2)
        return [before, first, await ctx.run(world.effect, "second")]

    @desk.handler
    async def keep(ctx: Context) -> None:
        await ctx.state.set("kept", 1)

    async with world.runtime(desk) as runtime:
        await runtime.call(keep["1"])
    async with world.runtime(desk) as runtime:
        store: Any = runtime.store
        plain = store.read_state

        async def busy(*given: Any) -> Any:
            await asyncio.gather(*(asyncio.create_task(asyncio.sleep(0)) for _ in range(3)))
            return await plain(*given)

        store.read_state = busy
        assert await runtime.call(handle["1"]) == [1, "first", "second"]
    assert world.effects == ["first", "second"]
