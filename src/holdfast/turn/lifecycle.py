"""``spawn``, ``retire``, ``join``, ``leave``, ``subscribe``: agents come, go and gather."""

from __future__ import annotations

from typing import Any

from ..domain.address import GROUP, TOPIC
from ..domain.entry import EntryKind
from ..domain.topics import check_pattern
from ..ports.store import Subscribe
from .definition import Target
from .turn import Turn


async def subscribe(turn: Turn, place: str, handler: str, on: bool) -> None:
    """Join or leave a topic or a group, with this turn's next commit."""
    if place.startswith(TOPIC):
        check_pattern(place.removeprefix(TOPIC))
    verb = ("subscribe" if on else "unsubscribe") if place.startswith(TOPIC) else ("join" if on else "leave")
    name = place.removeprefix(TOPIC).removeprefix(GROUP)
    path, recorded = await turn.step(verb, name)
    if recorded is not None:
        return
    await turn.admit(verb, name, path, handler)
    if turn.item.id == 0:
        await turn.accept()
    if handler:
        turn.definition.handler(handler)
    turn.journal(EntryKind.STEP, path, verb, name, detail={"handler": handler} if handler else None)
    turn.active.write().subscribes.append(Subscribe(place, handler, on))


async def retire(turn: Turn) -> None:
    """This agent is done: its state, subscriptions and kept events go with the turn's end; its journal stays."""
    path, recorded = await turn.step("retire", "")
    turn.retiring = True
    if recorded is not None:
        return
    await turn.admit("retire", "", path)
    if turn.item.id == 0:
        await turn.accept()
    turn.journal(EntryKind.STEP, path, "retire", "")


def describe_target(target: Target[..., Any]) -> str:
    """A target as it is shown."""
    return f"{target.address}.{target.handler}"
