"""Intents and decisions: what passes the gate."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec


class Verdict(IntEnum):
    """The gate's answers, weakest claim first: the strongest of several wins."""

    ALLOW = 0
    TRANSFORM = 1
    ASK = 2
    DENY = 3


class Intent(msgspec.Struct, gc=False):
    """A step before it happens.

    Attributes:
        agent: who (full address; ``""`` for a person or program outside).
        turn: number of the turn, 0 outside one.
        path: the step's place in its turn.
        verb: what kind of act: run, call, send, publish, sleep, wait, ask, spawn, retire, set, accept, ...
        name: on what: function, target handler, topic, key.
        to: the receiver's address for messages.
        args: the arguments as given, not yet encoded.
        labels: joined provenance of everything the turn has read so far.
        idempotent: whether doing it twice equals doing it once.
        sender: the principal behind it.
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


class Decision(msgspec.Struct, frozen=True):
    """The gate's answer to one intent, with the rules and reasons that led to it."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    args: Any = None


ALLOW = Decision(Verdict.ALLOW)
