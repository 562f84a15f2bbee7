"""``Worker``: what one process does for the agents it holds, each part in a file of its own.

    router      what arrives goes where it belongs        scheduler   who runs now, who waits, who lingers
    loader      from rows to an agent in memory           holdings    taking agents and letting them go
    claims      work that nobody holds, what is due       outcomes    who waits here for the end of a turn
    committer   many agents' commits in one transaction   feed      what happens inside turns, for who looks
    usher       turns that wait for a model vendor come back  budgets   what this worker may spend
    resources   what people declared, as it is now            lookout   turns that wait for tools from elsewhere come back
    relay       the feed, between workers

Nothing here runs per waiting agent: agents that wait are rows, one timer stands for the earliest of all due times, and news
arrives with the receipts of commits or as signals of the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from ..domain.errors import Conflict, HoldfastError, Unavailable
from ..domain.limits import Limits
from ..domain.message import Status
from ..gate import Gate
from ..journal.codec import Seal
from ..models.gateway import Gateway
from ..ports.clock import Clock, Random
from ..ports.store import Signal, Store
from ..tools.host import ToolHost
from .active import Active, Item, Parked, Running
from .artifacts import Artifacts
from .budgets import Budgets
from .claims import Claims
from .committer import Committer
from .feed import Feed
from .holdings import Holdings
from .loader import Loader
from .lookout import Lookout
from .outcomes import Outcomes
from .relay import Relay
from .resources import Mirror
from .router import Router
from .scheduler import Scheduler
from .usher import Usher

log = logging.getLogger("holdfast")

T = TypeVar("T")


class Runner(Protocol):
    """Runs turns; ``holdfast.flow`` provides it."""

    def start(self, active: Active, item: Item) -> Running | None: ...
    def rehydrate(self, active: Active, number: int, parked: Parked) -> Running | None: ...
    def shared(self, address: str, handler: str) -> bool: ...
    def serves(self, address: str, version: str) -> bool: ...
    def check(self, to: str, handler: str, payload: bytes) -> None: ...
    def control(self, active: Active, item: Item) -> None: ...
    def end_parked(self, active: Active, number: int, parked: Parked, status: Status, why: str) -> None: ...


class Worker:
    """See the module. Made by ``bootstrap``; ``begin_session`` before use."""

    def __init__(self, store: Store, clock: Clock, random: Random, limits: Limits, seal: Seal | None) -> None:
        self.store = store
        self.clock = clock
        self.random = random
        self.limits = limits
        self.seal = seal
        self.loop = asyncio.get_running_loop()
        self.session = ""
        self.lease_seconds = 10.0
        self._held_until = 0.0
        self.alone = asyncio.Lock()
        """Held by a turn that may kill this process, so that no other one is suspected with it."""
        self.served: frozenset[str] = frozenset()
        self.draining = False
        self.runner: Runner
        self.gate = Gate()
        """Judges what turns do; ``flow`` sets it."""
        self.threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="holdfast-step")
        self.on_lost_session: Callable[[], None] = lambda: None
        self.on_drain: Callable[[], None] = lambda: None
        """Called when somebody wants this process to take no more work and end; ``drain`` is what it then has to do."""
        self.router = Router(self)
        self.scheduler = Scheduler(self)
        self.loader = Loader(self)
        self.holdings = Holdings(self)
        self.claims = Claims(self)
        self.outcomes = Outcomes(self)
        self.feed = Feed()
        self.relay = Relay(self)
        self.artifacts = Artifacts(self)
        self.usher = Usher(self)
        self.lookout = Lookout(self)
        self.budgets = Budgets(self)
        self.resources = Mirror(self)
        self.models: Gateway | None = None
        """Where models are asked; None if this worker has none."""
        self.tool_host = ToolHost(clock)
        """What is kept for tools between calls: connections to other programs."""
        self.committer = Committer(store, clock, self.router.on_receipt)
        self.committer.lost = self.holdings.lost
        self.committer.asking = self.holdings.asking
        self.committer.unsure = self.router.look_for
        self.committer.under_way = lambda: self.scheduler.running
        self._tasks: set[asyncio.Task[None]] = set()

    def on_signal(self, signal: Signal) -> None:
        """News from the store."""
        if signal.kind == "work":
            self.claims.claim_soon()
        elif signal.kind == "arrived":
            self._look_for_arrivals(signal.addresses)
        elif signal.kind == "mode":
            for address in signal.addresses:
                active = self.holdings.actives.get(address)
                if active is not None:
                    self.spawn(self.look_at_mode(active))
                else:
                    self.holdings.mode_changed(address)
        elif signal.kind == "ended":
            for id in signal.ids:
                self.spawn(self.outcomes.fetch_outcome(id))
        elif signal.kind == "told":
            self.relay.told(signal)
        elif signal.kind == "resources":
            self.resources.heard(max(signal.ids, default=0))
        elif signal.kind == "drain":
            self.on_drain()
        elif signal.kind == "lost":
            self.holdings.drop_all()
            self.on_lost_session()

    def _look_for_arrivals(self, addresses: Sequence[str]) -> None:
        """There are messages for agents that were ours when the store said so."""
        for address in addresses:
            active = self.holdings.actives.get(address)
            if active is None:  # given back meanwhile, perhaps before anybody read them
                self.claims.claim_soon()
            elif active.loaded:
                self.loader.reload_soon(active)
            else:
                active.again = True

    def begin_session(self, session: str, served: frozenset[str]) -> None:
        """Work under this session from now on."""
        self.session = self.committer.session = session
        self.served = served
        self._held_until = 0.0

    async def beat(self) -> bool:
        """Prolong the session; False if the store had declared it dead, and all that it held is dropped."""
        session, asked = self.session, self.clock.monotonic()
        alive = await self.store.beat(session)
        if session != self.session:
            return False
        if alive:
            self._held_until = asked + self.lease_seconds
        else:
            self.on_lost_session()
        return alive

    async def still_holds(self) -> bool:
        """Whether this worker's leases hold right now. Asks the store only if it was silent for longer than they last."""
        if self.clock.monotonic() < self._held_until:
            return True
        return await asyncio.Task(self.insist(self.beat), loop=self.loop)  # not a branch of the turn that asks

    async def drain(self, grace_seconds: float) -> None:
        """Start nothing new, let what runs come to its next step, write everything, give back every agent."""
        self.draining = True
        self.claims.timers.stop()
        for active in list(self.holdings.actives.values()):
            for turn in list(active.running):
                turn.hold()
        until = self.clock.monotonic() + grace_seconds
        while any(a.running for a in self.holdings.actives.values()) and self.clock.monotonic() < until:
            await self.clock.sleep(0.01)
        for active in list(self.holdings.actives.values()):
            for turn in list(active.running):
                turn.suspend()
        if self.committer.stalled is None:
            await self.committer.drain()
        self.holdings.drop_all()
        self.outcomes.close()
        for task in list(self._tasks):
            task.cancel()
        self.threads.shutdown(wait=False, cancel_futures=True)

    async def look_at_mode(self, active: Active) -> None:
        """An agent was paused or resumed. Of several looks only the last one counts."""
        active.mode_news += 1
        news = active.mode_news
        row = await self.insist(lambda: self.store.agent(active.address))
        if row is None or active.gone or active.mode_news != news:
            return
        self.obey(active, row.mode)

    def obey(self, active: Active, mode: str) -> None:
        """Hold an agent's turns before their next step, or let them go on."""
        active.mode = mode
        if mode == "active":
            for parked in active.parked.values():
                parked.wanted = parked.wanted or parked.item.status == Status.RUNNING
            self.claims.fire(active)
            self.scheduler.pump(active)
            self.claims.claim_soon()  # timers passed over what was paused
        else:
            for turn in list(active.running):
                turn.hold()

    def gate_changed(self) -> None:
        """A kill switch was thrown or released: what it holds leaves memory before its next effect, the rest goes on."""
        for active in list(self.holdings.actives.values()):
            if self.gate.stopping and self.gate.held(active.address):
                for turn in list(active.running):
                    turn.hold()
            elif active.mode == "active":
                self.obey(active, active.mode)

    async def insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Read from the store; while it does not answer, ask again with growing waits."""
        wait = 0.05
        while True:
            try:
                return await call()
            except Unavailable as error:
                if self.draining or wait > 60:
                    raise
                log.warning("the store did not answer, trying again: %s", error)
                await self.clock.sleep(wait)
                wait = min(wait * 2, 2.0)

    def call_later(self, seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """The loop's timer."""
        return self.loop.call_later(seconds, call)

    def new_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return self.loop.create_future()

    def interrupted(self, address: str) -> HoldfastError:
        """Nothing of a turn became durable before this worker had to let it go."""
        if self.draining:
            return Unavailable("worker.draining", f"This worker is stopping; {address} got nothing. Send it to another.")
        return Conflict("lease.lost", f"{address} was let go before anything of the message was kept.", address=address)

    def in_thread(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Run blocking code in one of this worker's threads."""
        return self.loop.run_in_executor(self.threads, work)

    def sealed(self, body: bytes) -> bytes:
        """Protect a body for rest."""
        return self.seal.seal(body) if self.seal is not None and body else body

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine beside everything else; it may not raise."""
        task = asyncio.Task(work, loop=self.loop)  # not a branch of the turn that may be running
        self._tasks.add(task)
        task.add_done_callback(self._spawned)

    def _spawned(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, Unavailable):
                log.warning("the store did not answer: %s", error)
            else:
                log.error("a background task failed", exc_info=error)
