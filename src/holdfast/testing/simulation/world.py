"""``World``: workers over one store, under one loop, and the hand that kills them."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, cast

from ...adapters.sqlite import SqliteStore
from ...bootstrap.engine import Engine
from ...control.operations import Operations
from ...domain.errors import HoldfastError
from ...domain.limits import Limits
from ...ports.store import Definition as Published
from ...ports.store import Store
from ...sdk.agent import Agent
from ...sdk.client import Client
from ...turn.definition import Registry
from ..clock import SeededRandom, SimulatedClock
from ..faults import NONE, Faults, FaultyStore, InlineStore
from ..loop import SimulatedLoop

log = logging.getLogger("holdfast.simulation")

HERE: contextvars.ContextVar[Node | None] = contextvars.ContextVar("holdfast_node", default=None)
"""The worker whose code is running."""


class Node:
    """One worker: its engine, its way to the store, a client in its process."""

    def __init__(self, world: World, number: int, link: FaultyStore, agents: Sequence[Agent]) -> None:
        self.world = world
        self.number = number
        self.link = link
        self.gone: asyncio.Future[None] = world.loop.create_future()
        self.registry = Registry()
        for agent in agents:
            agent.seal_version()
            self.registry.add(agent.definition)
        self.engine: Engine
        self.operations: Operations
        self.client: Client

    async def start(self) -> None:
        """Begin to work."""
        HERE.set(self)
        world = self.world
        self.engine = Engine(
            cast(Store, self.link),
            self.registry,
            name=f"node{self.number}",
            limits=world.limits,
            clock=world.clock,
            random=SeededRandom(f"{world.seed}/{self.number}"),
            lease_seconds=world.lease_seconds,
        )
        self.operations = Operations(cast(Store, self.link), self.engine.worker, self.engine.flow, self.registry)
        self.client = Client(_Local(self))
        while not self.link.dead:
            try:
                await self.engine.start()
                return
            except HoldfastError:
                await world.clock.sleep(0.2)

    def kill(self) -> None:
        """Die: first nothing gets through any more, then nothing runs any more."""
        if self.link.dead:
            return
        self.link.cut()
        self.world.crashes += 1
        if not self.gone.done():
            self.gone.set_result(None)
        self.world.loop.call_soon(self._bury)

    def _bury(self) -> None:
        if not hasattr(self, "engine"):
            return
        worker = self.engine.worker
        tasks: list[asyncio.Task[Any] | None] = [
            self.engine._beating,  # pyright: ignore[reportPrivateUsage]
            worker.claims.claiming,
            worker.committer._task,  # pyright: ignore[reportPrivateUsage]
            *worker._tasks,  # pyright: ignore[reportPrivateUsage]
        ]
        for active in list(worker.holdings.actives.values()):
            active.gone = True
            for turn in list(active.running):
                turn.stop()
        for task in tasks:
            if task is not None:
                task.cancel()


class _Local:
    """The channel of a client in a node's process: it ends with the node."""

    def __init__(self, node: Node) -> None:
        self.node = node

    async def request(self, operation: str, *args: Any, **given: Any) -> Any:
        node = self.node
        context = contextvars.copy_context()
        context.run(HERE.set, node)
        loop = node.world.loop
        work = asyncio.Task(getattr(node.operations, operation)(*args, **given), loop=loop, context=context)
        await asyncio.wait([work, node.gone], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            raise Died(f"node {node.number} died")
        return work.result()

    def stream(self, operation: str, **given: Any) -> Any:
        raise NotImplementedError

    async def now_ms(self) -> int:
        return self.node.world.clock.now_ms()


class Died(ConnectionError):
    """The worker that a client spoke to is gone; what became of the request is unknown."""


class World:
    """See the module. ``inline`` lets workers commit as over SQLite; otherwise as over a network."""

    def __init__(
        self,
        loop: SimulatedLoop,
        seed: int,
        agents: Callable[[World], Sequence[Agent]],
        *,
        faults: Faults = NONE,
        inline: bool = False,
        limits: Limits | None = None,
        lease_seconds: float = 10.0,
    ) -> None:
        self.loop = loop
        self.seed = seed
        self.dice = random.Random(seed)
        self.clock = SimulatedClock(loop)
        self.limits = limits or Limits(block_warning_ms=0, crashes=1_000)
        self.lease_seconds = lease_seconds
        self.faults = faults
        self.inline = inline
        self.store = SqliteStore("memory://", self.limits, self.clock)
        self.nodes: list[Node] = []
        self.crashes = 0
        self.stalled_before = 0
        self._born = 0
        self._restarts: set[asyncio.Task[None]] = set()
        self.calm = False
        self.agents = agents(self)

    async def open(self, nodes: int) -> None:
        """Start so many workers."""
        await self.store.open()
        for agent in self.agents:
            agent.seal_version()
            handlers = {n: s.describe() for n, s in agent.definition.handlers.items()}
            await self.store.publish([Published(agent.name, agent.definition.version, handlers)], {})
        for _ in range(nodes):
            await self.add()

    async def add(self) -> Node:
        """One more worker."""
        self._born += 1
        kind = InlineStore if self.inline else FaultyStore
        link = kind(self.store, NONE if self.calm else self.faults, f"{self.seed}/link{self._born}")
        node = Node(self, self._born, link, self.agents)
        link._on_crash = lambda: self.crash(node)  # pyright: ignore[reportPrivateUsage]
        self.nodes.append(node)
        start = asyncio.Task(node.start(), loop=self.loop, context=contextvars.Context())
        await asyncio.wait([start, node.gone], return_when=asyncio.FIRST_COMPLETED)
        return node

    def crash(self, node: Node) -> None:
        """Kill a worker; another one comes in its place some time later."""
        if node.link.dead:
            return
        log.debug("%.3f crash of node %d", self.loop.time(), node.number)
        node.kill()
        self.nodes.remove(node)
        self.stalled_before += node.link.stalls
        task = asyncio.Task(self._replace(self.dice.random() * 20), loop=self.loop, context=contextvars.Context())
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)

    async def _replace(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.add()

    @property
    def upsets(self) -> int:
        """How often some worker may have had to repeat what was in flight."""
        return self.crashes + sum(n.link.stalls for n in self.nodes) + self.stalled_before

    def be_calm(self) -> None:
        """From now on nothing goes wrong any more: what was accepted must come to an end."""
        self.calm = True
        self.clock.set_right()
        for node in self.nodes:
            node.link.faults = NONE

    async def client(self) -> Client:
        """A client at some worker that lives and is up."""
        while True:
            up = [n for n in self.nodes if hasattr(n, "client") and n.engine.worker.session]
            if up:
                return self.dice.choice(up).client
            await asyncio.sleep(0.1)


__all__ = ["HERE", "Died", "Node", "World"]
