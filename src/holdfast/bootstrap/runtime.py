"""``Runtime``: Holdfast inside somebody's own program, without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..control.built_in import BUILT_IN, COMMON
from ..control.operations import Operations
from ..control.registry import check_sizes
from ..domain.limits import Limits
from ..gate import Gate
from ..gate.gatekeeper import Gatekeeper
from ..gate.rules import Lookup, Plugin
from ..journal.codec import Seal
from ..models.routes import Models
from ..ports.store import Definition as Published
from ..sdk.agent import Agent
from ..sdk.client import Client
from ..turn.definition import Definition, Registry
from .engine import Engine
from .guarding import Guarding, save_habits
from .models import discover, make_gateway
from .notices import add_notifier
from .stores import make_store

if TYPE_CHECKING:
    from ..control.identity.service import Identity


class Runtime(Client):
    """A worker, its store and a client in one object.

    >>> async with holdfast.Runtime(agents=[counter], store="sqlite:///x.db") as runtime:
    ...     total = await runtime.call(add["tickets"], 5)

    Args:
        agents: what this process can run; none for a process that only sends and looks.
        store: ``sqlite:///file.db``, ``postgresql://…``, ``holdfast://host:port`` or ``memory://``.
        limits: bounds; see ``Limits``.
        gate: judges every intent; allows all by default.
        seal: encrypts bodies at rest.
        name: shown as the owner of what this worker runs.
        lease_seconds: how long this worker may be silent before others take over.
        models: targets and routes, or a file with them; by default what the environment offers, if an agent needs it.
        built_in: whether it runs what Holdfast itself is made of (schedules, tokens) also if it runs nothing else.
        policies: files or folders with policies, beside those that were applied to the store.
        plugins: judges in Python, by name; they see every intent and may have an opinion.
        lookups: functions in Python that conditions of policies may call. They must only read.
    """

    def __init__(
        self,
        agents: Sequence[Agent] = (),
        store: str = "sqlite:///holdfast.db",
        *,
        limits: Limits | None = None,
        gate: Gate | None = None,
        seal: Seal | None = None,
        name: str = "embedded",
        lease_seconds: float = 10.0,
        models: Models | str | None = None,
        built_in: bool = False,
        policies: Sequence[str] = (),
        plugins: Mapping[str, Plugin] | None = None,
        lookups: Mapping[str, Lookup] | None = None,
    ) -> None:
        super().__init__(_Local(self))
        self.registry = Registry()
        for agent in agents:
            agent.seal_version()
            self.registry.add(agent.definition)
        if agents or built_in:
            self.registry.common |= COMMON
            for one in BUILT_IN:
                one.seal_version()
                self.registry.add(one.definition)
        self.limits = limits or Limits()
        self.guarding: Guarding | None = None
        self.store = make_store(store, self.limits)
        self._models = models
        self._thinks = any(agent.mind is not None for agent in agents)
        self._engine_options: dict[str, Any] = {
            "gate": gate,
            "seal": seal,
            "name": name,
            "lease_seconds": lease_seconds,
            "policies": policies,
            "plugins": plugins,
            "lookups": lookups,
        }

    async def __aenter__(self) -> Runtime:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the store, publish the definitions, take up what waits."""
        await self.store.open()
        try:
            self.engine = Engine(self.store, self.registry, limits=self.limits, **self._engine_options)
            if self._models is not None or self._thinks:
                given = self._models
                found = given if isinstance(given, Models) else await discover(given or "")
                self.engine.use_models(make_gateway(found, secrets=self.engine.secrets))
            self.operations = Operations(self.store, self.engine.worker, self.engine.flow, self.registry)
            if not self.store.url.startswith("holdfast"):  # whose store is elsewhere has its keys there
                self.operations.make_identity = self._identity
                if BUILT_IN[0].name in self.registry.latest:
                    add_notifier(self.registry, self._identity().ring)
            if isinstance(self.engine.gate, Gatekeeper):
                self.guarding = Guarding(self.engine.gate, self.operations, self.engine.serve)
            await self.publish_definitions(list(self.registry.latest.values()))
            await self.engine.start()
        except BaseException:
            await self.store.close()
            raise

    def _identity(self) -> Identity:
        from .identity import identity_of  # loaded by whoever signs something

        return identity_of(self.store, self.engine.worker)

    async def publish_definitions(self, definitions: Sequence[Definition], archives: dict[str, bytes] | None = None) -> None:
        """Let the store know what there is."""
        now = self.engine.worker.clock.now_ms()
        rows = [
            Published(d.name, d.version, {n: s.describe() for n, s in d.handlers.items()}, now, d.source)
            for d in definitions
        ]
        await self.store.publish(rows, archives or {})

    async def stop(self, grace_seconds: float = 10.0) -> None:
        """Let steps in flight finish, write everything, close."""
        await save_habits(self.guarding)
        await self.engine.stop(grace_seconds)
        await self.store.close()


class _Local:
    """The channel of an embedded runtime: a function call."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def request(self, operation: str, *args: Any, **given: Any) -> Any:
        operations = self._runtime.operations
        check_sizes(operation, given)
        if given.pop("dry_run", False):
            return await operations.run(operation, given, dry=True)
        return await getattr(operations, operation)(*args, **given)

    async def stream(self, operation: str, **given: Any) -> AsyncIterator[Any]:
        check_sizes(operation, given)
        async for item in getattr(self._runtime.operations, operation)(**given):
            yield item

    async def now_ms(self) -> int:
        return self._runtime.engine.worker.clock.now_ms()
