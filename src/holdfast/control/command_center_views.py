"""What the command center's operations return."""

from __future__ import annotations

from typing import Any

from .views import AgentView, EntryView, View


class FleetRow(View):
    """An agent in the fleet. Times in milliseconds; ``doing``: what its state is about, in words; ``spark``: entries of the
    last ten minutes in thirty parts; ``owner`` and ``team``: labels of its definition;
    ``version``: of its open turn, or else of the next one."""

    address: str
    name: str
    state: str
    doing: str
    since: int
    handler: str
    version: str
    queued: int
    entries: int
    dead: int
    usd: float
    tokens: int
    calls: int
    ended: int
    due: int
    reason: str
    owner: str
    team: str
    spark: list[int]


class FleetView(View):
    """Some of the fleet. ``counts`` by state and ``names`` by definition, ``owners`` and ``teams`` are of all that match,
    whatever their state; ``groups``: how many of those that are listed are in each, in order, if they are grouped."""

    rows: list[FleetRow]
    matched: int
    total: int
    counts: dict[str, int]
    names: dict[str, int]
    owners: dict[str, int]
    teams: dict[str, int]
    groups: dict[str, int]
    at: int


class ReaderView(View):
    """Somebody who looks at what agents finish. ``until``: what ended up to then they have read, in milliseconds; ``read``:
    so they have read what this agent finished last."""

    who: str
    until: int
    read: bool


class Glance(View):
    """One agent as its page shows it. ``turns``: its turns, newest first; ``handlers``: what it can be sent."""

    row: FleetRow
    agent: AgentView
    turns: list[TurnLine]
    handlers: dict[str, Any]
    description: str
    at: int


class TurnLine(View):
    """A turn in one line. ``state``: open, done, failed, cancelled or killed; ``failures``: steps of it that failed."""

    turn: int
    handler: str
    sender: str
    state: str
    began: int
    ended: int
    entries: int
    failures: int
    error: str


class CauseView(View):
    """The step that made a message."""

    agent: str
    turn: int
    path: str


class StepCost(View):
    """What a step cost."""

    path: str
    usd: float
    input: int
    output: int
    model: str
    target: str


class Story(View):
    """One turn, whole: what it was asked and by whom, its entries, and what its steps cost. ``more``: it has more entries
    than are here. Without its message (it is forgotten, or the turn went with it) ``args`` are empty."""

    line: TurnLine
    entries: list[EntryView]
    more: bool
    args: list[Any]
    kwargs: dict[str, Any]
    cause: CauseView | None
    trace: str
    labels: list[str]
    costs: list[StepCost]


class SavedViewView(View):
    """A way to look that somebody gave a name."""

    name: str
    page: str
    query: str
    by: str
    at: int


__all__ = ["CauseView", "FleetRow", "FleetView", "Glance", "SavedViewView", "StepCost", "Story", "TurnLine"]
