"""What clients do, and what they were promised when it was acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from ...domain.errors import Conflict, HoldfastError, NotFound, TurnFailed, Unavailable
from ...sdk.agent import Agent
from ...sdk.client import Client
from .agents import Outside
from .world import Died, World

PATIENCE_SECONDS = 9_000.0
FAILED = "failed"


class Lost(AssertionError):
    """A client waited for longer than anybody should."""


class Clients:
    """Many clients of one world. ``promised`` counts what the checks will look for."""

    def __init__(self, world: World, outside: Outside) -> None:
        self.world = world
        self.outside = outside
        self.promised: Counter[str] = Counter()
        self.keys: set[tuple[str, str]] = set()
        self.writers: dict[str, int] = {}
        self.subscribers = 0
        self.doomed: dict[str, str] = {}
        self.busy: dict[str, float] = {}
        agents = {a.name: a for a in world.agents}
        self.counter: Agent = agents["counter"]
        self.desk: Agent = agents["desk"]
        self.feed: Agent = agents["feed"]

    async def insist(self, what: str, work: Callable[[Client], Awaitable[Any]], to: str = "") -> Any:
        """Do it with a dedupe key until it is acknowledged, whatever workers die meanwhile."""
        if to:
            self.keys.add((to, what))
        world = self.world
        until = world.loop.time() + PATIENCE_SECONDS
        self.busy[what] = world.loop.time()
        while True:
            client = (await world.client()).options(key=what)
            try:
                async with asyncio.timeout_at(until):
                    found = await work(client)
                del self.busy[what]
                return found
            except TurnFailed as error:
                del self.busy[what]
                return (FAILED, error.code)
            except (Died, Unavailable):
                pass
            except TimeoutError as error:
                raise Lost(f"{what} was never answered") from error
            except Conflict as error:
                if error.code not in ("session.lost", "lease.lost"):
                    raise
            await asyncio.sleep(0.1)

    async def call(self, what: str, target: Any, *args: Any) -> Any:
        """A call with a key."""
        return await self.insist(what, lambda c: c.call(target, *args), target.address)

    # -- one client each ----------------------------------------------------------------------------------------

    async def count(self, name: str, many: int) -> None:
        dice = self.world.dice
        for n in range(many):
            key = f"k{dice.randrange(3)}"
            verb = dice.choice(["add", "add", "add_slowly", "send", "later"])
            what = f"{name}/{n}"
            if verb == "send":
                await self.insist(what, lambda c: c.send(self.counter[key].add, 1), self.counter[key].address)  # noqa: B023
                self.promised[key] += 1
            elif verb == "later":
                await self.call(what, self.counter["x"].later, 1)
                self.promised["later"] += 2
            else:
                await self.call(what, getattr(self.counter[key], verb), 1)
                self.promised[key] += 1
            if dice.random() < 0.2:
                await self.call(f"{what}/read", self.counter[key].read)

    async def chain(self, name: str, depth: int) -> None:
        found = await self.call(name, self.desk[name].chain, depth)
        assert found == depth, found
        self.promised["chain"] += 1

    async def fan(self, name: str, width: int) -> None:
        found = await self.call(name, self.desk[name].fan, width)
        assert found == width * (width - 1), found
        self.promised["fan"] += 2 * width

    async def race(self, name: str, rounds: int) -> None:
        found = await self.call(name, self.desk[name].race, rounds)
        assert len(found) == rounds
        self.promised["race"] += rounds

    async def paid(self, name: str, many: int) -> None:
        dice = self.world.dice

        async def signal(n: int) -> None:
            await asyncio.sleep(dice.random() * 5)
            await self.insist(f"{name}/signal{n}", lambda c: c.signal(f"desk/{name}", f"paid{n}", n), "")

        async with asyncio.TaskGroup() as both:
            for n in range(many):
                both.create_task(signal(n))
            for n in range(many):
                found = await self.call(f"{name}/{n}", self.desk[name].paid, n)
                assert found == n, found

    async def question(self, name: str) -> None:
        async def answer() -> None:
            while not call.done():
                await asyncio.sleep(self.world.dice.random() * 3)
                with contextlib.suppress(NotFound):
                    await self.insist(f"{name}/answer", lambda c: c.answer(f"desk/{name}", "yes"))
                    return

        async with asyncio.TaskGroup() as both:
            call = both.create_task(self.call(name, self.desk[name].question))
            both.create_task(answer())
        assert call.result() == "yes", call.result()
        self.promised["asked"] += 1

    async def patient(self, name: str, failures: int) -> None:
        await self.call(name, self.desk[name].patient, name, failures)
        self.promised["patient"] += 1

    async def stubborn(self, name: str, failures: int) -> None:
        found = await self.call(name, self.desk[name].stubborn, name, failures)
        assert found != (FAILED, "step.failed"), found
        self.promised["stubborn"] += 1

    async def charge(self, name: str) -> None:
        found = await self.call(name, self.desk[name].charge, name)
        assert found == f"charged {name}", found
        self.promised["charged"] += 1

    async def doomed_one(self, name: str, kill: bool) -> None:
        async def end() -> None:
            done = False
            while not done:
                await asyncio.sleep(1 + self.world.dice.random() * 4)
                with contextlib.suppress(NotFound):
                    verb = "kill" if kill else "cancel"
                    await self.insist(f"{name}/end", lambda c, verb=verb: getattr(c, verb)(f"desk/{name}"))
                done = call.done()

        async with asyncio.TaskGroup() as both:
            call = both.create_task(self.call(name, self.desk[name].doomed, name))
            both.create_task(end())
        found = call.result()
        assert found == (FAILED, "turn.killed" if kill else "turn.cancelled"), found
        if not kill:
            self.doomed[name] = "cancelled"

    async def catches(self, name: str) -> None:
        found = await self.call(name, self.desk[name].catches, name)
        assert "cannot work" in found, found
        self.promised["caught"] += 1

    async def write(self, name: str, many: int) -> None:
        await self.call(name, self.desk[name].write, many)
        self.writers[name] = many

    async def news(self, name: str, many: int) -> None:
        for n in range(3):
            await self.call(f"{name}/sub{n}", self.feed[f"{name}-{n}"].subscribe)
        self.subscribers += 3

    async def pause(self, name: str) -> None:
        for _ in range(3):
            await asyncio.sleep(self.world.dice.random() * 5)
            key = f"k{self.world.dice.randrange(3)}"
            for verb in ("pause", "resume"):
                with contextlib.suppress(NotFound):
                    await self.insist(f"{name}/{verb}", lambda c: getattr(c, verb)(f"counter/{key}"))  # noqa: B023
                await asyncio.sleep(self.world.dice.random() * 2)

    async def retire(self, name: str) -> None:
        for n in range(3):
            found = await self.call(f"{name}/{n}", self.counter[name].retire_soon)
            assert found == 0, f"a retired agent remembered {found}"


async def everything(clients: Clients, size: int) -> None:
    """All workloads at once, in a mixture by seed."""
    dice = clients.world.dice
    jobs: list[Callable[[str], Awaitable[None]]] = [
        lambda n: clients.count(n, 6),
        lambda n: clients.chain(n, dice.randrange(1, 5)),
        lambda n: clients.fan(n, dice.randrange(1, 6)),
        lambda n: clients.race(n, dice.randrange(1, 4)),
        lambda n: clients.paid(n, 3),
        lambda n: clients.question(n),
        lambda n: clients.patient(n, dice.randrange(0, 4)),
        lambda n: clients.stubborn(n, dice.randrange(0, 3)),
        lambda n: clients.charge(n),
        lambda n: clients.doomed_one(n, dice.random() < 0.3),
        lambda n: clients.catches(n),
        lambda n: clients.write(n, dice.randrange(1, 12)),
        lambda n: clients.pause(n),
        lambda n: clients.retire(n),
    ]
    await clients.news("feed", 0)
    async with asyncio.TaskGroup() as all_of_them:
        for n in range(size):
            job = dice.choice(jobs)
            all_of_them.create_task(_later(job, f"c{n}", dice.random() * 10))
        all_of_them.create_task(_announce(clients))


async def _later(job: Callable[[str], Awaitable[None]], name: str, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await job(name)


async def _announce(clients: Clients) -> None:
    for n in range(2):
        await clients.call(f"announce{n}", clients.feed["editor"].announce, n * 3, 3)
    clients.promised["news"] = 6


__all__ = ["Clients", "HoldfastError", "Lost", "everything"]
