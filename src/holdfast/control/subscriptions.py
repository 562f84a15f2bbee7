"""Subscriptions that people declare, as agents like any other: ``holdfast.subscription/<name>``.

Each subscribes itself to its topic and passes on what comes to whom it was declared for, in one commit: exactly once, seen
with the same eyes as everything else, and without a line in the code of the agent that gets it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.address import Address, make
from ..domain.topics import check_topic
from ..sdk.agent import Agent
from ..turn.context import Context
from ..turn.definition import Target

NAME = "holdfast.subscription"
subscription = Agent(NAME)
_RELAY = "relay"


class Relayed(msgspec.Struct):
    """Which topic goes to which handler of whom."""

    topic: str
    to: str
    handler: str


@subscription.handler(name="set")
async def begin(ctx: Context, wanted: Relayed) -> Relayed:
    """Pass on what is published on this topic from now on."""
    check_topic(wanted.topic.replace("*", "x").replace(">", "x"))
    before: Relayed | None = await ctx.state.get("relayed", type=Relayed)
    if before is not None and before.topic != wanted.topic:
        await ctx.unsubscribe(before.topic)
    await ctx.subscribe(wanted.topic, _RELAY)
    await ctx.state.set("relayed", wanted)
    return wanted


@subscription.handler
async def relay(ctx: Context, *args: Any, **kwargs: Any) -> None:
    """Something was published."""
    wanted: Relayed | None = await ctx.state.get("relayed", type=Relayed)
    if wanted is not None:
        target: Target[..., Any] = Target(Address(wanted.to), wanted.handler)
        await ctx.send(target, *args, **kwargs)


@subscription.handler
async def remove(ctx: Context) -> None:
    """Pass on nothing any more."""
    before: Relayed | None = await ctx.state.get("relayed", type=Relayed)
    if before is not None:
        await ctx.unsubscribe(before.topic)
        await ctx.state.delete("relayed")


def target(name: str, tenant: str) -> Address:
    """The address of a subscription."""
    return make(NAME, name, tenant)


__all__ = ["NAME", "Relayed", "subscription", "target"]
