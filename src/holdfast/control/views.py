"""What operations return: plain values that every protocol can show."""

from __future__ import annotations

from typing import Any

import msgspec


class View(msgspec.Struct, kw_only=True):
    """Base of all results."""


class AgentView(View):
    """An agent at a glance.

    Attributes:
        doing: idle, working, queued, sleeping, waiting for event, waiting for person, waiting for agent, stuck, paused,
            retired.
        waits_for: what the present turn waits for, in words.
        since: milliseconds, when that began (0 for idle).
    """

    address: str
    doing: str
    waits_for: str
    since: int
    queued: int
    entries: int
    created: int
    mode: str
    reason: str
    owner: str
    version: str
    turns: list[TurnView]


class TurnView(View):
    """An open turn, or a message that has not become one yet."""

    id: int
    turn: int
    handler: str
    status: str
    version: str
    waits: list[WaitView]


class WaitView(View):
    """One thing that a turn waits for."""

    address: str
    turn: int
    path: str
    verb: str
    name: str
    due: int
    since: int
    detail: Any = None


class EntryView(View):
    """A journal entry, decoded. ``value``, ``detail`` are plain JSON-like values."""

    seq: int
    turn: int
    kind: str
    path: str
    verb: str
    name: str
    at: int
    value: Any = None
    error: str = ""
    detail: Any = None
    labels: tuple[str, ...] = ()
    took: int = 0
    attempts: int = 1
    message: int = 0
    handler: str = ""
    sender: str = ""
    version: str = ""


class Question(View):
    """Something a person is asked."""

    id: str
    address: str
    question: str
    choices: list[str]
    to: str
    due: int
    since: int


class DeadLetter(View):
    """A message whose turn failed with nobody to tell."""

    id: int
    address: str
    handler: str
    args: list[Any]
    kwargs: dict[str, Any]
    sender: str
    error: str
    code: str
    ended: int
    attempts: int = 1


class VersionView(View):
    """A version of a definition, and who still needs it."""

    name: str
    version: str
    published: int
    open_turns: int
    loaded: bool
    latest: bool
    archived: bool


class Delivered(View):
    """A message was accepted."""

    id: int


class Done(View):
    """Something was done; ``note`` says what."""

    note: str
    count: int = 0


class DefinitionView(View):
    """A kind of agent: the handlers of its newest version."""

    name: str
    version: str
    published: int
    handlers: dict[str, Any]
    served: bool


class ScheduleView(View):
    """A schedule. ``next`` and ``last`` in milliseconds, 0 for never; ``when`` in words."""

    name: str
    when: str
    to: str
    handler: str
    args: list[Any]
    kwargs: dict[str, Any]
    missed: str
    next: int
    last: int
    ran: int
    missed_runs: int


class WorkerView(View):
    """A process that runs turns."""

    name: str
    session: str
    host: str
    pid: int
    serves: list[str]
    here: bool


class ServerView(View):
    """The process that answers."""

    version: str
    name: str
    pid: int
    host: str
    store: str
    serves: list[str]
    warm: int
    in_memory: int
