"""``Engine``: a worker with its flow and session, from enlisting to leaving."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
from collections.abc import Mapping, Sequence

from ..adapters.databases import open_database
from ..adapters.system import SystemClock, SystemRandom
from ..adapters.upstream import HttpUpstream
from ..control.sweeping import claim_kept
from ..domain.errors import HoldfastError
from ..domain.limits import Limits
from ..flow import Flow
from ..gate import Gate, Tenants
from ..gate.gatekeeper import Gatekeeper
from ..gate.rules import Lookup, Plugin
from ..journal.codec import Seal
from ..mailbox.watchdog import Watchdog
from ..mailbox.worker import Worker
from ..models.gateway import Gateway
from ..ports import store as ports
from ..ports.clock import Clock, Random
from ..secrets import Secrets
from ..tools.host import ToolHost
from ..turn import branches
from ..turn.definition import Registry
from .grants import follow_grants
from .policies import Policies
from .routes import follow_models
from .secrets import secrets_of_environment

log = logging.getLogger("holdfast")

_PYTHONS_GC_THRESHOLD = 700
"""Thousands of turns in memory make the collector's default of 700 allocations the largest single cost; whoever has set
another one keeps it."""


class Engine:
    """Runs turns over a store until it is stopped."""

    def __init__(
        self,
        store: ports.Store,
        registry: Registry,
        *,
        name: str = "worker",
        limits: Limits | None = None,
        gate: Gate | None = None,
        seal: Seal | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
        lease_seconds: float = 10.0,
        models: Gateway | None = None,
        policies: Sequence[str] = (),
        plugins: Mapping[str, Plugin] | None = None,
        lookups: Mapping[str, Lookup] | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self.store = store
        self.registry = registry
        self.name = name
        self.limits = limits or Limits()
        self.secrets = secrets or secrets_of_environment()
        self.worker = Worker(store, clock or SystemClock(), random or SystemRandom(), self.limits, seal)
        self.worker.lease_seconds = lease_seconds
        self.worker.tool_host = ToolHost(self.worker.clock, HttpUpstream, open_database, self.secrets)
        self.gate = gate or Gatekeeper(tracks=False)
        self.policies: Policies | None = None
        if isinstance(self.gate, Gatekeeper) and self.gate.rules is None:
            self.policies = Policies(self.gate, policies, plugins, lookups)
            self.policies.follow(self.worker.resources)
            follow_grants(self.gate, self.worker.resources)
        self.flow = Flow(self.worker, registry, Tenants(self.gate))
        self.worker.on_lost_session = self._lost
        if models is not None:
            self.use_models(models)
        self._watchdog = Watchdog(self.worker)
        self._beating: asyncio.Task[None] | None = None
        self._tries = 0

    def use_models(self, models: Gateway) -> None:
        """Ask models there from now on."""
        self.worker.models = models
        models.recovered = lambda target: self.worker.usher.recovered()
        follow_models(self.worker.resources, models)

    async def start(self) -> None:
        """Enlist, take up what waits, and begin to work."""
        branches.install(self.worker.loop)
        if gc.get_threshold()[0] == _PYTHONS_GC_THRESHOLD:
            gc.set_threshold(20_000, 20, 50)
        await self.worker.resources.load()
        if not self.store.url.startswith("holdfast"):  # whose store is elsewhere finds it done
            await claim_kept(self.store, self.worker)
        await self._enlist()
        self.worker.resources.look_again()
        self._beating = asyncio.Task(self._beat(), loop=self.worker.loop)
        self._watchdog.start()
        await self.worker.relay.begin()
        self.worker.claims.claim_soon()
        self.worker.usher.start()
        self.worker.lookout.start()

    async def _enlist(self) -> None:
        serves = self.registry.serves()
        me = ports.Worker(self.name, serves, socket.gethostname(), os.getpid(), self.worker.lease_seconds)
        self._tries += 1
        current = self._tries

        def hear(signal: ports.Signal) -> None:
            if current == self._tries:  # a session whose name was lost on the way here dies unheard
                self.worker.on_signal(signal)

        session = await self.store.enlist(me, hear)
        self.worker.begin_session(session, frozenset(serves))

    async def serve(self) -> None:
        """The registry has changed: tell the store."""
        serves = self.registry.serves()
        self.worker.served = frozenset(serves)
        await self.store.serve(self.worker.session, serves)
        self.worker.claims.claim_soon()

    async def _beat(self) -> None:
        while True:
            await self.worker.clock.sleep(self.worker.lease_seconds / 5)
            self.worker.claims.timers.look_again()
            try:
                await self.worker.beat()
            except HoldfastError as error:
                log.warning("the heartbeat did not get through: %s", error)

    def _lost(self) -> None:
        """This session was declared dead: others may run our agents by now. Forget all, begin anew."""
        if not self.worker.draining and self.worker.session:
            log.warning("worker %s lost its session and starts a new one", self.name)
            self.worker.holdings.drop_all()
            self.worker.session = ""
            self.worker.spawn(self._again())

    async def _again(self) -> None:
        await self.worker.insist(self._enlist)
        self.worker.resources.look_again()
        self.worker.outcomes.session_changed()
        await self.worker.relay.begin()
        self.worker.claims.claim_soon()

    async def stop(self, grace_seconds: float = 10.0) -> None:
        """Drain: start nothing new, let steps in flight finish, write everything, give back every agent."""
        self._watchdog.stop()
        await self.worker.drain(grace_seconds)
        if self._beating is not None:
            self._beating.cancel()
        try:
            if self.worker.session:
                await self.store.leave(self.worker.session)
        except HoldfastError as error:
            log.debug("could not leave: %s", error)
        await self.worker.tool_host.close()
        if self.worker.models is not None:
            await self.worker.models.close()
