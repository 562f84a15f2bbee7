"""From what the store says to the sentences of a brief; pure, so that the same store tells the same brief."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ...domain.address import short
from ...domain.entry import EntryKind, StoredEntry
from ...journal.codec import decode_any
from ...ports.resources import Resource
from .facts import CHANGED, DECIDED, NEEDS, UNUSUAL, Fact, Link, because, counted, lasting, money, quoted, who
from .recent import Seen

FEW = 8
"""Sentences about things of one sort; what is more is counted."""
_SAVED = "Search"
"""Resources of this kind are somebody's own, and news to nobody."""
_TIMES_AS_MUCH = 2.0
_WORTH_TELLING_USD = 0.01


class Open(msgspec.Struct):
    """A question that waits. ``action``: what waits to be let through, with ``given``; ``""`` for a question in words."""

    id: str
    agent: str
    since: int
    question: str
    action: str = ""
    given: Any = None
    rules: Sequence[str] = ()


class Standstill(msgspec.Struct):
    """Agents that are in one state for one reason. ``state``: stuck, failed, paused, provider, tools; ``why`` in others'
    words, ``of`` the route or tool server; ``since`` of the first of them."""

    state: str
    agents: list[str]
    since: int
    why: str = ""
    of: str = ""
    dead: int = 0
    turn: int = 0


class Version(msgspec.Struct):
    """Code that was published."""

    name: str
    version: str


class Gathered(msgspec.Struct):
    """What a brief is made of; every list is bounded, and the numbers beside them are of all there are. ``more_failed``:
    there are more failures than are in the list."""

    since: int
    now: int
    open: list[Open] = []
    waiting: int = 0
    standstills: list[Standstill] = []
    others_stand: int = 0
    approvals: list[Seen] = []
    answers: list[tuple[Seen, str]] = []
    refusals: list[Seen] = []
    failures: list[Seen] = []
    more_failed: bool = False
    resources: list[Resource] = []
    versions: list[Version] = []
    finished: list[str] = []
    finishers: int = 0
    spent: tuple[int, int] = (0, 0)
    before: tuple[int, int] = (0, 0)


class _Facts:
    """Facts in the order in which they were added, each with an id."""

    def __init__(self) -> None:
        self.list: list[Fact] = []

    def add(self, kind: str, text: str, links: list[Link], about: tuple[str, ...] = (), must: tuple[str, ...] = ()) -> None:
        number = sum(1 for fact in self.list if fact.kind == kind) + 1
        self.list.append(Fact(f"{kind[0]}{number}", kind, text, links, about, must))

    def more(self, kind: str, over: int, one: str, many: str, page: str) -> None:
        """What there is beyond the few that were told."""
        if over > 0:
            told = f"There {'is' if over == 1 else 'are'} {counted(over, f'more {one}', f'more {many}')}."
            self.add(kind, told, [Link("page", "all of them", id=page)], ("more", one), (f"{over:,}",))


def facts_of(it: Gathered) -> list[Fact]:
    """The sentences, what needs a person first."""
    facts = _Facts()
    _needs(facts, it)
    _decided(facts, it)
    _changed(facts, it)
    _unusual(facts, it)
    return facts.list


# -- what needs somebody ----------------------------------------------------------------------------------------------


def _needs(facts: _Facts, it: Gathered) -> None:
    told = sorted(it.open, key=lambda o: o.since)[:FEW]
    for one in told:
        since = lasting(it.now - one.since)
        links = [Link("question", "answer", one.agent, id=one.id), Link("agent", one.agent, one.agent)]
        if one.action:
            by = f" (rule {', '.join(one.rules)})" if one.rules else ""
            text = f"{one.agent} waits to be let through: {one.action} {quoted(one.given)}{by}, for {since}."
        else:
            text = f"{one.agent} asks {quoted(one.question)}, for {since}."
        facts.add(NEEDS, text, links, ("ask",), (one.agent,))
    facts.more(NEEDS, it.waiting - len(told), "question", "questions", "/inbox")
    for one in it.standstills:
        if one.state not in ("stuck", "failed"):
            continue
        agent = one.agents[0]
        links = [Link("agent", agent, agent, one.turn)]
        if one.state == "stuck":
            text = f"{agent} is stuck{because(one.why)}, for {lasting(it.now - one.since)}."
        else:
            text = f"{agent} has {counted(one.dead, 'message')} that failed with nobody to tell{because(one.why)}."
            links.append(Link("page", "dead letters", id="/inbox?only=failed"))
        facts.add(NEEDS, text, links, (one.state,), (agent,))
    facts.more(
        NEEDS, it.others_stand, "agent that is stuck or failed", "agents that are stuck or failed", "/?state=failed,stuck"
    )


# -- what was decided -------------------------------------------------------------------------------------------------


def _decided(facts: _Facts, it: Gathered) -> None:
    for seen in it.approvals[:FEW]:
        value: dict[str, Any] = decode_any(seen.entry.value) or {}
        did = "let through" if value.get("verdict") == "approve" else "refused"
        by = ", ".join(who(str(one)) for one in value.get("by") or ()) or "The time that ran out"
        text = f"{by} {did} {seen.entry.name} of {_agent(seen)}{because(value.get('why'))}."
        facts.add(DECIDED, text, [_link(seen)], (did, by))
    facts.more(DECIDED, len(it.approvals) - FEW, "answer to approvals", "answers to approvals", "/search?verb=approval")
    for seen, question in it.answers[:FEW]:
        by, answer = _answerer(seen.entry), quoted(decode_any(seen.entry.value), 80)
        text = f"{by} answered {answer} to {_agent(seen)}, which asked {quoted(question)}."
        if seen.entry.failure is not None:
            text = f"Nobody answered {_agent(seen)} in time, which asked {quoted(question)}."
        facts.add(DECIDED, text, [_link(seen)], ("answered", by))
    facts.more(DECIDED, len(it.answers) - FEW, "answer to agents", "answers to agents", "/search?verb=ask")
    for seen in it.refusals[:FEW]:
        told: dict[str, Any] = seen.entry.decision or {}
        rules = ", ".join(str(rule) for rule in told.get("rules") or ())
        why = seen.entry.failure.message if seen.entry.failure is not None else ""
        text = f"The gate refused {seen.entry.verb} {seen.entry.name} of {_agent(seen)}"
        facts.add(DECIDED, f"{text}{f' (rule {rules})' if rules else ''}{because(why)}.", [_link(seen)], ("refused", rules))
    facts.more(DECIDED, len(it.refusals) - FEW, "refusal of the gate", "refusals of the gate", "/search?failed=1")
    for row in it.resources:
        if row.kind in ("Grant", "Breaker"):
            facts.add(DECIDED, _switched(row), [_resource(row)], (row.kind, row.author, str(row.deleted)))


def _switched(row: Resource) -> str:
    by = who(row.author)
    if row.kind == "Grant":
        did = f"took back the grant {row.name}" if row.deleted else f"granted beforehand what {row.name} says"
    else:
        did = f"switched {row.name} on again" if row.deleted else f"switched {row.name} off"
    return f"{by} {did}{because(row.reason)}."


# -- what changed -----------------------------------------------------------------------------------------------------


def _changed(facts: _Facts, it: Gathered) -> None:
    rows = [row for row in it.resources if row.kind not in ("Grant", "Breaker", _SAVED)]
    for row in rows[:FEW]:
        did = "let go" if row.deleted else "declared" if row.version == 1 else "changed"
        to = "" if row.deleted or row.version == 1 else f", which is version {row.version} now"
        text = f"{who(row.author)} {did} {row.kind} {row.name}{to}{because(row.reason)}."
        facts.add(CHANGED, text, [_resource(row)], (did, row.author))
    facts.more(CHANGED, len(rows) - FEW, "changed resource", "changed resources", "/governance")
    for one in it.versions[:FEW]:
        link = Link("page", one.name, id=f"/?kind={one.name}")
        facts.add(CHANGED, f"{one.name} has new code, version {one.version}.", [link], ("code",))
    facts.more(CHANGED, len(it.versions) - FEW, "new version of code", "new versions of code", "/")
    if it.finishers:
        newest = it.finished[:3]
        told = f"{counted(it.finishers, 'agent')} finished something, {', '.join(newest)} last."
        links = [Link("agent", agent, agent) for agent in newest]
        facts.add(CHANGED, told, [*links, Link("page", "all of them", id="/?state=finished")], ("finished",))
    (nanos, calls), (before, _) = it.spent, it.before
    if calls and not _dearer(nanos, before):
        told = f"Models cost {money(nanos / 1e9)} for {counted(calls, 'call')}."
        facts.add(CHANGED, told, [Link("page", "money", id="/money")], ("cost",))


# -- what was unusual -------------------------------------------------------------------------------------------------


def _dearer(nanos: int, before: int) -> bool:
    return nanos >= _WORTH_TELLING_USD * 1e9 and nanos >= before * _TIMES_AS_MUCH and before > 0


def _unusual(facts: _Facts, it: Gathered) -> None:
    groups = list(_alike(it.failures))
    for alike in groups[:FEW]:
        last = alike[0]
        failure = last.entry.failure
        assert failure is not None
        name = short(last.row.address).rpartition("/")[0]
        what = "A turn" if last.entry.kind == EntryKind.END else f"{last.entry.verb} {last.entry.name}".strip()
        often = "once" if len(alike) == 1 else counted(len(alike), "time")
        often = f"at least {often}" if it.more_failed and len(alike) > 1 else often
        text = f"{what} of {name} failed {often}, last in {_agent(last)}{because(failure.message)}."
        facts.add(UNUSUAL, text, [_link(seen) for seen in alike[:3]], ("failed", name))
    facts.more(UNUSUAL, len(groups) - FEW, "sort of failure", "sorts of failures", "/search?failed=1")
    for one in it.standstills:
        if one.state in ("stuck", "failed"):
            continue
        many = counted(len(one.agents), "agent")
        does = "waits" if len(one.agents) == 1 else "wait"
        if one.state == "paused":
            text = f"{many} {'is' if len(one.agents) == 1 else 'are'} paused{because(one.why)}."
        else:
            text = f"{many} {does} for {'the models' if one.state == 'provider' else 'the tool server'} of {one.of}."
            text = f"{text[:-1]}, the first for {lasting(it.now - one.since)}."
        links = [Link("agent", agent, agent) for agent in one.agents[:3]]
        facts.add(UNUSUAL, text, [*links, Link("page", "all of them", id=f"/?state={one.state}")], (one.state,))
    (nanos, calls), (before, _) = it.spent, it.before
    if _dearer(nanos, before):
        times = f"{nanos / before:.1f} times as much as in as long a time before ({money(before / 1e9)})"
        told = f"Models cost {money(nanos / 1e9)} for {counted(calls, 'call')}, {times}."
        facts.add(UNUSUAL, told, [Link("page", "money", id="/money")], ("cost",))


def _alike(failures: Iterable[Seen]) -> Iterable[list[Seen]]:
    """Failures of the same step of the same kind of agent with the same code, the most frequent first. A turn that failed
    because of a step that is told of is not told of again."""
    found: dict[tuple[str, ...], list[Seen]] = {}
    all = list(failures)
    by_step = {(seen.row.address, seen.row.turn) for seen in all if seen.entry.kind != EntryKind.END}
    for seen in all:
        failure = seen.entry.failure
        if failure is None or failure.code.startswith("gate."):
            continue
        if seen.entry.kind == EntryKind.END and (seen.row.address, seen.row.turn) in by_step:
            continue
        name = seen.row.address.rpartition("/")[0]
        found.setdefault((name, seen.entry.verb, seen.entry.name, failure.code or failure.type), []).append(seen)
    return sorted(found.values(), key=lambda alike: -len(alike))


# -- words ------------------------------------------------------------------------------------------------------------


def _answerer(entry: StoredEntry) -> str:
    detail: Any = decode_any(entry.detail) or {}
    by = str(detail.get("by", "")) if isinstance(detail, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return who(by) if by else "somebody"


def _agent(seen: Seen) -> str:
    return short(seen.row.address)


def _link(seen: Seen) -> Link:
    row = seen.row
    return Link("entry", f"{_agent(seen)} #{row.seq}", _agent(seen), row.turn, row.seq)


def _resource(row: Resource) -> Link:
    return Link("resource", f"{row.kind} {row.name}", kind=row.kind, name=row.name, tenant=row.tenant, version=row.version)


__all__ = ["FEW", "Gathered", "Open", "Standstill", "Version", "facts_of"]
