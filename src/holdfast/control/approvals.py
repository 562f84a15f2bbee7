"""Approvals: each is an agent that sees one question through, while the turn that asked is rows.

It knows who may answer and how many have to agree, hands on and escalates, and when it is settled sends the turn one answer
that names the digest of the arguments it was shown: nothing else can run under it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.address import short, tenant_of
from ..domain.errors import NotFound, Rejected
from ..domain.message import Kind, Outcome
from ..domain.notice import ASKED, ESCALATED, HEAR, Notice
from ..domain.principal import identity_of, is_same
from ..gate.grants import Grant
from ..journal.codec import Raw, encode, encode_outcome
from ..ports.resources import Change
from ..sdk.agent import Agent
from ..turn.admitting import APPROVALS, Asked, approval_of
from ..turn.call import send
from ..turn.context import Context
from ..turn.definition import Target
from ..turn.telling import is_wanted, place_of
from .similar import Similar, arguments_of, grant_of

GRANT = "Grant"
approval = Agent(APPROVALS, description="Sees one question about an action through: who may answer, how many, by when.")

_STATE = "standing"
_VERDICTS = ("approve", "deny", "delegate")


class Word(msgspec.Struct):
    """What somebody says to it: ``approve`` (and ``similar`` ones from now on), ``deny`` or ``delegate`` (to whom stands in
    ``to``)."""

    verdict: str
    by: str
    groups: list[str] = []
    why: str = ""
    to: list[str] = []
    similar: Similar | None = None


class Standing(msgspec.Struct):
    """How it stands. ``agreed`` are the people who approved, ``to`` who may still answer (anybody if empty); ``similar`` is
    what all of them let through with it, ``grant`` the name under which that is in force."""

    asked: Asked
    to: list[str] = []
    agreed: list[str] = []
    escalated: bool = False
    verdict: str = ""
    why: str = ""
    similar: Similar | None = None
    grant: str = ""


@approval.handler(name="open")
async def begin(ctx: Context, asked: Asked) -> None:
    """Take up a question, and know when its time is over."""
    standing = Standing(asked, list(asked.approval.to))
    await ctx.state.set(_STATE, standing)
    await _tell(ctx, standing, ASKED)
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
        if word.similar is not None:
            _check_similar(standing, word)
            grant_of(standing.asked, word.similar, [word.by], standing.asked.at)
        standing.similar = word.similar if not standing.agreed or standing.similar == word.similar else None
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
        await _tell(ctx, standing, ESCALATED)


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
    if any(is_same(word.by, who) for who in (asked.sender, asked.agent, *asked.chain)):
        raise Rejected("approval.requester", f"{word.by} asked for this, and may not approve it.", by=word.by)
    if standing.to and not names & set(standing.to) and not set(word.groups) & {*standing.to, "*"}:
        raise Rejected(
            "approval.not_yours", f"{word.by} may not answer this; {', '.join(standing.to)} may.", by=word.by, to=standing.to
        )
    if any(is_same(word.by, who) for who in standing.agreed):
        raise Rejected("approval.again", f"{word.by} has approved this already; somebody else has to.", by=word.by)
    if word.verdict == "delegate" and not word.to:
        raise Rejected("approval.word", "Say to whom it is handed on.")


def _check_similar(standing: Standing, word: Word) -> None:
    """Whom a question was handed to may answer this one, and no others."""
    terms = standing.asked.approval
    asked = {*terms.to, *(terms.escalate if standing.escalated else ())}
    if terms.to and not {word.by, identity_of(word.by)[1], *word.groups} & {*asked, "*"}:
        raise Rejected(
            "approval.not_yours",
            f"This question was handed on to {word.by}, who may answer it; for similar ones {', '.join(sorted(asked))} may.",
            by=word.by,
            to=sorted(asked),
        )


async def _settle(ctx: Context, standing: Standing, verdict: str, by: list[str], why: str) -> Standing:
    asked = standing.asked
    standing.verdict, standing.why = verdict, why
    if verdict == "approve" and by and standing.similar is not None:
        at = int((await ctx.now()).timestamp() * 1000)
        standing.grant = await _grant(ctx, grant_of(asked, standing.similar, by, at), why)
    value: dict[str, Any] = {"verdict": verdict, "by": by, "why": why, "digest": asked.digest}
    labels = tuple(f"person:{identity_of(who)[1]}" for who in by)
    payload = encode_outcome(Outcome(Raw(encode(value)), None, labels))
    await send(ctx.turn, asked.agent, Kind.ANSWER, asked.path, Raw(payload), "send", number=asked.turn)
    await ctx.retire()
    return standing


async def _grant(ctx: Context, grant: Grant, why: str) -> str:
    """Put it in force before the answer goes out: what follows at once is not asked about any more."""
    worker = ctx.turn.worker
    change = Change(GRANT, grant.name, tenant_of(grant.approval), msgspec.json.encode(grant))

    async def put_in_force() -> str:
        revision = await worker.store.apply_resources([change], ", ".join(grant.by), why, grant.at)
        worker.resources.heard(revision)
        await worker.resources.load()
        return grant.name

    return await ctx.run(put_in_force, name="grant")


async def _tell(ctx: Context, standing: Standing, type: str) -> None:
    """Whoever wants to be told of questions is, in the commit of this turn."""
    worker, asked = ctx.turn.worker, standing.asked

    async def wanted() -> bool:
        return is_wanted(worker)

    if await ctx.run(wanted, name="wanted"):
        at = int((await ctx.now()).timestamp() * 1000)
        notice = Notice(f"{type}:{ctx.key}", type, tenant_of(asked.agent), asked.agent, asked.question, at, _shown(standing))
        to: Target[..., None] = Target(place_of(notice), HEAR)
        await ctx.send(to, notice)


def _shown(standing: Standing) -> dict[str, Any]:
    """What is told of a question; arguments that are secret are not."""
    asked = standing.asked
    args = {k: "(secret)" if asked.roles.get(k) == "secret" else v for k, v in arguments_of(asked).items()}
    terms = asked.approval
    return {
        "agent": short(asked.agent),
        "turn": asked.turn,
        "path": asked.path,
        "digest": asked.digest,
        "action": f"{asked.verb} {asked.name}{' to ' + short(asked.to) if asked.to else ''}",
        "args": args,
        "rules": asked.rules,
        "reasons": asked.reasons,
        "labels": asked.labels,
        "sender": asked.sender,
        "requested_by": short(asked.sender),
        "chain": asked.chain,
        "who": standing.to,
        "needed": terms.needed,
        "default": terms.default,
        "until": asked.at + int(terms.seconds * 1000) if terms.seconds else 0,
    }


def address_of(asked: Asked) -> str:
    """The address of the agent that sees a question through."""
    return approval_of(asked.agent, asked.turn, asked.path, asked.digest)


__all__ = ["GRANT", "Standing", "Word", "address_of", "approval"]
