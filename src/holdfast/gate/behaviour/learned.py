"""What is known of how a kind of agent behaves: counts and sketches, learned from allowed actions only.

All of it adds up: what two workers learned apart is merged by addition, in any order, so that each sends what is new and
nobody waits for anybody.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .sketches import VolumeRecord, Volumes

MOST_ACTIONS = 500
MOST_DESTINATIONS = 2_000
"""Beyond these, something new is nothing special any more: it is neither judged nor learned one by one."""


class Windows(msgspec.Struct, array_like=True):
    """Counts in windows in which anything happened, each less one: how many there were, their sum, the sum of their squares,
    and the largest."""

    n: int = 0
    total: int = 0
    squares: int = 0
    largest: int = 0

    def add(self, count: int) -> None:
        """A window is over."""
        extra = count - 1
        self.n += 1
        self.total += extra
        self.squares += extra * extra
        self.largest = max(self.largest, extra)

    def merge(self, other: Windows) -> None:
        """Take in what another one saw."""
        self.n += other.n
        self.total += other.total
        self.squares += other.squares
        self.largest = max(self.largest, other.largest)


class Names:
    """Things by how often they were seen, and how many of them only once: what Good-Turing needs."""

    __slots__ = ("counts", "most", "once", "total")

    def __init__(self, most: int) -> None:
        self.most = most
        self.counts: dict[Any, int] = {}
        self.total = 0
        self.once = 0

    def add(self, name: Any, times: int = 1) -> None:
        """Seen (again)."""
        before = self.counts.get(name, 0)
        self.total += times
        if not before and len(self.counts) >= self.most:
            return
        self.counts[name] = before + times
        self.once += (before + times == 1) - (before == 1)

    def merge(self, other: Names) -> None:
        """Take in what another one saw, also what it did not keep one by one."""
        for name, times in other.counts.items():
            self.add(name, times)
        self.total += other.total - sum(other.counts.values())

    @property
    def full(self) -> bool:
        """Whether not all are known."""
        return len(self.counts) >= self.most

    @property
    def novelty(self) -> float:
        """Good and Turing's chance that the next one was never seen, with one more singleton than there is: none at all
        would claim to know that nothing new can come."""
        return (self.once + 1) / (self.total + 1)


class ActionRecord(msgspec.Struct, array_like=True):
    """An ``Action`` at rest."""

    n: int
    windows: dict[str, Windows]
    volumes: dict[str, VolumeRecord]
    destinations: dict[int, int]
    destinations_total: int


class Action:
    """What is known of one action of one kind of agent.

    Attributes:
        windows: counts by name: how often in a ``minute`` and an ``hour``, ``reach``: distinct destinations in a day,
            ``repeats``: identical calls in a row, ``rounds``: of a loop.
        volumes: by argument; ``payload`` for the size of all of them.
    """

    __slots__ = ("destinations", "n", "volumes", "windows")

    def __init__(self) -> None:
        self.n = 0
        self.windows: dict[str, Windows] = {}
        self.volumes: dict[str, Volumes] = {}
        self.destinations = Names(MOST_DESTINATIONS)

    def window(self, name: str) -> Windows:
        """The counts of a window."""
        found = self.windows.get(name)
        if found is None:
            found = self.windows[name] = Windows()
        return found

    def volume(self, name: str) -> Volumes:
        """The volumes of an argument."""
        found = self.volumes.get(name)
        if found is None:
            found = self.volumes[name] = Volumes()
        return found

    def merge(self, other: Action) -> None:
        """Take in what another one learned."""
        self.n += other.n
        for name, windows in other.windows.items():
            self.window(name).merge(windows)
        for name, volumes in other.volumes.items():
            self.volume(name).merge(volumes)
        self.destinations.merge(other.destinations)

    def record(self) -> ActionRecord:
        """At rest."""
        volumes = {name: v.record() for name, v in self.volumes.items()}
        there = self.destinations
        return ActionRecord(self.n, self.windows, volumes, there.counts, there.total)

    @classmethod
    def read(cls, record: ActionRecord) -> Action:
        """Back again."""
        self = cls()
        self.n, self.windows = record.n, record.windows
        self.volumes = {name: Volumes.read(v) for name, v in record.volumes.items()}
        for digest, times in record.destinations.items():
            self.destinations.add(digest, times)
        self.destinations.total = record.destinations_total
        return self


class KindRecord(msgspec.Struct, array_like=True):
    """A ``Kind`` at rest. ``format`` changes with the meaning of what is in it."""

    format: int
    actions: dict[str, ActionRecord]
    roles: dict[str, dict[str, str]]
    total: int
    since: int
    until: int


FORMAT = 1


class Kind:
    """What is known of a kind of agent: its actions by ``verb name``, from ``since`` to ``until`` (milliseconds). ``roles``
    are those its tools declared: a journal does not have them."""

    __slots__ = ("actions", "names", "roles", "since", "until")

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {}
        self.names = Names(MOST_ACTIONS)
        self.roles: dict[str, dict[str, str]] = {}
        self.since = self.until = 0

    def action(self, name: str) -> Action:
        """What is known of an action."""
        found = self.actions.get(name)
        if found is None:
            found = self.actions[name] = Action()
        return found

    def knows(self, name: str) -> bool:
        """Whether it keeps, or has room for, what is to be known of an action: names that are made up for every case would
        fill the memory otherwise."""
        return name in self.actions or len(self.actions) < MOST_ACTIONS

    def seen(self, at: int) -> None:
        """Something was learned that happened then."""
        self.since = min(self.since, at) if self.since else at
        self.until = max(self.until, at)

    def merge(self, other: Kind) -> None:
        """Take in what another one learned."""
        for name, action in other.actions.items():
            if self.knows(name):
                self.action(name).merge(action)
        self.names.merge(other.names)
        self.roles.update(other.roles)
        if other.since:
            self.seen(other.since)
            self.seen(other.until)

    def encode(self) -> bytes:
        """At rest."""
        actions = {name: action.record() for name, action in self.actions.items()}
        record = KindRecord(FORMAT, actions, self.roles, self.names.total, self.since, self.until)
        return msgspec.msgpack.encode(record)

    @classmethod
    def decode(cls, body: bytes) -> Kind:
        """Back again; what was written in another format counts for nothing, because it can be learned anew."""
        self = cls()
        if not body:
            return self
        record = msgspec.msgpack.decode(body, type=KindRecord)
        if record.format != FORMAT:
            return self
        for name, action in record.actions.items():
            self.actions[name] = Action.read(action)
            self.names.add(name, action.n)
        self.names.total = record.total
        self.roles, self.since, self.until = record.roles, record.since, record.until
        return self
