"""The words of a policy document, as data: what may stand where. What they mean is in the files that compile them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Names = str | list[str]
Outcome = Literal["allow", "transform", "ask", "deny"]


class _Words(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    pass


class Who(_Words, frozen=True, kw_only=True, rename={"not_": "not"}):
    """Who acts. All that is given has to be so; of a list, one. Names may have ``*``.

    Attributes:
        agent: ``support``, ``support/42`` or ``acme/support/42``.
        sender: the principal behind it.
        via: any agent that delegated the work here.
        tags: labels of the work.
        not_: who is left out.
    """

    agent: Names = ()  # pyright: ignore[reportAssignmentType]
    sender: Names = ()  # pyright: ignore[reportAssignmentType]
    via: Names = ()  # pyright: ignore[reportAssignmentType]
    tenant: Names = ()  # pyright: ignore[reportAssignmentType]
    tags: dict[str, Names] = {}
    not_: Who | None = None


class Event(_Words, frozen=True, kw_only=True, rename={"in_": "in"}):
    """Something in the past: ``read`` of data with a label, or an act that was ``done``, or ``failed``.

    Attributes:
        with_args: what its arguments were: values, or texts with ``*``.
        same: arguments that it has in common with the present action; ``{its: ours}`` where they are named differently.
        within: how long ago at most.
        in_: only in this turn, or in all that is remembered of the agent.
        times: how often at least.
    """

    read: Names | None = None
    done: Names | None = None
    failed: Names | None = None
    with_args: dict[str, Any] = msgspec.field(name="with", default_factory=dict[str, Any])
    same: Names | dict[str, str] = ()  # pyright: ignore[reportAssignmentType]
    within: str = ""
    in_: Literal["turn", "session"] = "session"
    times: int = 1


class AtMost(_Words, frozen=True, kw_only=True):
    """So often, or so much, in a window that ends now.

    Attributes:
        count: how often.
        sum: of what (``args.amount``), up to ``limit``.
        per: minute, hour, day, week, turn, session, or a time (90m).
        of: which acts count; those of the rule by default.
        by: each value of this is counted by itself (``args.customer``).
        among: what this ``agent`` did, or ``all`` agents together.
    """

    count: int | None = None
    sum: str = ""
    limit: float | None = None
    per: str
    of: Names = ()  # pyright: ignore[reportAssignmentType]
    by: Names = ()  # pyright: ignore[reportAssignmentType]
    among: Literal["agent", "all"] = "agent"


class SimulateFirst(_Words, frozen=True, kw_only=True, rename={"is_": "is"}):
    """The same act with ``argument`` set to ``is`` has to have succeeded before, not longer ago than ``within``."""

    argument: str
    is_: Any = True
    within: str = "1h"


class ApprovalWords(_Words, frozen=True, kw_only=True):
    """Who may let it through; see ``domain.intent.Approval``."""

    question: str = ""
    to: Names = ()  # pyright: ignore[reportAssignmentType]
    needed: int = 1
    within: str = ""
    seconds: float = 0.0
    default: Literal["deny", "allow"] = "deny"
    escalate: Names = ()  # pyright: ignore[reportAssignmentType]


class Transform(_Words, frozen=True, kw_only=True):
    """What is changed about the arguments, in this order.

    Attributes:
        drop: arguments that are left out.
        redact: arguments that are blacked out, as a whole or where a pattern matches.
        cap: the most a number may be.
        set: arguments that become what an expression says.
    """

    drop: Names = ()  # pyright: ignore[reportAssignmentType]
    redact: Names | dict[str, str] = ()  # pyright: ignore[reportAssignmentType]
    cap: dict[str, float] = {}
    set: dict[str, str] = {}


class RuleWords(_Words, frozen=True, kw_only=True):
    """One rule. ``endorse`` names arguments: where it allows, it vouches for these destinations. ``simulate`` wants to know
    what the action would do before it happens, from whoever wrote it."""

    name: str
    description: str = ""
    does: Names = ()  # pyright: ignore[reportAssignmentType]
    who: Who | None = None
    when: str = ""
    unless: str = ""
    after: Event | None = None
    before: Event | None = None
    at_most: AtMost | None = None
    simulate_first: SimulateFirst | None = None
    then: Outcome | None = None
    reason: str = ""
    approval: ApprovalWords | None = None
    transform: Transform | None = None
    endorse: Names = ()  # pyright: ignore[reportAssignmentType]
    notify: Names = ()  # pyright: ignore[reportAssignmentType]
    judge: str = ""
    simulate: bool = False


class Expected(_Words, frozen=True, kw_only=True):
    """What a test expects; only what is given is looked at."""

    outcome: Outcome
    rule: str = ""
    reason: str = ""
    args: Any = None
    code: str = ""


class TestWords(_Words, frozen=True, kw_only=True):
    """A test beside a policy: an action, the past before it, and what the policy answers.

    Attributes:
        given: the action; see ``trial``.
        past: earlier actions, each with ``ago``.
        lookups: what lookup functions answer: ``{reservation: {ABC123: {...}}}``.
    """

    __test__ = False  # not one of pytest's

    name: str
    given: dict[str, Any]
    past: list[dict[str, Any]] = []
    lookups: dict[str, dict[str, Any]] = {}
    expect: Outcome | Expected


class PolicyWords(_Words, frozen=True, kw_only=True):
    """What stands under ``spec:``.

    Attributes:
        who, does: whom and what it is about, for all of its rules and its default.
        default: ``deny`` allows only what one of its rules allows, transforms or asks about.
        zone: in which ``hour``, ``weekday`` and ``date`` are told.
    """

    description: str = ""
    who: Who | None = None
    does: Names = ()  # pyright: ignore[reportAssignmentType]
    default: Literal["allow", "deny"] = "allow"
    zone: str = "UTC"
    rules: list[RuleWords] = []
    tests: list[TestWords] = []


def listed(names: Names | tuple[str, ...]) -> tuple[str, ...]:
    """One or several, as several."""
    return (names,) if isinstance(names, str) else tuple(names)


_ALL = (Who, Event, AtMost, SimulateFirst, ApprovalWords, Transform, RuleWords, Expected, TestWords, PolicyWords)
WORDS = sorted({word for words in _ALL for word in words.__struct_encode_fields__})
"""Every word of the language."""
