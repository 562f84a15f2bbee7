"""``Fleet``: every agent with its state, in memory, so that a hundred thousand are listed, filtered and counted at once.

It is a reading: built from ``Store.census`` in some hundred milliseconds, kept up to date by whoever follows the feed
(``pulse``), thrown away with the process. Agents lie in one bucket per state, in the order in which they got there, so that
counts are lengths and a page is a slice; only a filter by words or an order by money looks at all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from ..domain.address import name_of, short
from ..ports.feed import Standing
from .readers import Reader
from .states import QUIET, STATES, state_of

BUILT_IN = "holdfast."
_KEEP_MS = 1_000
_MOST_READERS = 1_000
_MOST_OWED = 10_000


class Member(msgspec.Struct, gc=False):
    """An agent of the fleet. ``since``: when its state began, in milliseconds, as well as it is known."""

    at: Standing
    address: str
    name: str
    state: str = ""
    since: int = 0
    nanos: int = 0
    tokens: int = 0
    calls: int = 0


class Asked(msgspec.Struct, frozen=True):
    """Which agents are wanted, and in which order: ``need``, ``name``, ``recent``, ``cost`` or ``entries``; before that by
    ``group``: ``state``, ``kind``, ``owner`` or ``team``. An owner or team ``-`` is none."""

    text: str = ""
    states: tuple[str, ...] = ()
    name: str = ""
    version: str = ""
    quiet: bool = True
    order: str = "need"
    owner: str = ""
    team: str = ""
    group: str = ""

    @property
    def simple(self) -> bool:
        """Whether the buckets answer as they lie."""
        return self.order == "need" and not (self.text or self.name or self.version or self.owner or self.team or self.group)


class Page(msgspec.Struct):
    """Some of what was asked for. ``counts`` and ``names`` are of all that match but for their state; ``groups`` of those
    that are listed, in order."""

    members: list[Member]
    matched: int
    counts: dict[str, int]
    names: dict[str, int]
    groups: dict[str, int] = {}


class Fleet:
    """See the module. Times are given, never looked up. ``within``: the beginning of its agents' addresses.

    What is finished and unread differs from person to person: ``who`` in its methods is one that ``read`` was called for.
    """

    def __init__(self, within: str = "") -> None:
        self.within = within
        self._buckets: dict[str, dict[str, Member]] = {state: {} for state in STATES}
        self._names: dict[str, int] = {}
        self._members: dict[str, Member] = {}
        self._kept: dict[tuple[str, Asked], tuple[int, Page]] = {}
        self._labels: dict[str, tuple[str, str]] = {}
        self._billed: dict[str, tuple[str, str]] = {}
        self._owed: dict[str, list[tuple[int, int]]] = {}
        """Bills of agents that are heard of a moment later."""
        self._readers: dict[str, Reader] = {"": Reader()}
        self.changes = 0

    def __len__(self) -> int:
        return len(self._members)

    # -- keeping up ---------------------------------------------------------------------------------------------

    def learn(self, standings: Iterable[Standing], now: int) -> None:
        """Take in how agents stand."""
        for at in standings:
            name = name_of(at.address)
            if name.startswith(BUILT_IN):
                continue
            member = self._members.get(at.address)
            if member is None:
                member = self._members[at.address] = Member(at, short(at.address), name)
                self._names[name] = self._names.get(name, 0) + 1
                for nanos, tokens in self._owed.pop(at.address, ()):
                    self.spent(at.address, nanos, tokens)
            member.at = at
            self._place(member, now)

    def _place(self, member: Member, now: int) -> None:
        at = member.at
        state = state_of(at, 0)
        if state != member.state:
            if member.state:
                del self._buckets[member.state][at.address]
                member.since = at.since or now
            else:
                member.since = at.since or at.ended or at.created
            member.state = state
            self._buckets[state][at.address] = member
            self.changes += 1
        elif at.since:
            member.since = at.since
        for reader in self._readers.values():
            self.changes += reader.note(member)

    # -- who has read what --------------------------------------------------------------------------------------

    def knows(self, who: str) -> bool:
        """Whether it is known what somebody has read."""
        return who in self._readers

    def read(self, who: str, until: int, agents: dict[str, int]) -> None:
        """Begin to tell what somebody has not read: what ended up to ``until``, or an agent's own time, they have."""
        reader = Reader(until, agents)
        reader.begin(self._buckets["finished"].values())
        while len(self._readers) >= _MOST_READERS:
            self._readers.pop(next(name for name in self._readers if name))
        self._readers[who] = reader

    def saw(self, address: str, until: int, who: str = "") -> None:
        """Somebody has looked at an agent (at all of them for ``""``): what ended until then they have read."""
        reader = self._reader(who)
        self.changes += 1
        self._kept.clear()
        if not address:
            reader.saw(until)
            return
        reader.saw_one(short(address), until)
        if (member := self._members.get(address)) is not None:
            reader.note(member)

    def state_for(self, member: Member, who: str = "") -> str:
        """An agent's state as somebody sees it."""
        return "idle" if member.state == "finished" and member.at.address not in self._reader(who).unread else member.state

    def _reader(self, who: str) -> Reader:
        """What somebody has read; whoever is asked for is forgotten last."""
        reader = self._readers.pop(who, None) or Reader()
        self._readers[who] = reader
        return reader

    # -- whose they are -----------------------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """The kinds of agents that there are."""
        return list(self._names)

    def belong(self, labels: dict[str, tuple[str, str]]) -> None:
        """Say which owner and team kinds of agents have, as their definitions say."""
        if labels != self._labels:
            self._labels = labels
            self._kept.clear()

    def whose(self, name: str) -> tuple[str, str]:
        """The owner and the team of a kind of agent; what its definition does not say, its bills may."""
        owner, team = self._labels.get(name, ("", ""))
        billed = self._billed.get(name, ("", ""))
        return owner or billed[0], team or billed[1]

    def spent(self, address: str, nanos: int, tokens: int, labels: Mapping[str, str] | None = None) -> None:
        """A model's answer was paid for."""
        if labels:
            self._billed[name_of(address)] = (labels.get("owner", ""), labels.get("team", ""))
        member = self._members.get(address)
        if member is not None:
            member.nanos += nanos
            member.tokens += tokens
            member.calls += 1
        elif address.startswith(self.within) and len(self._owed) < _MOST_OWED:
            self._owed.setdefault(address, []).append((nanos, tokens))

    # -- asking -------------------------------------------------------------------------------------------------

    def counts(self, who: str = "") -> dict[str, int]:
        """How many agents are in each state; states without any are left out."""
        counts = {state: len(bucket) for state, bucket in self._buckets.items()}
        unread = len(self._reader(who).unread)
        counts["idle"] += counts["finished"] - unread
        counts["finished"] = unread
        return {state: count for state, count in counts.items() if count}

    def member(self, address: str) -> Member | None:
        """One agent by its full address."""
        return self._members.get(address)

    def page(self, asked: Asked, offset: int, limit: int, now: int, who: str = "") -> Page:
        """Some agents. A filter, a grouping and an order other than ``need`` may be a second old."""
        if asked.simple:
            counts = self.counts(who)
            matched = sum(n for state, n in counts.items() if self._wanted(state, asked))
            return Page(list(islice(self._in_need(asked, who), offset, offset + limit)), matched, counts, dict(self._names))
        kept = self._kept.get((who, asked))
        if kept is None or now - kept[0] > _KEEP_MS:
            if len(self._kept) > 50:
                self._kept.clear()
            kept = self._kept[who, asked] = (now, self._look(asked, who))
        page = kept[1]
        return msgspec.structs.replace(page, members=page.members[offset : offset + limit])

    def _wanted(self, state: str, asked: Asked) -> bool:
        return state in asked.states if asked.states else asked.quiet or state not in QUIET

    def _in_need(self, asked: Asked, who: str) -> Iterator[Member]:
        for state in STATES:
            if self._wanted(state, asked):
                yield from self._in_state(state, who)

    def _in_state(self, state: str, who: str) -> Iterator[Member]:
        """The agents of a state: who waits longest comes first, who ended last comes first."""
        bucket, unread = self._buckets[state], self._reader(who).unread
        if state == "finished":
            yield from reversed(unread.values())
        elif state == "idle":
            yield from (m for m in reversed(self._buckets["finished"].values()) if m.at.address not in unread)
            yield from reversed(bucket.values())
        else:
            yield from bucket.values()

    def _look(self, asked: Asked, who: str) -> Page:
        fits = self._fitting(asked)
        page = Page([], 0, {}, {})
        names: Counter[str] = Counter()
        for state in STATES:
            matching = [m for m in self._in_state(state, who) if fits is None or fits(m)]
            if not matching:
                continue
            page.counts[state] = len(matching)
            names.update(m.name for m in matching)
            if self._wanted(state, asked):
                page.members += matching
        page.names = dict(names)
        page.matched = len(page.members)
        if asked.order in _ORDERS:
            page.members.sort(key=_ORDERS[asked.order])
        if asked.group:
            self._group(page, asked.group, who)
        return page

    def _fitting(self, asked: Asked) -> Callable[[Member], bool] | None:
        """Whether an agent is asked for; None if all are."""
        words = asked.text.lower().split()
        wanted = [None if not w else "" if w == "-" else w for w in (asked.owner, asked.team)]
        theirs = {
            name
            for name in self._names
            if all(w is None or w == is_ for w, is_ in zip(wanted, self.whose(name), strict=True))
        }
        if asked.name:
            theirs &= {asked.name}
        if not words and not asked.version and len(theirs) == len(self._names):
            return None

        def fits(member: Member) -> bool:
            if member.name not in theirs or (asked.version and member.at.version != asked.version):
                return False
            return all(word in member.address.lower() or word in member.at.handler for word in words)

        return fits

    def _group(self, page: Page, group: str, who: str) -> None:
        """Put those of a group together, groups by name, those of none last; in each the order stays."""
        found: dict[str, list[Member]] = {}
        if group == "state":
            for member in page.members:
                found.setdefault(self.state_for(member, who), []).append(member)
            order = [state for state in STATES if state in found]
        else:
            whose = {name: name if group == "kind" else self.whose(name)[group == "team"] for name in self._names}
            found = {value: [] for value in whose.values()}
            lists = {name: found[value] for name, value in whose.items()}
            for member in page.members:
                lists[member.name].append(member)
            order = sorted(filter(None, found), key=str.casefold) + [""] * ("" in found)
        page.groups = {value: len(found[value]) for value in order if found[value]}
        page.members = [member for value in order for member in found[value]]


def _orders() -> dict[str, Callable[[Member], Any]]:
    return {
        "name": lambda m: m.address,
        "recent": lambda m: -max(m.since, m.at.ended),
        "cost": lambda m: -m.nanos,
        "entries": lambda m: -m.at.entries,
    }


_ORDERS = _orders()

__all__ = ["BUILT_IN", "Asked", "Fleet", "Member", "Page"]
