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
    decision: Any = None
    """What the gate said, where it was more than a plain yes."""
    took: int = 0
    attempts: int = 1
    message: int = 0
    handler: str = ""
    sender: str = ""
    chain: tuple[str, ...] = ()
    """Who delegated the work of the turn that begins here, outermost first."""
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
    approval: ApprovalView | None = None
    """For an action that waits to be let through; the answer is ``approve``, ``deny`` or ``delegate``."""


class ApprovalView(View):
    """An action that waits for people to let it through: exactly these arguments, or none.

    Attributes:
        before: the arguments as the agent gave them, where a rule changed them.
        named, named_before: both by name; ``roles`` are those that are declared (destination, amount, ...).
        digest: names the arguments; what was approved is what runs.
        needed: how many different people have to agree.
        default: what happens when the time is over.
        untrusted: whether the agent had read something that nobody vouches for.
    """

    agent: str
    turn: int
    path: str
    verb: str
    name: str
    to: str
    args: Any
    before: Any
    named: dict[str, Any]
    named_before: dict[str, Any] | None
    roles: dict[str, str]
    digest: str
    rules: list[str]
    reasons: list[str]
    labels: list[str]
    untrusted: bool
    requested_by: str
    who: list[str]
    needed: int
    default: str
    until: int


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


class ModelView(View):
    """A target of a route, and how it is. ``key`` says where its secret is read from."""

    route: str
    target: str
    vendor: str
    model: str
    state: str
    why: str
    free_in_seconds: float
    first_ms: int
    error_share: float
    key: str


class Piece(View):
    """Something that an agent says or does right now. ``kind``: listening, text, thinking, call (a part begins; ``name`` of
    the tool), grew (``text`` more of the part), ended, restart (the answer begins anew), tool (``text`` its arguments),
    tool_done, tool_failed, told."""

    kind: str
    trace: str = ""
    path: str = ""
    index: int = 0
    name: str = ""
    text: str = ""


class BudgetView(View):
    """A limit, and what is spent and held of it in the window that is open now (of those per turn: the latest).

    Attributes:
        ends: when the window ends, in milliseconds; 0 for those per turn or ever, which have no forecast.
        forecast_usd: spent by then, if it goes on as in the window so far.
        forecast_share: of the limit, in the dimension that comes nearest to it; above 1 it does not last.
        runs_out: when the limit is reached at that rate; 0 if not before the window's end.
    """

    name: str
    scope: str
    per: str
    limit_usd: float | None
    limit_tokens: int | None
    limit_calls: int | None
    spent_usd: float
    spent_tokens: int
    spent_calls: int
    held_usd: float
    zone: str
    note: str
    ends: int = 0
    forecast_usd: float | None = None
    forecast_share: float | None = None
    runs_out: int = 0


class CostView(View):
    """What was spent under these ``keys``, in the order in which they were asked for."""

    keys: list[str]
    usd: float
    calls: int
    input: int
    cached: int
    output: int
    reasoning: int
    seconds: float


class ForecastView(View):
    """What a month will cost if it goes on like the last seven days."""

    month: str
    spent_usd: float
    daily_usd: float
    forecast_usd: float


class Forked(View):
    """An agent that began with what another one had.

    Attributes:
        address, agent: the new one and the other.
        turn, before: where it was forked, as it was asked for.
        values: how many values of state it has of it.
        answered: steps of its first turn that the copy answers; ``goes_on_with``: the one that it takes itself, ``""`` if
            it runs no turn again.
        version: of the code that it goes on with; ``""`` for the newest.
    """

    address: str
    agent: str
    turn: int
    before: str
    values: int
    answered: int
    goes_on_with: str
    version: str
    note: str
