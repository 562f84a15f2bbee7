"""Saved searches: a resource of kind ``Search`` for each person and name, and the agent that tells of what one finds.

The agent is ``holdfast.search/<key>``, one for each saved search that tells anybody. What it has told of is its state, so
that each entry is told once, whatever crashed in between; a question of it in the inbox waits like any other.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from ..domain.address import DEFAULT_TENANT, Address, make, tenant_of
from ..insight import words
from ..insight.search import Hit
from ..ports.lookup import Terms
from ..ports.resources import Resource
from ..sdk.agent import Agent
from ..turn.context import Context

NAME = "holdfast.search"
KIND = "Search"
INBOX, TOPIC = "inbox", "topic:"
TOLD = "told"
SEEN = "seen"
_SHOWN = 5

search = Agent(NAME, description="Tells of what saved searches find.")


class SavedSearch(msgspec.Struct, frozen=True, omit_defaults=True):
    """A search that somebody gave a name.

    Attributes:
        who: whose it is, as a subject.
        text, agent, verb, by, failed: as in ``search``.
        place: of the agents meant: a whole address, or how theirs begin; ``""`` for all there are.
        notify: who is told of what it finds: ``""`` nobody, ``inbox``, or ``topic:NAME``.
        since: the id of the newest entry when it was saved; what came before is not told of.
    """

    name: str
    who: str
    text: str = ""
    agent: str = ""
    place: str = ""
    verb: str = ""
    by: str = ""
    failed: bool = False
    notify: str = ""
    since: int = 0


def row_name(who: str, name: str) -> str:
    """The resource's name: everybody has names of their own."""
    return f"{who}/{name}"


def read(row: Resource) -> SavedSearch | None:
    """What a row says; None for one that cannot be read."""
    try:
        return msgspec.json.decode(row.body, type=SavedSearch)
    except msgspec.DecodeError:
        return None


def terms_of(saved: SavedSearch) -> Terms:
    """What it looks up."""
    return words.terms_of(saved.text, saved.place, saved.verb, saved.by, saved.failed)


def teller(saved: SavedSearch) -> Address:
    """The agent that tells of it."""
    key = sha256(row_name(saved.who, saved.name).encode()).hexdigest()[:16]
    return make(NAME, key, tenant_of(saved.who) or DEFAULT_TENANT)


@search.handler
async def found(ctx: Context, saved: SavedSearch, hits: list[Hit], more: bool = False) -> int:
    """Tell of what was found and was not told of yet; how many that was. ``hits`` are oldest first."""
    told: int = await ctx.state.get(TOLD, 0, type=int)
    news = [hit for hit in hits if hit.id > told]
    if not news:
        return 0
    await ctx.state.set(TOLD, news[-1].id)
    if saved.notify == INBOX:
        count = f"more than {len(news)}" if more else str(len(news))
        lines = [f"{hit.address}: {hit.verb} {hit.name} {hit.error or hit.words}".strip() for hit in news[-_SHOWN:]]
        question = f"The search {saved.name!r} found {count} new: " + "; ".join(lines)
        await ctx.ask(question[:1_000], choices=[SEEN])
    elif saved.notify.startswith(TOPIC):
        facts: dict[str, Any] = {"search": saved.name, "of": saved.who, "more": more, "hits": news}
        await ctx.publish(saved.notify.removeprefix(TOPIC), facts)
    return len(news)


__all__ = [
    "INBOX",
    "KIND",
    "NAME",
    "SEEN",
    "TOLD",
    "TOPIC",
    "SavedSearch",
    "read",
    "row_name",
    "search",
    "teller",
    "terms_of",
]
