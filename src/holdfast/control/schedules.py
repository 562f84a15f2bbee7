"""Schedules, as an agent like any other: ``holdfast.schedule/<name>``.

Each tick sends the message to the target and itself the next tick, in one commit: a schedule survives whatever an agent
survives, costs nothing between two ticks, and is seen with the same eyes (``ps``, ``journal``).
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.address import Address, make
from ..domain.errors import NotFound
from ..sdk.agent import Agent
from ..turn.context import Context
from ..turn.definition import Target
from . import occurrences
from .occurrences import Rule

NAME = "holdfast.schedule"
schedule = Agent(NAME)


class Spec(msgspec.Struct):
    """What a schedule does, and how it is going.

    Attributes:
        generation: grows with each change, so that ticks of an older plan end by themselves.
        next: when it runs next, milliseconds; 0 for never again.
        ran: how often it has run.
        missed_runs: runs that were passed over.
    """

    to: str
    handler: str
    args: list[Any]
    kwargs: dict[str, Any]
    rule: Rule
    missed: str = occurrences.ONCE
    generation: int = 0
    next: int = 0
    last: int = 0
    ran: int = 0
    missed_runs: int = 0
    created: int = 0


@schedule.handler(name="set")
async def begin(ctx: Context, spec: Spec) -> Spec:
    """Begin, or change to, this plan."""
    before: Spec | None = await ctx.state.get("spec", type=Spec)
    now = await _now(ctx)
    spec.generation = (before.generation if before else 0) + 1
    spec.ran, spec.last = (before.ran, before.last) if before else (0, 0)
    spec.created = before.created if before else now
    spec.rule = msgspec.structs.replace(spec.rule, start=now)
    spec.next = occurrences.after(spec.rule, now)
    await ctx.state.set("spec", spec)
    await _tick_at(ctx, spec, now)
    return spec


@schedule.handler
async def tick(ctx: Context, generation: int, due: int) -> int:
    """A due time has come: send the message (or not, by the policy for missed runs) and wait for the next."""
    spec: Spec | None = await ctx.state.get("spec", type=Spec)
    if spec is None or spec.generation != generation or spec.next != due:
        return 0
    now = await _now(ctx)
    plan = occurrences.plan(spec.rule, spec.missed, due, now)
    for _ in plan.runs:
        target: Target[..., Any] = Target(Address(spec.to), spec.handler)
        await ctx.send(target, *spec.args, **spec.kwargs)
    spec.ran += len(plan.runs)
    spec.missed_runs += plan.passed_over
    spec.last = plan.runs[-1] if plan.runs else spec.last
    spec.next = plan.next
    await ctx.state.set("spec", spec)
    await _tick_at(ctx, spec, now)
    return len(plan.runs)


@schedule.handler
async def remove(ctx: Context) -> None:
    """Forget the plan; ticks under way find nothing to do."""
    if await ctx.state.get("spec") is None:
        raise NotFound("schedule.unknown", f"There is no schedule {ctx.key!r}. `holdfast schedule list` shows them.")
    await ctx.state.delete("spec")


async def _tick_at(ctx: Context, spec: Spec, now: int) -> None:
    if spec.next:
        me: Target[..., Any] = Target(ctx.address, "tick", schedule.definition.handler("tick"))
        await ctx.send_after((spec.next - now + 1) / 1000, me, spec.generation, spec.next)


async def _now(ctx: Context) -> int:
    return int((await ctx.now()).timestamp() * 1000)


def target(name: str, tenant: str) -> Address:
    """The address of a tenant's schedule; raises ``Rejected(address.malformed)`` for a bad name."""
    return make(NAME, name, tenant)


def shown(spec: Spec) -> str:
    """When, in words."""
    rule = spec.rule
    return f"{rule.cron} ({rule.zone})" if rule.cron else f"every {rule.every_ms / 1000:g} s"


__all__ = ["NAME", "Spec", "schedule", "shown", "target"]
