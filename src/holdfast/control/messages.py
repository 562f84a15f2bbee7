"""Operations on messages: ask, send, signal, publish; and how a message of the caller's comes about."""

from __future__ import annotations

from typing import Any

from ..domain.address import Address, name_of, tenant_of
from ..domain.errors import LimitExceeded, NotFound, Rejected, TurnFailed
from ..domain.message import Kind, Message, Outcome
from ..domain.principal import Principal
from ..domain.topics import check_topic
from ..flow import Flow
from ..journal.codec import NIL, Raw, encode, error_of
from ..mailbox.worker import Worker
from ..ports.store import Store
from ..turn.definition import HandlerSpec, Registry
from .registry import Arguments, Encoded, operation
from .views import Delivered, Done

_OWN = "holdfast."
"""Agents whose names begin so are the operations' own: a message of anybody's could make them do what its sender may not."""


class MessageOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    flow: Flow
    registry: Registry
    principal: Principal

    @operation(
        path="POST /agents/{to}/call",
        command="call",
        errors=("agent.unknown", "handler.unknown", "handler.bad_argument", "mailbox.full"),
        next=(("journal", "what its turn did"),),
    )
    async def call(
        self,
        to: str,
        handler: str,
        payload: Arguments,
        key: str = "",
        priority: int = 0,
        sender: str = "client",
        trace: str = "",
    ) -> Outcome:
        """Ask an agent and wait for the outcome of its turn."""
        payload = await self._lifted(to, payload)
        message = self._request(to, handler, payload, key, priority, sender, trace)
        await self._check(message)
        _, outcome = await self.flow.accept(message, wait=True)
        assert outcome is not None
        return outcome

    @operation(
        path="POST /agents/{to}/messages",
        command="send",
        errors=("agent.unknown", "handler.unknown", "handler.bad_argument", "mailbox.full"),
        next=(("describe", "what becomes of it"),),
    )
    async def send(
        self,
        to: str,
        handler: str,
        payload: Arguments,
        key: str = "",
        priority: int = 0,
        sender: str = "client",
        trace: str = "",
        due: int = 0,
    ) -> Delivered:
        """Put a message into an agent's mailbox; done when it is durable."""
        payload = await self._lifted(to, payload)
        message = self._request(to, handler, payload, key, priority, sender, trace)
        message.due = due
        await self._check(message)
        id, _ = await self.flow.accept(message, wait=False)
        return Delivered(id=id)

    @operation(path="POST /agents/{to}/events", command="signal", errors=("agent.unknown",))
    async def signal(self, to: str, event: str, value: Encoded = NIL, key: str = "", sender: str = "client") -> Delivered:
        """Send an event to an agent; a turn that waits for it goes on."""
        value = await self._lifted(to, value)
        message = self._request(to, event, value, key, 0, sender, "")
        message.kind = Kind.EVENT
        await self._known(message.to)
        id, _ = await self.flow.accept(message, wait=False)
        return Delivered(id=id)

    @operation(path="POST /topics/{topic}", command="publish", errors=("topic.malformed",))
    async def publish(self, topic: str, payload: Arguments, tenant: str = "", sender: str = "client", key: str = "") -> Done:
        """Publish on a topic: every subscribed agent of the tenant gets it exactly once."""
        check_topic(topic)
        tenant = tenant or self.principal.home
        self.principal.check_reach(tenant)
        payload = await self.worker.artifacts.lifted_payload(tenant, payload)
        message = self._request("x/x", "", payload, key, 0, sender, "")
        if tenant_of(message.sender) != tenant:  # the store reads off the sender whose topic is meant
            message.sender = f"{tenant}/{message.sender}/-"
        message.to = f"topic:{topic}"
        await self.flow.accept(message, wait=False)
        return Done(note=f"published on {topic}")

    async def _lifted(self, to: str, payload: bytes) -> bytes:
        """What is large becomes an artifact of the tenant whose agent it is for."""
        return await self.worker.artifacts.lifted_payload(tenant_of(self.principal.place(to)), payload)

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
            chain=who.chain_to(to),
            tags=dict(who.tags),
        )

    async def _check(self, message: Message) -> None:
        """Refuse what can be known to fail: unknown agent, handler or argument, wrong type."""
        spec = await self._known(message.to, message.name)
        if spec is not None:
            spec.bind(message.payload, message.to)

    async def _known(self, to: str, handler: str = "") -> HandlerSpec | None:
        definition = self.registry.find(name_of(to))
        if name_of(to) in self.registry.closed:
            raise NotFound(
                "agent.unknown",
                f"The agent {name_of(to)!r} was declared once and is no more. `holdfast history Agent/{name_of(to)}` says "
                "who removed it and why; `holdfast rollback` brings it back.",
                agent=name_of(to),
            )
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

    async def _ask(self, to: Address, handler: str, args: list[Any], key: str) -> Raw:
        """Have one of the operations' own agents do something."""
        message = self._message(to, handler, encode((args, {}), "arguments"), key)
        await self._check(message)
        _, outcome = await self.flow.accept(message, wait=True)
        assert outcome is not None
        if outcome.failure is not None:
            raise error_of(outcome.failure, TurnFailed, "turn.failed")
        return outcome.value
