"""What the tests of rules share: a rulebook from YAML, and intents with little typing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.domain.intent import Declared, Done, Intent
from holdfast.gate.rules import Lookup, Plugin, Rulebook, compile_policy, read_documents
from holdfast.gate.rules.history import Remembered
from holdfast.gate.rules.trial import Vouched

AT = 1_772_460_000_000
"""Monday, 2 March 2026, 14:00 UTC."""
HOUR = 3_600_000


def book(
    rules: str, head: str = "", plugins: Mapping[str, Plugin] | None = None, lookups: Mapping[str, Lookup] | None = None
) -> Rulebook:
    """A rulebook of one policy ``p`` with these rules."""
    lines = [f"  {line}" for line in head.strip().splitlines()]
    lines += ["  rules:", *(f"    {line}" for line in rules.strip("\n").splitlines())]
    text = "\n".join(["kind: Policy", "name: p", "spec:", *lines])
    return Rulebook(
        [compile_policy(d, lookups or {}) for d in read_documents(text, "p.yaml")], plugins=plugins, lookups=lookups
    )


def intent(
    verb: str = "tool",
    name: str = "refund",
    args: Any = None,
    *,
    past: list[Done] | None = None,
    since: int = 0,
    labels: tuple[str, ...] = ("user",),
    endorsed: tuple[Any, ...] = (),
    goal: str = "",
    roles: Mapping[str, str] | None = None,
    effects: bool = True,
    **more: Any,
) -> Intent:
    """An act of ``default/support/1``."""
    given: dict[str, Any] = {"agent": "default/support/1", "turn": 7, "path": "3", "sender": "user:ada", "at": AT}
    given |= {"trace": "t", **more}
    return Intent(
        verb=verb,
        name=name,
        args=(args or {},) if verb == "tool" else args,
        labels=frozenset(labels),
        declared=Declared(effects, False, roles or {}),
        sources=Vouched(frozenset(labels), endorsed, goal),
        past=Remembered(past or [], since),
        **given,
    )


def done(name: str = "refund", args: Mapping[str, Any] | None = None, ago: float = 1.0, **more: Any) -> Done:
    """A tool that was used ``ago`` hours before."""
    given: dict[str, Any] = {"turn": 6, "trace": "t", "verb": "tool", **more}
    return Done(at=AT - int(ago * HOUR), name=name, arguments=args or {}, **given)
