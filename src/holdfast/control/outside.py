"""Programs from outside as agents: whoever holds an agent's token may ask models as that agent.

Each request is a message to the agent, for a handler that every agent has: so it passes the gate, lands in the agent's
journal, its ledger and its budgets, whatever the program is written in. ``outside/<name>`` is there for programs that are no
agent otherwise. Tokens are agents too (``holdfast.token/<id>``), like schedules: listed, journaled, revoked by a message.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from ..domain.address import make
from ..domain.errors import NotFound
from ..models.dialects import DIALECTS
from ..models.job import Job, Reply
from ..sdk.agent import Agent
from ..tools.host import aside
from ..turn.context import Context
from ..turn.definition import HandlerSpec
from ..turn.model import ask_model
from .lifting import Placed, put_back

ASK = "holdfast.model"
"""The handler that every agent has."""
TOKENS = "holdfast.token"
PREFIX = "hf_"

outside = Agent("outside", description="Programs from outside that ask models through the gateway.")
token = Agent(TOKENS, description="A secret that lets a program act as an agent.")


class Held(msgspec.Struct):
    """What a token stands for."""

    agent: str
    note: str = ""
    created: int = 0
    labels: dict[str, str] = {}


class Asked(msgspec.Struct):
    """A request as it came: its dialect, its body, whether pieces of the answer are wanted, and what was taken out of the
    body (``lifting``)."""

    dialect: str
    body: dict[str, Any]
    stream: bool = False
    urgent: bool = False
    placed: list[Placed] = []


async def answer(ctx: Context, asked: Asked) -> dict[str, Any]:
    """Ask a model for a program outside; the answer is in the program's dialect."""
    body = asked.body
    if asked.placed:
        body = await aside(put_back(ctx.turn.worker.artifacts, body, asked.placed))
    images = [p.bytes for p in asked.placed if p.image]
    job = Job(str(body.get("model", "")), dialect=asked.dialect, body=body, urgent=asked.urgent, image_bytes=images)
    reply = await ask_model(ctx.turn, job, outside=True, whole=not asked.stream)
    facts = reply.facts
    shown = {"target": facts.target, "model": facts.model, "attempts": len(facts.attempts) or 1}
    return {"body": _body(reply, asked, ctx), "facts": shown}


def _body(reply: Reply, asked: Asked, ctx: Context) -> dict[str, Any]:
    if reply.body is not None and reply.dialect == asked.dialect:
        return reply.body
    created = ctx.turn.item.message.created // 1000
    id = reply.answer.id or f"hf-{ctx.trace[:24]}"
    return DIALECTS[asked.dialect].write_answer(reply.answer, reply.facts.model, id=id, created=created)


ASK_SPEC = HandlerSpec(answer, name=ASK, shared=True, timeout_seconds=0.0)


@token.handler(name="set")
async def create(ctx: Context, held: Held) -> Held:
    """Let the token stand for an agent."""
    await ctx.state.set("held", held)
    return held


@token.handler
async def revoke(ctx: Context) -> None:
    """The token stands for nobody any more."""
    if await ctx.state.get("held") is None:
        raise NotFound("token.unknown", f"There is no token {ctx.key!r}. `holdfast token list` shows them.")
    await ctx.state.delete("held")


def id_of(secret: str) -> str:
    """A token's public name: nobody can go back from it to the secret."""
    return sha256(secret.encode()).hexdigest()[:20]


def address_of(id: str) -> str:
    """The agent that a token is."""
    return make(TOKENS, id)


__all__ = ["ASK", "ASK_SPEC", "PREFIX", "TOKENS", "Asked", "Held", "address_of", "id_of", "outside", "token"]
