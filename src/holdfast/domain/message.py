"""Messages: anything addressed to an agent, and the life of the turn that handles one."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from .address import Address

Millis = int
"""Wall-clock milliseconds since 1970-01-01 UTC."""


class Kind(IntEnum):
    """What a message is for."""

    REQUEST = 0  # starts a turn
    EVENT = 1  # completes a `wait` of its name, or is kept until one comes
    REPLY = 2  # the outcome of a `call`
    ANSWER = 3  # a person's answer to an `ask`
    CONTROL = 4  # cancel, kill, pause, resume


class Status(IntEnum):
    """Where a message, and so its turn, stands. Up to BUFFERED it is open, from DONE on it is ended."""

    QUEUED = 0
    RUNNING = 1
    WAITING = 2
    BUFFERED = 3
    DONE = 4
    FAILED = 5
    CANCELLED = 6
    KILLED = 7
    DEAD = 8  # failed with nobody to tell: in the dead-letter list

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self >= Status.DONE


class Cause(msgspec.Struct, frozen=True, array_like=True):
    """The step that made a message: an agent, its turn's number and the step's path."""

    agent: str
    turn: int
    path: str


class Message(msgspec.Struct, array_like=True):
    """One message. ``payload`` is encoded (and sealed) already; ``id`` is the store's and not part of the body.

    Attributes:
        to: full address, or ``group:<name>``, or ``topic:<topic>`` (with ``tenant`` from the sender).
        name: handler for a request, event name, ``path`` of the waiting step for a reply or an answer, control verb.
        payload: msgpack: ``[args, kwargs]`` for a request, a value for an event, an ``Outcome`` for a reply.
        key: dedupe key, unique per receiver within the retention window; ``""`` for messages between agents, which
            are exactly once by transaction.
        turn: the receiver's turn a reply, answer or control message is for; 0 for others.
        reply: where the outcome goes: the caller's step, or None for one-way.
        origin: the worker session where somebody waits for the outcome; ``""`` if nobody does.
        due: earliest delivery; 0 for now.
        priority: higher first; -100 to 100.
        chain: the agents that delegated the work here, outermost first.
        tags: what its costs are told apart by (team, customer, ...); handed on with every message that it causes.
        past: of a fork only: what the turn begins with (``domain.fork``). No protocol and no agent can set it.
    """

    to: str
    kind: int
    name: str
    payload: bytes
    key: str = ""
    sender: str = ""
    turn: int = 0
    reply: Cause | None = None
    cause: Cause | None = None
    trace: str = ""
    labels: tuple[str, ...] = ()
    origin: str = ""
    due: Millis = 0
    priority: int = 0
    created: Millis = 0
    deadline: Millis = 0
    chain: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    past: bytes = b""

    @property
    def one_way(self) -> bool:
        """Whether nobody waits for the outcome."""
        return self.reply is None and not self.origin


class Failure(msgspec.Struct, frozen=True, array_like=True):
    """An error as a value: its class in our tree, code, text and the original type's name; after how many seconds it may be
    otherwise, 0 if nobody knows."""

    kind: str
    code: str
    message: str
    type: str = ""
    trace: str = ""
    retry_seconds: float = 0.0


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """How a turn or a step ended: a value (encoded) or a failure."""

    value: msgspec.Raw = msgspec.Raw(b"\xc0")
    failure: Failure | None = None
    labels: tuple[str, ...] = ()


TERMINAL_OF: dict[str, Status] = {
    "done": Status.DONE,
    "failed": Status.FAILED,
    "cancelled": Status.CANCELLED,
    "killed": Status.KILLED,
}

__all__ = ["TERMINAL_OF", "Address", "Cause", "Failure", "Kind", "Message", "Millis", "Outcome", "Status"]
