"""One seed, from start to verdict."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
from typing import cast

import msgspec

from ...domain.entry import EntryKind
from ...domain.message import Status
from ...journal.codec import decode_entry
from ..faults import Faults
from ..loop import SimulatedLoop, Stuck
from .agents import Outside, make_agents
from .checks import Broken, check
from .workloads import Clients, everything
from .world import World

REST_SECONDS = 8_000.0
STORM_SECONDS = 60.0


class Report(msgspec.Struct):
    """What one seed saw."""

    seed: int
    entries: int
    crashes: int
    upsets: int
    virtual_seconds: float


def plan(seed: int) -> tuple[Faults, bool, int, int]:
    """The faults, the kind of store, the number of workers and of clients of a seed. Every fifth goes without faults."""
    dice = random.Random(f"plan/{seed}")
    inline = dice.random() < 0.4
    if seed % 5 == 0:
        return Faults(delay_seconds=dice.choice([0, 0.01])), inline, dice.randrange(1, 4), 12
    faults = Faults(
        refuse=dice.choice([0, 0.02, 0.1]),
        lose_reply=dice.choice([0, 0.02, 0.1]),
        crash=dice.choice([0, 0.001, 0.005, 0.01]),
        delay_seconds=dice.choice([0, 0.005, 0.5]),
        stall=dice.choice([0, 0.001, 0.003]),
        stall_seconds=dice.choice([5.0, 30.0]),
        quiet=dice.choice([0, 0.1, 2.0]),
    )
    return faults, inline, dice.randrange(1, 4), dice.choice([4, 12, 24])


def simulate(seed: int) -> Report:
    """Run one seed. Raises an ``AssertionError`` that names the seed and how to run it again."""
    quiet = logging.getLogger("holdfast")
    level = quiet.level
    if level == logging.NOTSET:
        quiet.setLevel(logging.CRITICAL)
    try:
        with SimulatedLoop() as loop:
            return loop.run(_run(loop, seed))
    except (AssertionError, ExceptionGroup) as error:
        text = _first(error)
        raise Broken(f"seed {seed}: {text}\nrun it again: python -m holdfast.testing.simulate --from {seed}") from error
    finally:
        quiet.setLevel(level)


def _first(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    name = type(cast(object, error)).__name__
    return f"{name}: {error}"


async def _run(loop: SimulatedLoop, seed: int) -> Report:
    faults, inline, nodes, size = plan(seed)
    outside = Outside()
    world = World(loop, seed, lambda w: make_agents(w, outside), faults=faults, inline=inline)
    await world.open(nodes)
    clients = Clients(world, outside)
    weather = asyncio.Task(_weather(world), loop=loop, context=contextvars.Context())
    try:
        await everything(clients, size)
        world.be_calm()
        await _rest(world)
    except (AssertionError, ExceptionGroup) as error:
        raise Broken(f"{_first(error)}; open: {await _open(world)}") from error
    finally:
        weather.cancel()
        if weather.done() and not weather.cancelled() and (gone := weather.exception()) is not None:
            raise gone
    facts = await check(clients)
    entries = sum(map(len, facts.journals.values()))
    return Report(seed, entries, world.crashes, world.upsets, loop.time())


async def _weather(world: World) -> None:
    """Clocks jump and workers die; after the storm it is calm, so that everything can come to its end."""
    storm = world.seed % 5 != 0
    until = world.loop.time() + STORM_SECONDS
    while storm and world.loop.time() < until and not world.calm:
        await asyncio.sleep(world.dice.random() * 10)
        if world.dice.random() < 0.2:
            world.clock.set_right() if world.clock.wrong else world.clock.jump(world.dice.choice([-3600, -5, 5, 3600]))
        elif world.dice.random() < 0.1 and world.nodes:
            world.crash(world.dice.choice(world.nodes))
    await asyncio.sleep(max(0.0, until - world.loop.time()))
    world.be_calm()


async def _open(world: World) -> str:
    """What is not over, with the end of its journal: where to look first."""
    lines: list[str] = []
    for m in (await world.store.messages(statuses=(0, 1, 2), limit=1_000_000))[:6]:
        lines.append(f"\n  {m.address}.{m.name} message {m.id} turn {m.turn} {Status(m.status).name} due {m.due}")
        holder = [n.number for n in world.nodes if hasattr(n, "engine") and m.address in n.engine.worker.holdings.actives]
        lines.append(f" in memory of {holder}")
        for row in (await world.store.entries(m.address, 0, 1_000_000))[-12:]:
            e = decode_entry(row.body)
            lines.append(f"\n    {row.seq} turn {row.turn} {EntryKind(e.kind).name} {e.path} {e.verb} {e.name}")
    return "".join(lines)


async def _rest(world: World) -> None:
    """Wait until nothing is open any more."""
    until = world.loop.time() + REST_SECONDS
    while await world.store.messages(statuses=(0, 1, 2), limit=1):
        if world.loop.time() > until:
            raise Stuck(f"after {REST_SECONDS:g} quiet seconds something is still open: {await _open(world)}")
        await asyncio.sleep(1.0)


__all__ = ["Report", "plan", "simulate"]
