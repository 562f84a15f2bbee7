"""Programs from outside as agents: whoever holds an agent's token may ask models as that agent.

Each request is a message to the agent, for a handler that every agent has: so it passes the gate, lands in the agent's
journal, its ledger and its budgets, whatever the program is written in. ``outside/<name>`` is there for programs that are no
agent otherwise. Whose a token is, ``identity/held.py`` knows.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.address import tenant_of
from ..models.dialects import DIALECTS
from ..models.job import Facts, Job, Reply
from ..sdk.agent import Agent
from ..tools.host import aside
from ..turn.context import Context
from ..turn.definition import HandlerSpec
from ..turn.model import ask_model
from .lifting import Placed, put_back

ASK = "holdfast.model"
"""The handler that every agent has."""

outside = Agent("outside", description="Programs from outside that ask models through the gateway.")


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
        body = await aside(put_back(ctx.turn.worker.artifacts, tenant_of(ctx.address), body, asked.placed))
    images = [p.bytes for p in asked.placed if p.image]
    job = Job(str(body.get("model", "")), dialect=asked.dialect, body=body, urgent=asked.urgent, image_bytes=images)
    reply = await ask_model(ctx.turn, job, outside=True, whole=not asked.stream)
    return {"body": _body(reply, asked, ctx), "facts": shown(reply.facts)}


def shown(facts: Facts) -> dict[str, Any]:
    """What a program is told of who answered it."""
    told: dict[str, Any] = {"target": facts.target, "model": facts.model, "attempts": len(facts.attempts) or 1}
    return {**told, "lost": ", ".join(facts.lost)} if facts.lost else told


def _body(reply: Reply, asked: Asked, ctx: Context) -> dict[str, Any]:
    if reply.body is not None and reply.dialect == asked.dialect:
        return reply.body
    created = ctx.turn.item.message.created // 1000
    id = reply.answer.id or f"hf-{ctx.trace[:24]}"
    return DIALECTS[asked.dialect].write_answer(reply.answer, reply.facts.model, id=id, created=created)


ASK_SPEC = HandlerSpec(answer, name=ASK, shared=True, timeout_seconds=0.0, attended=True)


__all__ = ["ASK", "ASK_SPEC", "Asked", "outside", "shown"]
