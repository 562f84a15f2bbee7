"""``Operations``: the one set behind the CLI, the Python client and every protocol.

Each public coroutine method is an operation: its parameters and its result are plain typed values, its docstring's first
line is its summary; see ``registry``. ``invoke`` calls one by name with JSON-like input, as protocols do.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from typing import Any, Protocol

import msgspec

from ..domain.address import DEFAULT_TENANT, key_of, name_of, short
from ..domain.address import address as parse_address
from ..domain.errors import LimitExceeded, NotFound, Rejected, TurnFailed
from ..domain.labels import USER
from ..domain.message import Kind, Message, Outcome, Status
from ..domain.topics import check_topic
from ..flow import Flow
from ..journal.codec import NIL, Raw, decode_any, encode, encode_message, encode_outcome, error_of
from ..mailbox.worker import Worker
from ..ports.store import Commit, Send, Store
from ..turn.definition import HandlerSpec, Registry
from . import adopting, occurrences, reading, schedules
from .approvals import Word
from .approving import ApprovalOperations
from .gateway import GatewayOperations
from .occurrences import Rule
from .registry import find
from .sweeping import YOUNG_SECONDS, sweep
from .views import (
    AgentView,
    DeadLetter,
    DefinitionView,
    Delivered,
    Done,
    EntryView,
    Question,
    ScheduleView,
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


class Operations(GatewayOperations, ApprovalOperations):
    """See the module. ``worker`` is this process's; it need not serve any definition itself."""

    def __init__(self, store: Store, worker: Worker, flow: Flow, registry: Registry, host: Host | None = None) -> None:
        self.host = host
        self.store = store
        self.worker = worker
        self.flow = flow
        self.registry = registry
        self.backlog_of_calls = 0

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

    async def publish(
        self, topic: str, payload: bytes, tenant: str = "default", sender: str = "client", key: str = ""
    ) -> Done:
        """Publish on a topic: every subscribed agent gets it exactly once."""
        check_topic(topic)
        payload = await self.worker.artifacts.lifted_payload(payload)
        message = self._request("default/x/x", "", payload, key, 0, f"{tenant}/{sender}/-", "")
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
        return Message(
            parse_address(to),
            Kind.REQUEST,
            handler,
            payload,
            key=key,
            sender=sender,
            trace=trace or self.worker.random.token(16),
            labels=(USER,),
            priority=priority,
            created=self.worker.clock.now_ms(),
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
        prefix = like if like.count("/") == 2 or not like else f"default/{like}"
        rows = await self.store.agents(like=prefix, mode=mode, after=after, limit=limit)
        return [reading.agent_view(row, self.worker) for row in rows]

    async def describe(self, address: str) -> AgentView:
        """Tell everything about one agent's present."""
        row = await self.store.agent(parse_address(address))
        if row is None:
            raise reading.unknown(address)
        return reading.agent_view(row, self.worker)

    async def journal(self, address: str, after: int = 0, limit: int = 100, turn: int = 0) -> list[EntryView]:
        """Read an agent's journal, oldest first."""
        rows = await self.store.entries(parse_address(address), after, min(limit, 10_000), turn)
        return [reading.entry_view(row, self.worker) for row in rows]

    async def state(self, address: str) -> dict[str, Any]:
        """Read an agent's state."""
        rows = await self.store.state(parse_address(address))
        return {k: reading.plain(r.value, self.worker) for k, r in rows.items() if r.value is not None}

    async def asks(self, limit: int = 100) -> list[Question]:
        """List the questions that wait for a person."""
        return [reading.question(w, self.worker) for w in await self.store.waits(verb="ask", limit=limit)]

    async def waits(self, verb: str = "", limit: int = 100) -> list[WaitView]:
        """List what turns wait for."""
        return [reading.wait_view(w, self.worker) for w in await self.store.waits(verb=verb, limit=limit)]

    async def follow(self, address: str, after: int = 0, turn: int = 0) -> AsyncIterator[EntryView]:
        """Read an agent's journal and go on as it grows."""
        target = parse_address(address)
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
            await self._known(f"default/{name}/x")
        return sorted(seen.values(), key=lambda v: v.name)

    async def stats(self) -> dict[str, int]:
        """Count agents, messages and entries."""
        found = await self.store.stats()
        return {
            **found,
            "in_memory": sum(len(a.running) for a in self.worker.holdings.actives.values()),
            "warm": len(self.worker.holdings.actives),
        }

    async def versions(self) -> list[VersionView]:
        """List the versions of all definitions and how many open turns need each."""
        return await reading.versions(self.store, self.registry)

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
            return await self._approve(asked, Word(str(value), by, ["*"]))
        turn, _, path = asked.id.partition("#")[2].partition(".")
        outcome = Outcome(Raw(encode(value, "answer")), None, (f"person:{by}",))
        message = Message(
            parse_address(asked.address),
            Kind.ANSWER,
            path,
            encode_outcome(outcome),
            key=f"answer:{turn}:{path}",
            sender=by,
            turn=int(turn),
            created=self.worker.clock.now_ms(),
        )
        await self.flow.accept(message, wait=False)
        return Done(note=f"answered {asked.id}")

    async def _question(self, question: str) -> Question:
        place, _, rest = question.partition("#")
        found = [q for q in await self._questions(parse_address(place)) if not rest or q.id.partition("#")[2] == rest]
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
        return await self._mode(address, "paused", f"{by}: {why}" if why else by)

    async def resume(self, address: str) -> Done:
        """Let a paused agent go on."""
        return await self._mode(address, "active", "")

    async def _mode(self, address: str, mode: str, reason: str) -> Done:
        target = parse_address(address)
        await self.describe(target)
        await self.worker.committer.submit_commit(Commit(mode=(target, mode, reason)))
        active = self.worker.holdings.actives.get(target)
        if active is not None:  # here at once; other workers hear of it from the store
            self.worker.obey(active, mode)
        return Done(note=f"{address} is {mode}")

    async def retire(self, address: str, why: str = "", by: str = "person") -> Done:
        """Let an agent take no more messages, for good or until it is resumed; its journal stays."""
        return await self._mode(address, "retired", f"{by}: {why}" if why else by)

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
        target = parse_address(address)
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
        target = parse_address(address)
        await self.describe(target)
        payload = encode({"turn": turn, "why": why})
        message = Message(target, Kind.CONTROL, verb, payload, turn=max(turn, 0), created=self.worker.clock.now_ms())
        await self.flow.accept(message, wait=False)
        return Done(note=f"{verb} sent to {address}")

    # -- dead letters -------------------------------------------------------------------------------------------

    async def dead(self, address: str = "", after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """List messages whose turns failed with nobody to tell."""
        where = parse_address(address) if address else ""
        rows = await self.store.messages(statuses=(Status.DEAD,), address=where, after=after, limit=limit)
        return [await reading.dead_letter(row, self.store, self.worker) for row in rows]

    async def redeliver(self, id: int, payload: bytes = b"") -> Delivered:
        """Send a dead letter again, with other arguments if given; it leaves the list."""
        from ..ports.store import Mark

        row = await self.store.message(id)
        if row is None or row.status != Status.DEAD:
            raise NotFound("dead.unknown", f"There is no dead letter {id}. `holdfast dead` lists them.", id=id)
        old = self.worker.loader.item(row).message
        message = msgspec.structs.replace(
            old,
            to=row.address,
            payload=payload or old.payload,
            key="",
            origin="",
            due=0,
            created=self.worker.clock.now_ms(),
        )
        await self._check(message)
        send = Send(message, self.worker.sealed(encode_message(message)))
        mark = Mark(id, Status.FAILED, row.turn, row.version, row.ended)
        receipt = await self.worker.committer.submit_commit(Commit(sends=[send], marks=[mark]))
        return Delivered(id=receipt.ids[0])

    async def discard(self, id: int) -> Done:
        """Take a dead letter off the list without sending it again."""
        from ..ports.store import Mark

        row = await self.store.message(id)
        if row is None or row.status != Status.DEAD:
            raise NotFound("dead.unknown", f"There is no dead letter {id}. `holdfast dead` lists them.", id=id)
        mark = Mark(id, Status.FAILED, row.turn, row.version, row.ended)
        await self.worker.committer.submit_commit(Commit(marks=[mark]))
        return Done(note=f"discarded {id}")

    # -- schedules ----------------------------------------------------------------------------------------------

    async def schedule(
        self,
        name: str,
        to: str,
        handler: str,
        payload: bytes,
        cron: str = "",
        every_seconds: float = 0,
        zone: str = "UTC",
        missed: str = "once",
        key: str = "",
    ) -> ScheduleView:
        """Send a message again and again, by a cron expression or an interval. The same name again changes it."""
        rule = Rule(cron, int(every_seconds * 1000), zone, self.worker.clock.now_ms())
        occurrences.check(rule, missed)
        await self._check(self._request(to, handler, payload, "", 0, "schedule", ""))
        args, kwargs = decode_any(payload)
        spec = schedules.Spec(parse_address(to), handler, args, kwargs, rule, missed)
        done = await self._ask(schedules.target(name), "set", [spec], key)
        return reading.schedule(name, msgspec.msgpack.decode(done, type=schedules.Spec))

    async def schedules(self) -> list[ScheduleView]:
        """List the schedules."""
        found: list[ScheduleView] = []
        after = ""
        while rows := await self.store.agents(like=f"{DEFAULT_TENANT}/{schedules.NAME}/", after=after, limit=500):
            for row in rows:
                after = row.address
                kept = (await self.store.state(row.address)).get("spec")
                if kept is not None and kept.value:
                    body = self.worker.seal.open(kept.value) if self.worker.seal else kept.value
                    found.append(reading.schedule(key_of(row.address), msgspec.msgpack.decode(body, type=schedules.Spec)))
        return found

    async def unschedule(self, name: str, key: str = "") -> Done:
        """Remove a schedule."""
        await self._ask(schedules.target(name), "remove", [], key)
        return Done(note=f"removed the schedule {name}")

    async def _ask(self, to: str, handler: str, args: list[Any], key: str) -> Raw:
        outcome = await self.call(to, handler, encode((args, {}), "arguments"), key=key)
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

        return ServerView(
            version=__version__,
            name=self.host.name if self.host else "",
            pid=os.getpid(),
            host=socket.gethostname(),
            store=self.store.url,
            serves=sorted(self.registry.latest),
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
        """Call an operation with JSON-like input. Raises ``NotFound(operation.unknown)``, ``Rejected(operation.input)``."""
        what = find(type(self), name)
        if what.streams:
            raise Rejected("operation.input", f"{name} goes on: read it as a stream.", operation=name)
        return await getattr(self, name)(**what.inputs(given))

    def stream(self, name: str, given: dict[str, Any]) -> AsyncIterator[Any]:
        """The items of one that streams, with JSON-like input. Raises as ``invoke`` does."""
        what = find(type(self), name)
        if not what.streams:
            raise Rejected("operation.input", f"{name} is a single answer, not a stream.", operation=name)
        return getattr(self, name)(**what.inputs(given))


__all__ = ["Operations"]
