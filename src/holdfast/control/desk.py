"""The supervisors' desks, as agents like any other: ``holdfast.desk/everyone``, one in each tenant, and one for each person.

What people keep about the fleet is their state: saved views, and up to when whoever it is has looked at what, and read
what happened. So it survives what agents survive, is the same in every browser, and needs no table of its own (compare
``schedules``).
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from ..domain.address import Address, make
from ..sdk.agent import Agent
from ..turn.context import Context

NAME = "holdfast.desk"
BRIEFED = "briefed"
"""Of a person's desk: up to when they have read their briefs, in milliseconds."""
_MOST_READ = 5_000
_LONGEST_KEY = 200

desk = Agent(NAME, description="What supervisors keep: saved views, and what they have seen.")


def address_in(tenant: str) -> Address:
    """The desk of a tenant."""
    return make(NAME, "everyone", tenant)


def address_of(who: str, tenant: str) -> Address:
    """The desk of somebody, named by their subject."""
    key = who.replace("/", ":")
    return make(NAME, key if len(key) <= _LONGEST_KEY else sha256(key.encode()).hexdigest(), tenant)


class SavedView(msgspec.Struct):
    """A way to look that somebody gave a name. ``page``: fleet; ``query``: as in its address."""

    name: str
    page: str
    query: str
    by: str = ""
    at: int = 0


class Seen(msgspec.Struct):
    """What ``who`` looked at: everything up to ``until``, single agents longer than that. Times in milliseconds."""

    until: int = 0
    agents: dict[str, int] = {}
    who: str = ""


@desk.handler
async def keep(ctx: Context, view: SavedView) -> None:
    """Keep a view; one of the same name on the same page is replaced."""
    views: list[SavedView] = await ctx.state.get("views", [], type=list[SavedView])
    kept = [v for v in views if (v.page, v.name) != (view.page, view.name)]
    await ctx.state.set("views", [*kept, view])


@desk.handler
async def drop(ctx: Context, page: str, name: str) -> bool:
    """Forget a view; whether there was one."""
    views: list[SavedView] = await ctx.state.get("views", [], type=list[SavedView])
    kept = [v for v in views if (v.page, v.name) != (page, name)]
    await ctx.state.set("views", kept)
    return len(kept) < len(views)


@desk.handler
async def saw(ctx: Context, agents: dict[str, int], until: int = 0, who: str = "") -> None:
    """Somebody looked."""
    seen: Seen = await ctx.state.get("seen", Seen(), type=Seen)
    seen.until, seen.who = max(seen.until, until), who or seen.who
    merged = {**seen.agents, **agents}
    recent = sorted(((ms, a) for a, ms in merged.items() if ms > seen.until), reverse=True)[:_MOST_READ]
    seen.agents = {a: ms for ms, a in recent}
    await ctx.state.set("seen", seen)


@desk.handler
async def briefed(ctx: Context, until: int) -> int:
    """Somebody has read a brief of what happened up to then; up to when they have read by now."""
    read = max(until, await ctx.state.get(BRIEFED, 0, type=int))
    await ctx.state.set(BRIEFED, read)
    return read


__all__ = ["BRIEFED", "NAME", "SavedView", "Seen", "address_in", "address_of", "desk"]
