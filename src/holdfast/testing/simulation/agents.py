"""The agents of the workloads, and the world outside that they act on."""

from __future__ import annotations

import asyncio
from collections import Counter

from ...domain.errors import StepFailed, TurnFailed
from ...domain.retry import Retry
from ...sdk.agent import Agent
from ...turn.context import Context, group
from ...turn.run import NOT_DONE, STEP_KEY
from .world import HERE, World


class Outside:
    """Everything that the agents did to the world: by step key, so that doing it twice shows."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.bank: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.cleaned: Counter[str] = Counter()

    async def act(self, name: str) -> str:
        """An effect: the worker may die before it, after it, or while it is told of."""
        node = HERE.get()
        assert node is not None
        await node.link.point()
        self.done[STEP_KEY.get()] += 1
        await asyncio.sleep(0.001)
        await node.link.point()
        return name

    async def flake(self, name: str, failures: int) -> int:
        """Fails so many times, then works."""
        await self.act(name)
        self.tries[name] += 1
        if self.tries[name] <= failures:
            self.failed[STEP_KEY.get()] += 1
            raise OSError(f"{name} is not ready")
        return self.tries[name]

    async def charge(self, account: str) -> str:
        """Must never happen twice. (A worker that stalls inside it, past its lease, is beyond what a lease can prevent.)"""
        node = HERE.get()
        assert node is not None
        self.bank[STEP_KEY.get()] += 1
        await node.link.point()
        return f"charged {account}"

    async def charged(self, account: str) -> object:
        """Whether it happened."""
        return f"charged {account}" if self.bank[STEP_KEY.get()] else NOT_DONE

    async def clean(self, name: str) -> None:
        """Cleanup of a cancelled turn."""
        await self.act(name)
        self.cleaned[name] += 1


def make_agents(world: World, outside: Outside) -> list[Agent]:
    """Agents that touch everything the runtime offers."""
    counter, desk, log, feed = Agent("counter"), Agent("desk"), Agent("log"), Agent("feed")

    @counter.handler
    async def add(ctx: Context, amount: int) -> int:
        total = await ctx.state.get("total", 0) + amount
        await ctx.state.set("total", total)
        return total

    @counter.handler
    async def add_slowly(ctx: Context, amount: int) -> int:
        before = await ctx.state.get("total", 0)
        await ctx.run(outside.act, "slow")
        await ctx.state.set("total", before + amount)
        await ctx.sleep(0.3)
        return before + amount

    @counter.handler(shared=True)
    async def read(ctx: Context) -> int:
        first = await ctx.state.get("total", 0)
        await ctx.sleep(0.2)
        return first

    @desk.handler
    async def chain(ctx: Context, depth: int) -> int:
        if depth == 0:
            return await ctx.call(counter["chain"].add, 1) * 0
        await ctx.run(outside.act, "link")
        return 1 + await ctx.call(desk[f"{ctx.key}-{depth}"].chain, depth - 1)

    @desk.handler
    async def fan(ctx: Context, width: int) -> int:
        async def leg(n: int) -> int:
            await ctx.sleep(0.01 * n)
            await ctx.run(outside.act, f"leg{n}")
            await ctx.call(counter["fan"].add, 1)
            return n

        first = await ctx.gather(*(leg(n) for n in range(width)), limit=3)
        async with asyncio.TaskGroup() as legs:
            tasks = [legs.create_task(leg(n)) for n in range(width)]
        return sum(first) + sum(t.result() for t in tasks)

    @desk.handler
    async def race(ctx: Context, rounds: int) -> list[int]:
        won: list[int] = []
        for n in range(rounds):
            what = f"race{n}"
            place, _ = await ctx.race(ctx.sleep(0.05), ctx.run(outside.act, what), ctx.wait("never"))
            won.append(place)
            await ctx.sleep(0.1)
        await ctx.call(counter["race"].add, len(won))
        return won

    @desk.handler
    async def paid(ctx: Context, n: int) -> int:
        got: int = await ctx.wait(f"paid{n}")
        await ctx.run(outside.act, "paid")
        return got

    @desk.handler
    async def question(ctx: Context) -> str:
        answer: str = await ctx.ask("Go on?", choices=["yes", "no"])
        await ctx.call(counter["asked"].add, 1)
        return answer

    @desk.handler
    async def patient(ctx: Context, name: str, failures: int) -> int:
        retry = Retry(attempts=8, initial_seconds=0.5, factor=3.0, maximum_seconds=5)
        tries = await ctx.run(outside.flake, name, failures, retry=retry)
        await ctx.call(counter["patient"].add, 1)
        return tries

    @desk.handler(retry=Retry(attempts=4, initial_seconds=0.5))
    async def stubborn(ctx: Context, name: str, failures: int) -> int:
        await ctx.run(outside.act, "before")
        tries = await ctx.run(outside.flake, name, failures)
        await ctx.call(counter["stubborn"].add, 1)
        return tries

    @desk.handler
    async def charge(ctx: Context, account: str) -> str:
        await ctx.run(outside.act, "open")
        done = await ctx.run(outside.charge, account, idempotent=False, verify=outside.charged)
        await ctx.call(counter["charged"].add, 1)
        return done

    @desk.handler
    async def doomed(ctx: Context, name: str) -> None:
        ctx.compensate(outside.clean, f"{name}/undo")
        try:
            await ctx.run(outside.act, "start")
            await ctx.sleep(100_000)
        finally:
            await ctx.run(outside.clean, f"{name}/finally")

    @desk.handler
    async def fails(ctx: Context, name: str) -> None:
        await ctx.run(outside.act, name)
        raise ValueError(f"{name} cannot work")

    @desk.handler
    async def catches(ctx: Context, name: str) -> str:
        try:
            await ctx.call(desk[f"{ctx.key}-broken"].fails, name)
        except TurnFailed as error:
            await ctx.call(counter["caught"].add, 1)
            return error.message
        raise AssertionError("nothing was raised")

    @desk.handler
    async def write(ctx: Context, many: int) -> None:
        for n in range(many):
            await ctx.send(log["all"].note, ctx.key, n)
            if n % 3 == 2:
                await ctx.run(outside.act, "write")

    @log.handler
    async def note(ctx: Context, sender: str, n: int) -> None:
        seen: list[int] = await ctx.state.get(sender, [])
        await ctx.state.set(sender, [*seen, n])

    @feed.handler
    async def subscribe(ctx: Context) -> None:
        await ctx.subscribe("news.*", "on_news")
        await ctx.join("club")

    @feed.handler
    async def on_news(ctx: Context, n: int) -> None:
        seen: list[int] = await ctx.state.get("news", [])
        await ctx.state.set("news", [*seen, n])

    @feed.handler
    async def on_club(ctx: Context, n: int) -> None:
        seen: list[int] = await ctx.state.get("club", [])
        await ctx.state.set("club", [*seen, n])

    @feed.handler
    async def announce(ctx: Context, start: int, many: int) -> None:
        for n in range(start, start + many):
            await ctx.publish("news.today", n)
            await ctx.send(group("club").on_club, n)
            await ctx.run(outside.act, "announce")

    @counter.handler
    async def later(ctx: Context, amount: int) -> None:
        await ctx.send_after(1.5, counter["later"].add, amount)
        await ctx.send_urgent(50, counter["later"].add, amount)

    @counter.handler
    async def retire_soon(ctx: Context) -> int:
        before: int = await ctx.state.get("life", 0)
        await ctx.state.set("life", before + 1)
        await ctx.retire()
        await ctx.run(outside.act, "last words")
        return before

    _ = (add_slowly, read, fan, race, paid, question, patient, stubborn, charge, doomed, catches, write, subscribe)
    _ = (on_news, announce, later, retire_soon, StepFailed, world)
    return [counter, desk, log, feed]


__all__ = ["Outside", "make_agents"]
