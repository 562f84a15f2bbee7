"""What operations on policies answer."""

from __future__ import annotations

from typing import Any

from .views import View


class PolicyView(View):
    """A policy. ``spec`` is the whole document where one was asked for."""

    name: str
    description: str
    rules: list[str]
    tests: int
    default: str
    source: str
    spec: dict[str, Any] | None = None


class TestView(View):
    """What became of a test beside a policy: ``problems`` says what was expected and what came instead."""

    policy: str
    test: str
    place: str
    passed: bool
    problems: list[str]


class ConsideredView(View):
    """A rule, whether it spoke about an action, and why."""

    rule: str
    said: str
    then: str
    why: str


class JudgedView(View):
    """What a policy would have said about a recorded action, and what the gate said then (``was``)."""

    agent: str
    turn: int
    path: str
    at: int
    verb: str
    name: str
    outcome: str
    rules: tuple[str, ...]
    reasons: tuple[str, ...]
    was: str


class DryRunView(View):
    """What policies would have done. ``outcomes`` and ``rules`` count; ``found`` are the actions that would not simply have
    been allowed, without the last ``left_out``. ``unseen`` says what a journal does not tell."""

    since: int
    until: int
    actions: int
    outcomes: dict[str, int]
    rules: dict[str, int]
    found: list[JudgedView]
    left_out: int
    unseen: str


class WhyView(View):
    """A decision of the gate. ``verdict``, ``rules``, ``reasons`` and ``by`` were recorded; ``now`` and ``considered`` are
    what the rules in force now make of the same action, as far as it was recorded. ``before`` has the arguments that a rule
    changed as they were, without what it blacked out, and ``changed`` what became of them."""

    address: str
    turn: int
    path: str
    at: int
    verb: str
    name: str
    to: str
    args: Any
    labels: list[str]
    verdict: str
    rules: list[str]
    reasons: list[str]
    by: list[str]
    before: dict[str, Any]
    changed: dict[str, Any]
    now: str
    considered: list[ConsideredView]
    unseen: str


class DecisionView(View):
    """Something that the gate said. ``id`` is its place among all entries, ``seq`` in the agent's journal.

    Attributes:
        outcome: deny, ask (a person is asked), approved (a person let it through), transform, hold, or allow.
        by: who let it through, or did not.
        labels: where what it was made from came from, as far as the journal tells.
        error: how the action failed, if it did.
    """

    id: int
    address: str
    seq: int
    turn: int
    path: str
    at: int
    verb: str
    name: str
    to: str
    outcome: str
    rules: list[str]
    reasons: list[str]
    by: list[str]
    labels: list[str]
    error: str


class DecisionsView(View):
    """Decisions, newest first. ``before``: go on before this id, 0 when there is no more; ``newest``: the newest entry that
    was looked at; ``looked``: through how many entries."""

    found: list[DecisionView]
    before: int
    newest: int
    looked: int
