"""Intents and decisions: what passes the gate."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any, Protocol

import msgspec

NO_TAGS: Mapping[str, str] = {}
NOTHING: Mapping[str, frozenset[str]] = {}


class Verdict(IntEnum):
    """The gate's answers, weakest claim first: the strongest of several wins.

    HOLD is a kill switch's: the turn leaves memory before the effect and stays rows until somebody releases it.
    """

    ALLOW = 0
    TRANSFORM = 1
    ASK = 2
    DENY = 3
    HOLD = 4


class Declared(msgspec.Struct, frozen=True):
    """What is declared about a tool or step, by whoever wrote it and never by a model.

    Attributes:
        effects: whether it changes anything.
        trusted: whether its output may be believed.
        about: what it does, in the words of its description.
        roles: what an argument is, by its name: ``destination`` (recipient, account, address, path, command),
            ``content``, ``amount``, ``count``, ``secret``. An argument without a role is content.
    """

    effects: bool = True
    trusted: bool = False
    roles: Mapping[str, str] = {}
    about: str = ""

    def named(self, role: str) -> tuple[str, ...]:
        """The arguments with this role."""
        return tuple(name for name, its in self.roles.items() if its == role)


UNDECLARED = Declared()


class Planned(msgspec.Struct, frozen=True):
    """Where a step stands in the plan of a turn that made one before it read what nobody vouches for.

    Attributes:
        deviation: how it departs from the plan, in words; ``""`` if it is in it.
        plan: the plan, one line a step.
        refused: whether a departure is denied rather than asked about.
    """

    deviation: str
    plan: tuple[str, ...]
    refused: bool = False


class Sources(Protocol):
    """What a turn has read so far, value by value; see ``gate.provenance``."""

    def labels_of(self, value: Any) -> frozenset[str]:
        """What one value carries; of a value that was never read, the join of everything that was."""
        ...

    def endorsed(self, value: Any) -> str:
        """By what a value is vouched for as a whole (``user``, a trusted tool's label, ...); ``""`` if by nothing."""
        ...

    def referred(self, value: Any) -> str:
        """Whether it is a field of a record that the principal meant, without having said the field's value: ``named`` if no
        other can be meant, ``narrowed`` if it is one of several that their words found, ``""`` if neither."""
        ...

    def copied(self, value: Any) -> bool:
        """Whether it was read word for word, so that nothing else that was read can be in it."""
        ...

    def words(self) -> str:
        """All that the principal has said, in small letters."""
        ...


class Done(msgspec.Struct, frozen=True, gc=False):
    """An action in an agent's past, as rules and baselines look back on it. ``arguments`` by name; ``labels`` are those of
    what it brought in."""

    at: int
    turn: int
    trace: str
    verb: str
    name: str
    to: str = ""
    arguments: Mapping[str, Any] = {}
    labels: frozenset[str] = frozenset()
    failed: bool = False
    effects: bool = True


class Past(Protocol):
    """What an agent did lately, and what it is doing beside this, oldest first: a reading of its journal, bounded in number.
    Before ``since`` (milliseconds) nothing is known; 0 if it is whole. ``labels`` joins those of all that was brought in,
    also of what is not remembered any more; ``named`` gives those with one verb and name without looking at the others."""

    @property
    def since(self) -> int: ...
    @property
    def labels(self) -> frozenset[str]: ...
    def __iter__(self) -> Iterator[Done]: ...
    def __len__(self) -> int: ...
    def named(self, verb: str, name: str) -> Collection[Done]: ...


class Intent(msgspec.Struct, gc=False):
    """A step before it happens.

    Attributes:
        agent: who (full address; ``""`` for a person or program outside).
        turn: number of the turn, 0 outside one.
        path: the step's place in its turn.
        verb: what kind of act: run, tool, model, call, send, publish, sleep, wait, ask, set, subscribe, retire, accept.
        name: on what: function, tool, route, target handler, topic, key.
        to: the receiver's address for messages.
        args: the arguments as given, not yet encoded: of a tool ``({name: value},)``, of a step the positional values, of a
            message to another agent ``named`` ones, of a request to a model ``gate.prompts.Seen``.
        labels: joined provenance of everything the turn has read so far.
        idempotent: whether doing it twice equals doing it once.
        sender: the principal behind it.
        declared: what is declared about the tool or step.
        chain: the agents that delegated the work here, outermost first.
        tags: labels of the work (team, customer, ...).
        trace: the trace it belongs to.
        at: milliseconds since 1970.
        sources: provenance value by value; None where nobody tracks it.
        past: what the agent did lately; None where no rule looks back.
        cost: US dollars that a model's answer may cost at most; 0 for everything else.
        carries: arguments that hold what the agent's model has not seen (handles), each with its labels.
        planned: where it stands in the turn's plan; None where there is none.
    """

    agent: str
    turn: int
    path: str
    verb: str
    name: str
    to: str = ""
    args: Any = None
    labels: frozenset[str] = frozenset()
    idempotent: bool = True
    sender: str = ""
    declared: Declared = UNDECLARED
    chain: tuple[str, ...] = ()
    tags: Mapping[str, str] = NO_TAGS
    trace: str = ""
    at: int = 0
    sources: Sources | None = None
    past: Past | None = None
    cost: float = 0.0
    carries: Mapping[str, frozenset[str]] = NOTHING
    planned: Planned | None = None

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments by name; positional ones by their place (``"0"``, ``"1"``)."""
        args = self.args
        if isinstance(args, tuple):
            if self.verb == "tool" and len(args) == 1 and isinstance(args[0], dict):  # pyright: ignore[reportUnknownArgumentType]
                return args[0]  # pyright: ignore[reportUnknownVariableType]
            return {str(i): value for i, value in enumerate(args)}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        if isinstance(args, dict):
            return args  # pyright: ignore[reportUnknownVariableType]
        return {} if args is None else {"0": args}


def named(args: Sequence[Any], kwargs: Mapping[str, Any], names: Sequence[str] = ()) -> dict[str, Any]:
    """Arguments of a message as rules see them: by parameter where ``names`` are known, else positional ones by their place
    (``"0"``, ``"1"``), keywords by their name."""
    found = {names[place] if place < len(names) else str(place): value for place, value in enumerate(args)}
    found.update(kwargs)
    return found


def placed(given: Mapping[str, Any], names: Sequence[str] = ()) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What ``named`` made, as positional arguments and keywords again. Raises ``TypeError`` if one is missing in between."""
    rest, args = dict(given), list[Any]()
    while (key := names[len(args)] if len(args) < len(names) else str(len(args))) in rest:
        args.append(rest.pop(key))
    for name in rest:
        if name.isdigit():
            raise TypeError(f"the positional argument {len(args)} is missing before {name}")
    return tuple(args), rest


class Approval(msgspec.Struct, frozen=True):
    """Who may let an action through that the gate asks about.

    Attributes:
        question: in words; made from the intent if empty.
        to: groups or people that may answer; anybody if empty. Never the requester.
        needed: how many different people have to agree.
        seconds: after that ``default`` answers; 0 waits for ever.
        default: ``deny`` or ``allow``.
        escalate: who is asked too after half of the time.
    """

    question: str = ""
    to: tuple[str, ...] = ()
    needed: int = 1
    seconds: float = 0.0
    default: str = "deny"
    escalate: tuple[str, ...] = ()


class Count(msgspec.Struct, frozen=True):
    """Something that may happen so often among all agents: counted in the store before the effect. ``key`` says what
    (rule and value), ``amount`` how much this is, ``limit`` how much there may be in ``window_ms``; ``over`` is what happens
    then."""

    key: str
    amount: float
    limit: float
    window_ms: int
    over: Verdict = Verdict.DENY
    reason: str = ""


class Decision(msgspec.Struct, frozen=True):
    """The gate's answer to one intent.

    Attributes:
        reasons: in words, for people; rules: their names; both in the same order.
        args: for TRANSFORM what is done instead, in the form of ``Intent.args``.
        approval: for ASK.
        counts: to be counted before the effect, if it is allowed.
        notify: channels or groups that are told.
        code: for DENY and HOLD the error's code.
        judge: a route; the model there is asked for its opinion before the effect.
        until: when it may be otherwise (milliseconds), 0 if nobody knows.
        vouched: arguments with roles of which somebody vouches after untrusted data was read, each with the label that does
            (``user``, ``tool:directory``, ``person:ada``, ``policy:payments/known accounts``).
        simulate: whether it is tried before, by what the tool or step declares for that.
        before: where arguments were changed, those that came in, without what was blacked out in them.
    """

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    args: Any = None
    approval: Approval | None = None
    counts: tuple[Count, ...] = ()
    notify: tuple[str, ...] = ()
    code: str = "gate.denied"
    judge: str = ""
    until: int = 0
    vouched: Mapping[str, str] = {}
    before: Any = None
    simulate: bool = False


ALLOW = Decision(Verdict.ALLOW)
