"""Similar actions: what an approver may say yes to beforehand, and what that would have covered until now.

Nothing here is guessed from what an action looks like. Every argument is fixed to what was shown unless the approver frees
it by name, and what is declared to be a destination takes one more word: who it goes to is what people look at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from ..domain.address import GROUP, name_of, tenant_of
from ..domain.errors import Rejected
from ..domain.intent import Approval, Decision, Intent, Verdict
from ..domain.labels import UNTRUSTED
from ..gate.grants import GRANTED, Grant, given, positional
from ..gate.rules.record import Act
from ..journal.codec import encode
from ..turn.admitting import Asked

WEEK = 7 * 86_400.0
_LONGEST = 366 * 86_400.0
_WORD = re.compile(r"[^A-Za-z0-9_.-]+")


class Similar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which actions are similar to one that is asked about. Without a word more: the same agent with the same arguments, for
    a week.

    Attributes:
        agents: empty for the agent that asked; ``desk/*`` for all of its definition, ``group:NAME`` for a group's.
        at_most: numbers that may be anything from 0 to this, by argument.
        any: arguments that may be whatever they are.
        total: how much all of them together may come to, by argument.
        uses: how many, among all agents; 0 for any number.
        seconds: for how long, at most a year.
        unseen: also for destinations that were not shown; without it a destination cannot be freed.
    """

    agents: str = ""
    at_most: dict[str, float] = {}
    any: list[str] = []
    total: dict[str, float] = {}
    uses: int = 0
    seconds: float = WEEK
    unseen: bool = False


def grant_of(asked: Asked, similar: Similar, by: Sequence[str], at: int) -> Grant:
    """The grant that somebody makes who lets an action through and similar ones with it. Raises
    ``Rejected(approval.similar)`` for what is wider than what was asked."""
    args = arguments_of(asked)
    fixed = _fixed(asked, similar, args)
    if not 0 < similar.seconds <= _LONGEST:
        raise _wrong(f"for {similar.seconds:g} seconds is no time; say how long, at most a year")
    if similar.uses < 0:
        raise _wrong(f"{similar.uses} uses are none")
    rules = tuple(rule for rule in asked.rules if not rule.startswith(GRANTED))
    if not rules:
        raise _wrong("no rule asked this, so there is none whose question could be answered beforehand")
    whole = encode([asked.agent, asked.turn, asked.path, asked.digest, similar])
    return Grant(
        name=f"{_WORD.sub('-', asked.name).strip('-.')[:60] or asked.verb}-{sha256(whole).hexdigest()[:8]}",
        agent=_agents(asked, similar.agents),
        verb=asked.verb,
        action=asked.name,
        rules=rules,
        to=asked.to,
        equal=fixed,
        at_most=similar.at_most,
        any=tuple(similar.any),
        total=similar.total,
        until=at + int(similar.seconds * 1000),
        uses=similar.uses,
        by=tuple(by),
        people=tuple(asked.approval.to),
        needed=max(asked.approval.needed, 1),
        untrusted=UNTRUSTED in asked.labels,
        approval=f"{asked.agent}#{asked.turn}.{asked.path}",
        at=at,
    )


def arguments_of(asked: Asked, args: Any = None) -> Mapping[str, Any]:
    """The arguments that were shown, by name; or others of the same action."""
    given = asked.args if args is None else args
    return Intent(asked.agent, 0, "", asked.verb, asked.name, args=positional(given)).arguments


def _fixed(asked: Asked, similar: Similar, args: Mapping[str, Any]) -> dict[str, Any]:
    freed = {*similar.any, *similar.at_most, *similar.total}
    if missing := sorted(freed - args.keys()):
        raise _wrong(f"it has no argument {missing[0]!r}; it has {', '.join(args) or 'none'}")
    for name, most in [*similar.at_most.items(), *similar.total.items()]:
        value = args[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise _wrong(f"{name} is {value!r} now, which is no number from 0 to {most:g}")
    if twice := sorted({*similar.any} & {*similar.at_most, *similar.total}):
        raise _wrong(f"{twice[0]} is both bounded and free")
    for name in sorted(freed):
        if asked.roles.get(name) == "destination" and not similar.unseen:
            raise _wrong(
                f"{name} is where it goes, and you have seen one destination only; say that unseen ones are meant, too"
            )
    return {name: value for name, value in args.items() if name not in freed}


def _agents(asked: Asked, wanted: str) -> str:
    kind = asked.agent.rpartition("/")[0] + "/*"
    if not wanted:
        if asked.agent == kind:
            raise _wrong(f"{asked.agent} cannot be told from all others of its kind")
        return asked.agent
    if wanted.startswith(GROUP) and wanted != GROUP:
        return wanted
    tenant = tenant_of(asked.agent)
    if wanted in (kind, kind.removeprefix(f"{tenant}/")):
        return kind
    if wanted in (asked.agent, asked.agent.removeprefix(f"{tenant}/")):
        return _agents(asked, "")
    raise _wrong(f"it can be for {asked.agent}, for {name_of(asked.agent)}/* or for group:NAME, not for {wanted!r}")


def _wrong(why: str) -> Rejected:
    return Rejected("approval.similar", f"These actions are not similar to what is asked: {why}. Nothing was decided.")


def would_lift(grant: Grant, act: Act) -> bool:
    """Whether a grant answers what was asked about a recorded action. Its agent is not looked at."""
    decided = act.decided or {}
    rules = tuple(str(r) for r in decided.get("rules", ()) if not str(r).startswith(GRANTED))
    return grant.covers(act.intent, _asked_then(grant, rules, decided))


def was_lifted(grant: Grant, act: Act) -> bool:
    """Whether a recorded action happened under it."""
    return GRANTED + grant.name in (act.decided or {}).get("rules", ())


def shown(act: Act) -> dict[str, Any]:
    """The arguments with which a recorded action ran, or would have."""
    return dict(given(act.intent, _asked_then(None, (), act.decided or {})))


def _asked_then(grant: Grant | None, rules: tuple[str, ...], decided: Mapping[str, Any]) -> Decision:
    terms = Approval(to=grant.people, needed=grant.needed) if grant is not None else None
    return Decision(Verdict.ASK, rules=rules, args=decided.get("args"), approval=terms)


__all__ = ["WEEK", "Similar", "arguments_of", "grant_of", "shown", "was_lifted", "would_lift"]
