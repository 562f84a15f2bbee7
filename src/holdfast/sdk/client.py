"""``Client``: Holdfast from somebody's program; the same over a socket or embedded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar

from ..domain.address import short
from ..domain.errors import TurnFailed
from ..domain.message import Outcome
from ..journal.codec import encode, error_of
from ..turn.context import Duration, Event, ms_of
from ..turn.definition import Target

P = ParamSpec("P")
R = TypeVar("R")


class Channel(Protocol):
    """How a client reaches the operations."""

    async def request(self, operation: str, **given: Any) -> Any:
        """One operation; raises the error that it raised."""
        ...

    def stream(self, operation: str, **given: Any) -> AsyncIterator[Any]:
        """An operation that goes on yielding."""
        ...

    async def now_ms(self) -> int:
        """The other side's clock."""
        ...


class Client:
    """Call, send, watch and steer agents.

    >>> async with holdfast.connect() as client:
    ...     total = await client.call(add["tickets"], 5)
    """

    def __init__(self, channel: Channel, *, key: str = "", priority: int = 0, sender: str = "client") -> None:
        self.channel = channel
        self._options: dict[str, Any] = {"key": key, "priority": priority, "sender": sender}

    def options(self, *, key: str = "", priority: int = 0, sender: str = "client") -> Client:
        """The same client with other options: a dedupe ``key`` (the same key again gives the same outcome), a
        ``priority``, the ``sender`` to be shown."""
        return Client(self.channel, key=key, priority=priority, sender=sender)

    async def call(self, target: Target[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Ask an agent and wait. Raises ``TurnFailed`` with the error its turn ended with."""
        payload = target.pack(args, kwargs)
        outcome: Outcome = await self.channel.request(
            "call", to=short(target.address), handler=target.handler, payload=payload, **self._options
        )
        if outcome.failure is not None:
            raise error_of(outcome.failure, TurnFailed, "turn.failed")
        return target.returns.decode(outcome.value, f"answer of {target.handler}")

    async def send(self, target: Target[P, Any], *args: P.args, **kwargs: P.kwargs) -> int:
        """Send one way; returns the message's id when it is durable."""
        return await self._send(target, args, kwargs, 0)

    async def send_after(self, delay: Duration, target: Target[P, Any], *args: P.args, **kwargs: P.kwargs) -> int:
        """``send``, delivered ``delay`` from now."""
        return await self._send(target, args, kwargs, await self.channel.now_ms() + ms_of(delay))

    async def _send(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any], due: int) -> int:
        if isinstance(target, Event):
            return await self.signal(short(target.address), target.name, *args)
        payload = target.pack(args, kwargs)
        done = await self.channel.request(
            "send", to=short(target.address), handler=target.handler, payload=payload, due=due, **self._options
        )
        return done.id

    async def signal(self, address: str, event: str, value: Any = None) -> int:
        """Send an event to an agent; a turn that waits for it goes on with ``value``."""
        given = {k: v for k, v in self._options.items() if k != "priority"}
        done = await self.channel.request("signal", to=address, event=event, value=encode(value, "event"), **given)
        return done.id

    async def publish(self, topic: str, *args: Any) -> None:
        """Publish on a topic."""
        await self.channel.request("publish", topic=topic, payload=encode((args, {}), "topic"))

    def follow(self, address: str, after: int = 0) -> AsyncIterator[Any]:
        """An agent's journal entries after a number, and those to come as they are written."""
        return self.channel.stream("follow", address=address, after=after)

    async def schedule(
        self,
        name: str,
        target: Target[..., Any],
        args: Sequence[Any] = (),
        *,
        cron: str = "",
        every: Duration = 0,
        zone: str = "UTC",
        missed: str = "once",
    ) -> Any:
        """Send a message again and again; the same ``name`` again changes it, ``client.unschedule(name)`` removes it.

        >>> await client.schedule("report", desk["42"].report, cron="0 9 * * mon-fri", zone="Europe/Berlin")

        Args:
            cron: minute, hour, day, month, weekday, read in ``zone``, summer time included.
            every: an interval instead, at least a second.
            missed: what happens with runs that fell due while nothing ran: ``skip``, ``once`` or ``all`` of them.
        """
        payload = target.pack(tuple(args), {})
        return await self.channel.request(
            "schedule",
            name=name,
            to=short(target.address),
            handler=target.handler,
            payload=payload,
            cron=cron,
            every_seconds=ms_of(every) / 1000,
            zone=zone,
            missed=missed,
        )

    def __getattr__(self, operation: str) -> Any:
        """Every other operation by its name: ``client.agents(like="desk/")``, ``client.answer("desk/42", "yes")``."""
        if operation.startswith("_"):
            raise AttributeError(operation)

        async def request(*args: Any, **given: Any) -> Any:
            return await self.channel.request(operation, *args, **given)

        return request
