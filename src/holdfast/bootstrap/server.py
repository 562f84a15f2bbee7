"""``Server``: store, worker, wire and housekeeping in one process; ``holdfast worker`` is the same without the wire.

What runs beside the turns costs nothing while nothing happens: retention wakes a few times a day, code is looked at only
in development, old versions are looked for only while there are any.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ..control.built_in import BUILT_IN, COMMON
from ..control.hits import HitTeller
from ..control.holds import held_in
from ..control.operations import Operations
from ..control.sweeping import YOUNG_SECONDS, sweep
from ..domain.errors import HoldfastError, Rejected
from ..domain.limits import Limits
from ..gate import Gate
from ..gate.gatekeeper import Gatekeeper
from ..insight.indexing import Indexing
from ..journal.codec import Seal
from ..link import Endpoint, Listener
from ..link.frames import Hello
from ..protocols.wire.hub import Hub
from ..protocols.wire.service import WireService
from ..sdk.declared import Document
from ..secrets import Masked
from .code import Change, Code, Versions
from .declared import DeclaredAgents
from .engine import Engine
from .guarding import Guarding, save_habits
from .identity import check_admitted, check_reach, make_identity, tls_context
from .models import discover, make_gateway
from .notices import add_notifier, declare_notifier
from .policies import named_lookups
from .stores import make_store
from .witnesses import make_witness

if TYPE_CHECKING:
    from ..protocols.http.server import HttpServer
    from .telemetry import Telemetry

log = logging.getLogger("holdfast")

_LOOK_SECONDS = 0.5
_OLD_SECONDS = (5.0, 600.0)
_COMPACT_ROWS = 500
_SWEEP_SECONDS = 24 * 3600.0
"""How often images and files are looked through that nothing may refer to any more: it reads the whole store."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a server runs.

    Attributes:
        places: files or modules with agents.
        store: see ``Runtime``.
        listen: where the wire listens; None for a worker without one.
        retain_seconds: ended turns older than this are forgotten; 0 keeps everything.
        reload: look at the files for changes.
        only_version: load this version from the store's archive instead of files.
        grace_seconds: how long steps in flight may take when it stops.
        lease_seconds: how long it may be silent before others take over.
        models: a file with targets and routes, or ``cassette:FILE``; what the environment offers without one.
        record: a cassette to which is written what models answer.
        http: the port of the endpoints for models, 0 for any free one, -N for N if it is free and any other if not; None
            for none.
        seal_seconds: how often what happened is signed (``holdfast audit``); 0 for never.
        witnesses: urls of places outside that keep the signed roots.
        identity: a file that says who may be there.
        auth: everybody has to prove who they are; always so beyond this machine.
        tls_cert, tls_key: files with the server's certificate and its key.
        otlp: where spans go (OTLP over HTTP); ``""`` for nowhere.
        behind_proxy: a proxy before this server encrypts, and says how it was reached.
        policies: files or folders with policies, beside those that were applied to the store.
        notify: a webhook that is told what happens, or where its address is; see ``kind: Notifier``.
        notify_secret: where the key is that signs what is sent there.
        notify_format: ``cloudevents`` or ``slack``.
        notify_approvers: who answers with the links that are sent there.
        public_url: how people reach this server, for links; its own address by default.
        lookups: a module whose ``LOOKUPS`` are functions that conditions of policies may call.
    """

    places: tuple[str, ...] = ()
    store: str = "sqlite:///holdfast.db"
    listen: Endpoint | None = Endpoint()
    retain_seconds: float = 7 * 86400.0
    reload: bool = False
    only_version: str = ""
    name: str = "server"
    grace_seconds: float = 10.0
    lease_seconds: float = 10.0
    limits: Limits = Limits()
    models: str = ""
    record: str = ""
    seal_seconds: float = 300.0
    witnesses: tuple[str, ...] = ()
    http: int | None = None
    identity: str = ""
    auth: bool = False
    tls_cert: str = ""
    tls_key: str = ""
    behind_proxy: bool = False
    otlp: str = ""
    policies: tuple[str, ...] = ()
    lookups: str = ""
    notify: str = ""
    notify_secret: str = ""
    notify_format: str = "cloudevents"
    notify_approvers: tuple[str, ...] = ()
    public_url: str = ""


class Server:
    """See the module.

    Args:
        settings: how it runs.
        told: called with every reload.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        told: Callable[[Change], None] | None = None,
        gate: Gate | None = None,
        seal: Seal | None = None,
    ) -> None:
        self.settings = settings
        self.name = settings.name
        self.stopping = asyncio.Event()
        self.registry = Versions()
        self.store = make_store(settings.store, settings.limits)
        self._told: Callable[[Change], None] = told or _keep_quiet
        self._guards: dict[str, Any] = {"gate": gate, "seal": seal}
        self._beside: list[asyncio.Task[None]] = []
        self.listener: Listener | None = None
        self.hub: Hub | None = None
        self.http: HttpServer | None = None
        self.telemetry: Telemetry | None = None
        self.guarding: Guarding | None = None

    # -- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Load the agents, open the store, take up what waits, listen. Raises what a person has to know."""
        check_reach(self.settings)
        self.code = Code(self.registry, self.store, self.settings.places, lambda: self.engine.worker.clock.now_ms())
        self.code.load()
        await self.store.open()
        try:
            self.engine = Engine(
                self.store,
                self.registry,
                name=self.name,
                limits=self.settings.limits,
                lease_seconds=self.settings.lease_seconds,
                policies=self.settings.policies,
                lookups=named_lookups(self.settings.lookups) if self.settings.lookups else None,
                **self._guards,
            )
            Masked(self.engine.secrets).guard()
            worker = self.engine.worker
            found = await discover(self.settings.models)
            self.engine.use_models(make_gateway(found, record=self.settings.record, secrets=self.engine.secrets))
            self.operations = Operations(self.store, worker, self.engine.flow, self.registry, self)
            self.identity = self.operations.identity = make_identity(self.settings, self.store, self.engine)
            self.operations.witnesses = tuple(make_witness(url) for url in self.settings.witnesses)
            if isinstance(self.engine.gate, Gatekeeper):
                self.guarding = Guarding(self.engine.gate, self.operations, self.engine.serve)
            worker.tool_host.sign = self.identity.of_agent
            await check_admitted(self.settings, self.identity)
            await self._load()
            if self.settings.otlp:
                from .telemetry import Telemetry  # needs the extra

                self.telemetry = Telemetry(self.store, worker, self.settings.otlp)
                await self.telemetry.begin()
            await self.engine.start()
            try:
                await self._listen()
            except BaseException:
                await self.engine.stop(0)
                raise
        except BaseException:
            await self.store.close()
            raise
        self._look_after()

    async def _load(self) -> None:
        settings = self.settings
        self.registry.common |= COMMON
        for built_in in BUILT_IN:
            built_in.seal_version()
        if settings.only_version:
            await self.code.load_published(settings.only_version)
            return
        if settings.listen is None and not settings.places:
            await self.code.load_published()
        for built_in in BUILT_IN:
            self.registry.add(built_in.definition)
        if settings.listen is not None:
            add_notifier(self.registry, self.identity.ring)
        await self.engine.worker.resources.load()
        declared = DeclaredAgents(self.code, self.engine, self.registry)
        declared.take_up()
        declared.follow()
        await self.code.publish()
        for name, version in await self.code.load_needed():
            log.info("loaded version %s of %s for turns in flight", version, name)

    async def _listen(self) -> None:
        self.engine.worker.on_drain = self.stopping.set
        if self.settings.listen is None:
            return
        from .. import __version__

        self.hub = Hub(self.store, self.engine.worker.spawn)
        tls = tls_context(self.settings)
        hello = Hello(__version__, self.name, os.getpid())
        self.listener = Listener(self.settings.listen, WireService(self.operations, self.hub, self.identity), hello, tls)
        await self.listener.start()
        if self.settings.http is not None:
            from .front import make_http

            self.http = make_http(self, self.settings.listen.host or "127.0.0.1", self.settings.http, tls)
            await self.http.start()
        await declare_notifier(self.operations, self.settings, self.http.url if self.http is not None else "")
        if self.http is not None:
            self.engine.worker.spawn(self._take_in())

    async def _take_in(self) -> None:
        """The fleet is read before the first window asks for it, so that a hundred thousand agents are there at once."""
        try:
            await self.operations.fleet(limit=0)
        except HoldfastError as error:
            log.debug("the fleet is read when somebody asks: %s", error)

    async def stop(self) -> None:
        """Drain: nothing new, steps in flight finish, everything is written, every agent is given back."""
        self.stopping.set()
        for task in self._beside:
            task.cancel()
        if self.telemetry is not None:
            self.telemetry.close()
        if self.listener is not None:
            self.listener.stop_accepting()
        if self.http is not None:
            await self.http.stop()
        await save_habits(self.guarding)
        await self.engine.stop(self.settings.grace_seconds)
        if self.listener is not None:
            await asyncio.sleep(0)
            self.listener.hang_up()
        await self.store.close()

    # -- what the operations ask --------------------------------------------------------------------------------

    def drain(self) -> None:
        """See ``Host``."""
        self.engine.worker.loop.call_later(0.05, self.stopping.set)

    def try_agent(self, document: Document) -> None:
        """See ``Host``."""
        self.code.try_declared(document)

    # -- beside the turns ---------------------------------------------------------------------------------------

    def _look_after(self) -> None:
        settings = self.settings
        if settings.retain_seconds > 0 and settings.listen is not None:
            self._beside_do(self._retain())
        if settings.seal_seconds > 0 and settings.listen is not None:
            self._beside_do(self._seal())
        if settings.listen is not None and self.engine.worker.seal is None:
            self._beside_do(self._index())
        if settings.listen is not None:
            self._beside_do(self._tell_hits())
        if settings.reload and (settings.places or settings.policies):
            self._beside_do(self._reload())
        self._beside_do(self._versions())
        if self.telemetry is not None:
            self._beside_do(self.telemetry.run())

    def _beside_do(self, work: Coroutine[Any, Any, None]) -> None:
        self._beside.append(asyncio.Task(work, loop=self.engine.worker.loop))

    async def _retain(self) -> None:
        """Forget ended turns when they are old enough, a little at a time."""
        clock = self.engine.worker.clock
        keep = self.settings.retain_seconds
        swept = clock.monotonic()
        while True:
            await clock.sleep(min(max(keep / 24, 1.0), 3600.0))
            before = clock.now_ms() - int(keep * 1000)
            try:
                if await self.store.segments(-1):
                    await self.operations.audit_seal()  # where anything is signed, nothing leaves that no root covers
                while await self.store.compact(before, _COMPACT_ROWS, await held_in(self.store)):
                    await clock.sleep(0.05)
                if clock.monotonic() >= swept + _SWEEP_SECONDS:
                    swept = clock.monotonic()
                    await sweep(self.store, self.engine.worker, min(before, clock.now_ms() - int(YOUNG_SECONDS * 1000)))
            except HoldfastError as error:
                log.warning("retention did not get on: %s", error)

    async def _seal(self) -> None:
        """Sign what happened since the last time."""
        clock = self.engine.worker.clock
        while True:
            await clock.sleep(self.settings.seal_seconds)
            try:
                await self.operations.audit_seal()
            except HoldfastError as error:
                log.error("nothing was signed: %s", error)

    async def _index(self) -> None:
        """Fill the index of words, a quarter of the time at most: turns go before it."""
        clock = self.engine.worker.clock
        indexing = Indexing(self.store)
        while True:
            began, more = clock.monotonic(), False
            try:
                more = await indexing.go_on()
            except HoldfastError as error:
                log.warning("the index of words did not get on: %s", error)
            await clock.sleep(3 * (clock.monotonic() - began) if more else _LOOK_SECONDS)

    async def _tell_hits(self) -> None:
        """Tell of what saved searches find, if there are any that tell anybody."""
        clock = self.engine.worker.clock
        teller = HitTeller(self.store, self.engine.worker, self.engine.flow)
        while True:
            await clock.sleep(_LOOK_SECONDS)
            try:
                await teller.go_on()
            except HoldfastError as error:
                log.warning("what saved searches found was not told: %s", error)

    async def _reload(self) -> None:
        clock = self.engine.worker.clock
        while True:
            await clock.sleep(_LOOK_SECONDS)
            changes = self.code.look()
            if any(c.error is None for c in changes):
                await self.code.publish()
                await self.engine.serve()
                self.registry.wanted.set()
            for change in changes:
                self._told(change)
            if self.engine.policies is not None:
                self.engine.policies.look()

    async def _versions(self) -> None:
        """Take up old versions that turns turn out to need, and let them go when nobody needs them any more."""
        wait = _OLD_SECONDS[0]
        while True:
            try:
                async with asyncio.timeout(wait if self.code.has_old else None):
                    await self.registry.wanted.wait()
            except TimeoutError:
                wait = min(wait * 1.5, _OLD_SECONDS[1])
            else:
                wait = _OLD_SECONDS[0]
            try:
                await self._look_at_versions()
            except HoldfastError as error:
                log.warning("looking after versions failed: %s", error)
                await self.engine.worker.clock.sleep(_OLD_SECONDS[0])

    async def _look_at_versions(self) -> None:
        if self.registry.wanted.is_set():
            self.registry.wanted.clear()
            changed = await self.code.load_needed()
            verb = "loaded"
        else:
            changed = await self.code.forget_unneeded(self.engine.worker)
            verb = "unloaded"
        if changed:
            await self.engine.serve()
            log.info("%s %s", verb, ", ".join(f"{n} {v}" for n, v in changed))


def _keep_quiet(change: Change) -> None:
    """Nobody asked for reloads."""


async def serve(
    settings: Settings,
    *,
    ready: Callable[[Server], None],
    told: Callable[[Change], None],
    stopping: Callable[[], None],
) -> None:
    """Run a server until SIGTERM, SIGINT or a drain; a second signal ends the process at once."""
    server = Server(settings, told=told)
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if server.stopping.is_set():
            os._exit(130)
        server.stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    await server.start()
    try:
        ready(server)
        await server.stopping.wait()
        stopping()
    finally:
        await server.stop()


def places(named: Sequence[str]) -> tuple[str, ...]:
    """Files or modules a person named, each once. Raises ``Rejected(agents.none_named)`` for none."""
    if not named:
        raise Rejected(
            "agents.none_named",
            "Name the file with your agents: holdfast up my_agents.py; or a models file, to serve models alone: "
            "holdfast up --models models.yaml.",
        )
    return tuple(dict.fromkeys(named))
