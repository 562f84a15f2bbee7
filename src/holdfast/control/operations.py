"""``Operations``: the one set behind the CLI, the Python client and every protocol.

Each public coroutine method is an operation: its parameters and its result are plain typed values, its docstring's first
line is its summary; see ``registry``. ``invoke`` calls one by name with JSON-like input, as protocols do.
"""

from __future__ import annotations

import copy
import os
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import msgspec

from ..domain.address import Address, name_of, short, tenant_of
from ..domain.errors import LimitExceeded, NotFound, Rejected, TurnFailed
from ..domain.message import Kind, Message, Outcome
from ..domain.principal import EVERY_TENANT, OWNER, Principal, identity_of
from ..domain.topics import check_topic
from ..flow import Flow
from ..journal.codec import NIL, Raw, encode, encode_outcome, error_of
from ..mailbox.worker import Worker
from ..ports.store import Commit, Store
from ..turn.definition import HandlerSpec, Registry
from . import adopting, reading
from .approving import ApprovalOperations
from .dead_letters import DeadLetterOperations
from .gateway import GatewayOperations
from .identity.operations import IdentityOperations
from .identity.scopes import permit
from .policies import PolicyOperations
from .registry import find
from .scheduling import ScheduleOperations
from .sweeping import YOUNG_SECONDS, sweep
from .views import (
    AgentView,
    DefinitionView,
    Delivered,
    Done,
    EntryView,
    Question,
    ServerView,
    VersionView,
    WaitView,
    WorkerView,
)

_FOLLOW_SECONDS = 0.1


class Host(Protocol):
    """What only the process around the operations can tell and do."""

    name: str

    def drain(self) -> None:
        """Let this process finish and end."""
        ...


_OWN = "holdfast."
"""Agents whose names begin so are the operations' own: a message of anybody's could make them do what its sender may not."""


class Operations(
    ApprovalOperations, DeadLetterOperations, GatewayOperations, IdentityOperations, PolicyOperations, ScheduleOperations
):
    """See the module. ``worker`` is this process's; it need not serve any definition itself.

    They are done in somebody's name: the owner's of this process unless ``acting_for`` says otherwise, and see and touch
    only what that principal reaches.
    """

    principal: Principal = OWNER

    def __init__(self, store: Store, worker: Worker, flow: Flow, registry: Registry, host: Host | None = None) -> None:
        self.host = host
        self.store = store
        self.worker = worker
        self.flow = flow
        self.registry = registry

    def acting_for(self, principal: Principal) -> Operations:
        """The same operations in the name of somebody else."""
        if principal is self.principal:
            return self
        others = copy.copy(self)
        others.principal = principal
        return others

    def allowed(self, name: str) -> Callable[..., Any]:
        """An operation by name, if its principal may call it. Raises ``Rejected(auth.scope)``,
        ``Rejected(auth.required)``."""
        permit(self.principal, name)
        return getattr(self, name)

    # -- messages -----------------------------------------------------------------------------------------------

    async def call(
        self,
        to: str,
        handler: str,
        payload: bytes,
        key: str = "",
        priority: int = 0,
        sender: str = "client",
        trace: str = "",
    ) -> Outcome:
        """Ask an agent and wait for the outcome of its turn."""
        payload = await self.worker.artifacts.lifted_payload(payload)
        message = self._request(to, handler, payload, key, priority, sender, trace)
        await self._check(message)
        _, outcome = await self.flow.accept(message, wait=True)
        assert outcome is not None
        return outcome

    async def send(
        self,
        to: str,
        handler: str,
        payload: bytes,
        key: str = "",
        priority: int = 0,
        sender: str = "client",
        trace: str = "",
        due: int = 0,
    ) -> Delivered:
        """Put a message into an agent's mailbox; done when it is durable."""
        payload = await self.worker.artifacts.lifted_payload(payload)
        message = self._request(to, handler, payload, key, priority, sender, trace)
        message.due = due
        await self._check(message)
        id, _ = await self.flow.accept(message, wait=False)
        return Delivered(id=id)

    async def signal(self, to: str, event: str, value: bytes = NIL, key: str = "", sender: str = "client") -> Delivered:
        """Send an event to an agent; a turn that waits for it goes on."""
        value = await self.worker.artifacts.lifted_payload(value)
        message = self._request(to, event, value, key, 0, sender, "")
        message.kind = Kind.EVENT
        await self._known(message.to)
        id, _ = await self.flow.accept(message, wait=False)
        return Delivered(id=id)

    async def publish(self, topic: str, payload: bytes, tenant: str = "", sender: str = "client", key: str = "") -> Done:
        """Publish on a topic: every subscribed agent of the tenant gets it exactly once."""
        check_topic(topic)
        payload = await self.worker.artifacts.lifted_payload(payload)
        tenant = tenant or self.principal.home
        self.principal.check_reach(tenant)
        message = self._request("x/x", "", payload, key, 0, sender, "")
        if tenant_of(message.sender) != tenant:  # the store reads off the sender whose topic is meant
            message.sender = f"{tenant}/{message.sender}/-"
        message.to = f"topic:{topic}"
        await self.flow.accept(message, wait=False)
        return Done(note=f"published on {topic}")

    def _request(self, to: str, handler: str, payload: bytes, key: str, priority: int, sender: str, trace: str) -> Message:
        limit = self.worker.limits.payload_bytes
        if len(payload) > limit:
            raise LimitExceeded(
                "payload.too_large",
                f"The message takes {len(payload):,} bytes; the limit is {limit:,}. Keep large data outside and pass a "
                "reference, or raise limits.payload_bytes.",
                bytes=len(payload),
                limit=limit,
            )
        if not -100 <= priority <= 100:
            raise Rejected("message.priority", f"A priority lies between -100 and 100; {priority} does not.")
        who = self.principal
        target = who.place(to)
        if name_of(target).startswith(_OWN) and not who.owner:
            raise Rejected(
                "agent.reserved",
                f"{name_of(target)} is part of Holdfast and takes no messages from outside; there is an operation for "
                "what it does (`holdfast schedule`, `holdfast token`).",
                agent=name_of(target),
            )
        return self._message(target, handler, payload, key, priority, sender, trace)

    def _message(
        self, to: Address, handler: str, payload: bytes, key: str = "", priority: int = 0, sender: str = "", trace: str = ""
    ) -> Message:
        """A message of the principal's: who sends it, for whom, and how far it is to be trusted comes from there."""
        who = self.principal
        return Message(
            to,
            Kind.REQUEST,
            handler,
            payload,
            key=key,
            sender=who.sender(sender),
            trace=trace or self.worker.random.token(16),
            labels=who.labels,
            priority=priority,
            created=self.worker.clock.now_ms(),
            chain=who.chain,
            tags=dict(who.tags),
        )

    async def _check(self, message: Message) -> None:
        """Refuse what can be known to fail: unknown agent, handler or argument, wrong type."""
        spec = await self._known(message.to, message.name)
        if spec is not None:
            spec.bind(message.payload, message.to)

    async def _known(self, to: str, handler: str = "") -> HandlerSpec | None:
        definition = self.registry.find(name_of(to))
        if definition is not None:
            return definition.handler(handler) if handler else None
        published = [d for d in await self.store.definitions() if d.name == name_of(to)]
        if not published:
            known = sorted({d.name for d in await self.store.definitions()} | set(self.registry.latest))
            raise NotFound(
                "agent.unknown",
                f"No agent is called {name_of(to)!r}. Known: {', '.join(known) or 'none'}. Start a worker that has it "
                "(holdfast up my_agents.py).",
                agent=name_of(to),
            )
        if handler and not any(handler in d.handlers for d in published):
            names = ", ".join(sorted(published[0].handlers))
            raise NotFound(
                "handler.unknown",
                f"Agent {name_of(to)!r} has no handler {handler!r}. It has: {names}.",
                handler=handler,
            )
        return None

    # -- looking ------------------------------------------------------------------------------------------------

    async def agents(self, like: str = "", mode: str = "", after: str = "", limit: int = 100) -> list[AgentView]:
        """List agents by address. ``like`` is a prefix, e.g. ``desk/``."""
        who = self.principal
        prefix = like if like.count("/") == 2 else f"{who.home}/{like}" if like else who.within
        if prefix:
            who.check_reach(tenant_of(prefix))
        rows = await self.store.agents(like=prefix, mode=mode, after=after, limit=limit)
        return [reading.agent_view(row, self.worker) for row in rows]

    async def describe(self, address: str) -> AgentView:
        """Tell everything about one agent's present."""
        row = await self.store.agent(self.principal.place(address))
        if row is None:
            raise reading.unknown(address)
        return reading.agent_view(row, self.worker)

    async def journal(self, address: str, after: int = 0, limit: int = 100, turn: int = 0) -> list[EntryView]:
        """Read an agent's journal, oldest first."""
        rows = await self.store.entries(self.principal.place(address), after, min(limit, 10_000), turn)
        return [reading.entry_view(row, self.worker) for row in rows]

    async def state(self, address: str) -> dict[str, Any]:
        """Read an agent's state."""
        rows = await self.store.state(self.principal.place(address))
        return {k: reading.plain(r.value, self.worker) for k, r in rows.items() if r.value is not None}

    async def asks(self, limit: int = 100) -> list[Question]:
        """List the questions that wait for a person."""
        return [
            reading.question(w, self.worker)
            for w in await self.store.waits(verb="ask", limit=limit, like=self.principal.within)
        ]

    async def waits(self, verb: str = "", limit: int = 100) -> list[WaitView]:
        """List what turns wait for."""
        found = await self.store.waits(verb=verb, limit=limit, like=self.principal.within)
        return [reading.wait_view(w, self.worker) for w in found]

    async def follow(self, address: str, after: int = 0, turn: int = 0) -> AsyncIterator[EntryView]:
        """Read an agent's journal and go on as it grows."""
        target = self.principal.place(address)
        while True:
            rows = await self.store.entries(target, after, 500, turn)
            for row in rows:
                after = row.seq
                yield reading.entry_view(row, self.worker)
            if not rows:
                await self.worker.clock.sleep(_FOLLOW_SECONDS)

    async def definitions(self, name: str = "") -> list[DefinitionView]:
        """List the kinds of agents, with their handlers."""
        seen: dict[str, DefinitionView] = {}
        for d in await self.store.definitions():
            latest = self.registry.latest.get(d.name)
            if (not name or d.name == name) and (d.name not in seen or (latest and latest.version == d.version)):
                seen[d.name] = DefinitionView(
                    name=d.name, version=d.version, published=d.published, handlers=d.handlers, served=latest is not None
                )
        if name and not seen:
            await self._known(self.principal.place(f"{name}/x"))
        return sorted(seen.values(), key=lambda v: v.name)

    async def stats(self) -> dict[str, int]:
        """Count agents, messages and entries."""
        found = await self.store.stats(self.principal.within)
        if self.principal.within:
            return found
        return {
            **found,
            "in_memory": sum(len(a.running) for a in self.worker.holdings.actives.values()),
            "warm": len(self.worker.holdings.actives),
        }

    async def versions(self) -> list[VersionView]:
        """List the versions of all definitions and how many open turns need each."""
        found = await reading.versions(self.store, self.registry)
        if self.principal.within:  # how busy others are is none of its business
            return [msgspec.structs.replace(v, open_turns=0) for v in found]
        return found

    # -- people -------------------------------------------------------------------------------------------------

    async def answer(self, question: str, value: Any, by: str = "person") -> Done:
        """Answer a question. ``question`` is its id (address#turn.path), or the address if it has only one."""
        asked = await self._question(question)
        if asked.choices and asked.approval is None and value not in asked.choices:
            raise Rejected(
                "ask.not_a_choice",
                f"{value!r} is not one of the choices: {', '.join(asked.choices)}.",
                choices=asked.choices,
            )
        if asked.approval is not None:
            return await self._approve(asked, self._word(str(value), by))
        turn, _, path = asked.id.partition("#")[2].partition(".")
        who = self.principal.sender(by)
        outcome = Outcome(Raw(encode(value, "answer")), None, (f"person:{identity_of(who)[1]}",))
        message = Message(
            self.principal.place(asked.address),
            Kind.ANSWER,
            path,
            encode_outcome(outcome),
            key=f"answer:{turn}:{path}",
            sender=who,
            turn=int(turn),
            created=self.worker.clock.now_ms(),
        )
        await self.flow.accept(message, wait=False)
        return Done(note=f"answered {asked.id}")

    async def _question(self, question: str) -> Question:
        place, _, rest = question.partition("#")
        found = [q for q in await self._questions(self.principal.place(place)) if not rest or q.id.partition("#")[2] == rest]
        if len(found) != 1:
            ids = ", ".join(q.id for q in found) or "none"
            raise NotFound(
                "ask.unknown" if not found else "ask.ambiguous",
                f"{question!r} names {len(found)} open questions: {ids}. `holdfast asks` lists them.",
            )
        return found[0]

    async def _questions(self, target: str) -> list[Question]:
        row = await self.store.agent(target)
        if row is None:
            raise reading.unknown(target)
        return [reading.question(w, self.worker) for w in row.waits if w.verb == "ask"]

    async def pause(self, address: str, why: str = "", by: str = "person") -> Done:
        """Let an agent start nothing and go on with nothing until it is resumed."""
        return await self._mode(address, "paused", self._by(by, why))

    async def resume(self, address: str) -> Done:
        """Let a paused agent go on."""
        return await self._mode(address, "active", "")

    async def _mode(self, address: str, mode: str, reason: str) -> Done:
        target = self.principal.place(address)
        await self.describe(target)
        await self.worker.committer.submit_commit(Commit(mode=(target, mode, reason)))
        active = self.worker.holdings.actives.get(target)
        if active is not None:  # here at once; other workers hear of it from the store
            self.worker.obey(active, mode)
        return Done(note=f"{address} is {mode}")

    async def retire(self, address: str, why: str = "", by: str = "person") -> Done:
        """Let an agent take no more messages, for good or until it is resumed; its journal stays."""
        return await self._mode(address, "retired", self._by(by, why))

    def _by(self, by: str, why: str) -> str:
        who = self.principal.sender(by)
        return f"{who}: {why}" if why else who

    async def cancel(self, address: str, turn: int = 0, why: str = "") -> Done:
        """Cancel an agent's turn (or all open ones): its cleanup and compensations run. A negative turn is a message id."""
        return await self._control(address, "cancel", turn, why)

    async def kill(self, address: str, turn: int = 0, why: str = "") -> Done:
        """End an agent's turn (or all open ones) at once, running nothing of it any more."""
        return await self._control(address, "kill", turn, why)

    async def retry_stuck(self, address: str, turn: int = 0) -> Done:
        """Run a turn again that was set aside: it diverged from its journal, or it kept killing its workers."""
        return await self._control(address, "retry", turn, "")

    async def adopt(self, address: str, turn: int = 0) -> Done:
        """Let turns that began on an older version go on with the newest one that this server has."""
        target = self.principal.place(address)
        row = await self.store.agent(target)
        if row is None:
            raise reading.unknown(address)
        latest = self.registry.latest.get(name_of(target))
        if latest is None:
            await self._known(target)
            raise NotFound("version.not_loaded", f"This server has no code of {name_of(target)!r}. Ask one that serves it.")
        old = [s for s in row.open if s.turn and turn in (0, s.turn) and s.version != latest.version]
        for stored in old:
            await adopting.adopt(self.worker, self.registry, target, stored, latest.version)
        if not old:
            raise NotFound(
                "turn.not_old",
                f"{short(target)} has no open turn on another version than {latest.version}.",
                version=latest.version,
            )
        return Done(note=f"{len(old)} turn(s) of {short(target)} go on with version {latest.version}", count=len(old))

    async def _control(self, address: str, verb: str, turn: int, why: str) -> Done:
        target = self.principal.place(address)
        await self.describe(target)
        payload = encode({"turn": turn, "why": why})
        message = self._message(target, verb, payload)
        message.kind, message.turn = Kind.CONTROL, max(turn, 0)
        await self.flow.accept(message, wait=False)
        return Done(note=f"{verb} sent to {address}")

    async def _ask(self, to: Address, handler: str, args: list[Any], key: str) -> Raw:
        """Have one of the operations' own agents do something."""
        message = self._message(to, handler, encode((args, {}), "arguments"), key)
        await self._check(message)
        _, outcome = await self.flow.accept(message, wait=True)
        assert outcome is not None
        if outcome.failure is not None:
            raise error_of(outcome.failure, TurnFailed, "turn.failed")
        return outcome.value

    # -- the process --------------------------------------------------------------------------------------------

    async def now(self) -> int:
        """Tell the server's time, in milliseconds since 1970."""
        return self.worker.clock.now_ms()

    async def info(self) -> ServerView:
        """Tell what this process is."""
        from .. import __version__

        name, serves = self.host.name if self.host else "", sorted(self.registry.latest)
        if self.principal.tenant != EVERY_TENANT:  # where it runs and what else it does is its owner's business
            return ServerView(version=__version__, name=name, pid=0, host="", store="", serves=serves, warm=0, in_memory=0)
        return ServerView(
            version=__version__,
            name=name,
            pid=os.getpid(),
            host=socket.gethostname(),
            store=self.store.url,
            serves=serves,
            warm=len(self.worker.holdings.actives),
            in_memory=sum(len(a.running) for a in self.worker.holdings.actives.values()),
        )

    async def workers(self) -> list[WorkerView]:
        """List the processes that run turns on this store."""
        return [
            WorkerView(
                name=w.name,
                session=session,
                host=w.host,
                pid=w.pid,
                serves=sorted(w.serves),
                here=session == self.worker.session,
            )
            for session, w in await self.store.workers()
        ]

    async def drain(self, name: str = "") -> Done:
        """Let a worker (this server, if none is named) take no more work, finish what it does, and end."""
        if self.host is not None and name in ("", self.host.name):
            self.host.drain()
            return Done(note="the server drains", count=1)
        told = await self.store.drain(name) if name else 0
        if not told:
            raise NotFound(
                "worker.unknown", f"No worker is called {name!r} here. `holdfast workers` shows those that are.", worker=name
            )
        return Done(note=f"{name} drains", count=told)

    # -- the store ----------------------------------------------------------------------------------------------

    async def backup(self, target: str) -> Done:
        """Write a consistent copy of the store to a file, while everything runs."""
        await self.store.backup(target)
        return Done(note=f"wrote {target}")

    async def compact(self, older_than_seconds: float = 0) -> Done:
        """Forget turns that ended longer ago than this, and images and files (an hour old at least) that nothing refers to
        any more."""
        now = self.worker.clock.now_ms()
        before = now - int(older_than_seconds * 1000)
        total = 0
        while True:
            removed = await self.store.compact(before, 1_000)
            total += removed
            if not removed:
                swept = await sweep(self.store, self.worker, min(before, now - int(YOUNG_SECONDS * 1000)))
                kept = f" and {swept} images and files" if swept else ""
                return Done(note=f"removed {total} rows{kept}", count=total)
            await self.worker.clock.sleep(0)

    # -- by name ------------------------------------------------------------------------------------------------

    async def invoke(self, name: str, given: dict[str, Any]) -> Any:
        """Call an operation with JSON-like input. Raises ``NotFound(operation.unknown)``, ``Rejected(operation.input)``, and
        what ``allowed`` raises."""
        what = find(type(self), name)
        if what.streams:
            raise Rejected("operation.input", f"{name} goes on: read it as a stream.", operation=name)
        return await self.allowed(name)(**what.inputs(given))

    def stream(self, name: str, given: dict[str, Any]) -> AsyncIterator[Any]:
        """The items of one that streams, with JSON-like input. Raises as ``invoke`` does."""
        what = find(type(self), name)
        if not what.streams:
            raise Rejected("operation.input", f"{name} is a single answer, not a stream.", operation=name)
        return self.allowed(name)(**what.inputs(given))


__all__ = ["Operations"]
