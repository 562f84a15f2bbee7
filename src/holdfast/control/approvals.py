"""Approvals: each is an agent that sees one question through, while the turn that asked is rows.

It knows who may answer and how many have to agree, hands on and escalates, and when it is settled sends the turn one answer
that names the digest of the arguments it was shown: nothing else can run under it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.errors import NotFound, Rejected
from ..domain.message import Kind, Outcome
from ..domain.principal import identity_of
from ..journal.codec import Raw, encode, encode_outcome
from ..sdk.agent import Agent
from ..turn.admitting import APPROVALS, Asked, approval_of
from ..turn.call import send
from ..turn.context import Context
from ..turn.definition import Target

approval = Agent(APPROVALS, description="Sees one question about an action through: who may answer, how many, by when.")

_STATE = "standing"
_VERDICTS = ("approve", "deny", "delegate")


class Word(msgspec.Struct):
    """What somebody says to it: ``approve``, ``deny`` or ``delegate`` (to whom stands in ``to``)."""

    verdict: str
    by: str
    groups: list[str] = []
    why: str = ""
    to: list[str] = []


class Standing(msgspec.Struct):
    """How it stands. ``agreed`` are the people who approved, ``to`` who may still answer (anybody if empty)."""

    asked: Asked
    to: list[str] = []
    agreed: list[str] = []
    escalated: bool = False
    verdict: str = ""
    why: str = ""


@approval.handler(name="open")
async def begin(ctx: Context, asked: Asked) -> None:
    """Take up a question, and know when its time is over."""
    standing = Standing(asked, list(asked.approval.to))
    await ctx.state.set(_STATE, standing)
    seconds = asked.approval.seconds
    if seconds:
        if asked.approval.escalate:
            await ctx.send_after(seconds / 2, _own(ctx, "escalate"))
        await ctx.send_after(seconds, _own(ctx, "expire"))


@approval.handler
async def answer(ctx: Context, word: Word) -> Standing:
    """Approve, deny, or hand the question on to others."""
    standing = await _standing(ctx)
    _check(standing, word)
    if word.verdict == "delegate":
        standing.to = [*dict.fromkeys([*(w for w in standing.to if w != word.by), *word.to])]
        await ctx.state.set(_STATE, standing)
        return standing
    if word.verdict == "approve":
        standing.agreed.append(word.by)
        if len(standing.agreed) < max(standing.asked.approval.needed, 1):
            await ctx.state.set(_STATE, standing)
            return standing
    by = standing.agreed if word.verdict == "approve" else [word.by]
    return await _settle(ctx, standing, word.verdict, by, word.why)


@approval.handler
async def escalate(ctx: Context) -> None:
    """Half of the time is over: ask others too."""
    standing: Standing | None = await ctx.state.get(_STATE, type=Standing)
    if standing is not None and standing.to:
        standing.to = [*dict.fromkeys([*standing.to, *standing.asked.approval.escalate])]
        standing.escalated = True
        await ctx.state.set(_STATE, standing)


@approval.handler
async def expire(ctx: Context) -> None:
    """The time is over: what was agreed on beforehand holds."""
    standing: Standing | None = await ctx.state.get(_STATE, type=Standing)
    if standing is not None:
        verdict = "approve" if standing.asked.approval.default == "allow" else "deny"
        await _settle(ctx, standing, verdict, [], f"nobody answered within {standing.asked.approval.seconds:g} s")


@approval.handler
async def withdraw(ctx: Context) -> None:
    """The turn that asked is over."""
    await ctx.retire()


@approval.handler(shared=True)
async def standing(ctx: Context) -> Standing:
    """How it stands."""
    return await _standing(ctx)


async def _standing(ctx: Context) -> Standing:
    found: Standing | None = await ctx.state.get(_STATE, type=Standing)
    if found is None:
        raise NotFound("approval.settled", f"The approval {ctx.key} is settled, or nobody asked for it.", approval=ctx.key)
    return found


def _own(ctx: Context, handler: str) -> Target[[], None]:
    return Target(ctx.address, handler)


def _check(standing: Standing, word: Word) -> None:
    asked = standing.asked
    if word.verdict not in _VERDICTS:
        raise Rejected(
            "approval.word", f"{word.verdict!r} is no answer: approve, deny or delegate.", choices=list(_VERDICTS)
        )
    names = {word.by, identity_of(word.by)[1]}  # a policy names people by their ids, messages by their subjects
    if names & {asked.sender, asked.agent, *asked.chain}:
        raise Rejected("approval.requester", f"{word.by} asked for this, and may not approve it.", by=word.by)
    if standing.to and not names & set(standing.to) and not set(word.groups) & {*standing.to, "*"}:
        raise Rejected(
            "approval.not_yours", f"{word.by} may not answer this; {', '.join(standing.to)} may.", by=word.by, to=standing.to
        )
    if word.by in standing.agreed:
        raise Rejected("approval.again", f"{word.by} has approved this already; somebody else has to.", by=word.by)
    if word.verdict == "delegate" and not word.to:
        raise Rejected("approval.word", "Say to whom it is handed on.")


async def _settle(ctx: Context, standing: Standing, verdict: str, by: list[str], why: str) -> Standing:
    asked = standing.asked
    standing.verdict, standing.why = verdict, why
    value: dict[str, Any] = {"verdict": verdict, "by": by, "why": why, "digest": asked.digest}
    labels = tuple(f"person:{identity_of(who)[1]}" for who in by)
    payload = encode_outcome(Outcome(Raw(encode(value)), None, labels))
    await send(ctx.turn, asked.agent, Kind.ANSWER, asked.path, payload, "send", number=asked.turn)
    await ctx.retire()
    return standing


def address_of(asked: Asked) -> str:
    """The address of the agent that sees a question through."""
    return approval_of(asked.agent, asked.turn, asked.path, asked.digest)


__all__ = ["Standing", "Word", "address_of", "approval"]
