"""``Gathering``: what a brief is made of, read with the store's indices, every part within a bound and all of it in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from ..domain.address import BUILT_IN as PREFIX
from ..domain.principal import Principal
from ..insight.briefs.facts import Fact
from ..insight.briefs.recent import Recent, Seen
from ..insight.briefs.telling import FEW, Gathered, Open, Standstill, Version, facts_of
from ..insight.fleet import Asked, Fleet, Member
from ..insight.words import terms_of
from ..journal.codec import decode_any
from ..mailbox.worker import Worker
from ..ports.lookup import Phrase, Terms
from ..ports.resources import Resource
from ..ports.store import Store
from . import reading
from .built_in import BUILT_IN

_SECONDS = 3.0
_QUESTIONS = 500
_ENTRIES = 200
_FAILURES = 3
"""The place of failures among what is looked up."""
_RESOURCES = 500
_MEMBERS = 200
_OWN = frozenset(agent.name for agent in BUILT_IN)
_BEFORE = 200
"""How many entries before an answer its question may be."""


class Gathering:
    """One brief's. ``fleet`` and ``errors`` are those of the command center; ``seconds`` are for all of it."""

    def __init__(
        self,
        store: Store,
        worker: Worker,
        principal: Principal,
        fleet: Callable[[], Awaitable[Fleet]],
        errors: Callable[[Sequence[Member]], Awaitable[dict[str, str]]],
        recent: Recent,
        seconds: float = _SECONDS,
    ) -> None:
        self._store = store
        self._worker = worker
        self._principal = principal
        self._fleet = fleet
        self._errors = errors
        self._recent = recent
        self._seconds = seconds
        self._cut: list[str] = []

    async def facts(self, since: int, now: int) -> tuple[list[Fact], list[str]]:
        """The facts, and what is not among them. What needs a person is looked at first."""
        it = Gathered(since, now)
        until = asyncio.get_running_loop().time() + self._seconds
        parts = (
            ("questions", self._questions),
            ("agents that stand still", self._standing),
            ("resources", self._declared),
            ("entries", self._happened),
            ("cost", self._spent),
        )
        for name, part in parts:
            try:
                async with asyncio.timeout_at(until):
                    await part(it)
            except TimeoutError:
                self._cut.append(f"{name}: not all was looked at, {self._seconds:g} s were over")
        return facts_of(it), self._cut

    async def _questions(self, it: Gathered) -> None:
        rows = await self._store.waits(verb="ask", limit=_QUESTIONS + 1, like=self._principal.within)
        it.waiting = len(rows)
        if len(rows) > _QUESTIONS:
            self._cut.append(f"questions: the oldest of {_QUESTIONS:,} out of more, the first by their agents' names")
        for row in rows[:_QUESTIONS]:
            asked = reading.question(row, self._worker)
            seen = asked.approval
            action = f"{seen.verb} {seen.name}" if seen is not None else ""
            given = seen.named if seen is not None else None
            secret = {name for name, role in seen.roles.items() if role == "secret"} if seen is not None else set[str]()
            if given is not None:
                given = {name: "(secret)" if name in secret else value for name, value in given.items()}
            rules = seen.rules if seen is not None else ()
            it.open.append(Open(asked.id, asked.address, asked.since, asked.question, action, given, rules))

    async def _standing(self, it: Gathered) -> None:
        fleet, who = await self._fleet(), self._principal.actor
        counts = fleet.counts(who)
        it.waiting = max(it.waiting, counts.get("approval", 0) + counts.get("input", 0))
        page = fleet.page(Asked(states=("stuck", "failed")), 0, FEW, it.now, who)
        errors = await self._errors([m for m in page.members if m.state == "failed"])
        for member in page.members:
            at = member.at
            why = errors.get(at.address, "") if member.state == "failed" else self._why(member)
            it.standstills.append(Standstill(member.state, [member.address], member.since, why, "", at.dead, at.turn))
        it.others_stand = page.matched - len(page.members)
        groups: dict[tuple[str, str, str], Standstill] = {}
        for state in ("provider", "tools", "paused"):
            for member in fleet.page(Asked(states=(state,)), 0, _MEMBERS, it.now, who).members:
                of, why = ("", member.at.reason) if state == "paused" else (member.at.name, "")
                group = groups.setdefault((state, of, why), Standstill(state, [], member.since, why, of))
                group.agents.append(member.address)
                group.since = min(group.since, member.since)
            if (there := counts.get(state, 0)) > _MEMBERS:
                self._cut.append(f"agents in the state {state}: the first {_MEMBERS} of {there:,}")
        it.standstills += groups.values()
        ended = [
            m for m in fleet.page(Asked(states=("finished",)), 0, _MEMBERS, it.now, who).members if m.at.ended > it.since
        ]
        it.finished = [m.address for m in ended]
        it.finishers = len(ended)
        if len(ended) == _MEMBERS:
            it.finishers = counts.get("finished", 0)

    def _why(self, member: Member) -> str:
        body = member.at.detail
        seal = self._worker.seal
        told: dict[str, Any] = (decode_any(seal.open(body) if seal is not None else body) if body else None) or {}
        return str(told.get("error", ""))

    async def _declared(self, it: Gathered) -> None:
        revision = self._worker.resources.revision
        low, high = 0, revision
        while low < high:  # the revision with which ``since`` begins: they ascend with time
            middle = (low + high) // 2
            rows = await self._store.resources(after=middle, limit=1)
            if not rows or rows[0].at >= it.since:
                high = middle
            else:
                low = rows[-1].revision
        rows = await self._store.resources(after=low, limit=_RESOURCES)
        if len(rows) >= _RESOURCES:
            self._cut.append(f"resources: the first {_RESOURCES} of those that changed")
        it.resources = [row for row in reversed(rows) if row.at >= it.since and self._concerns(row)]
        for one in await self._store.definitions():
            if one.published >= it.since and one.name not in _OWN and not one.name.startswith(PREFIX):
                it.versions.append(Version(one.name, one.version))

    def _concerns(self, row: Resource) -> bool:
        tenant = row.tenant
        if not tenant and row.kind == "Breaker":
            tenant = row.name.partition(":")[2].partition("/")[0]
        return not tenant or self._principal.reaches(tenant)

    async def _happened(self, it: Gathered) -> None:
        within = self._principal.within
        failed, asked = terms_of("", within, failed=True), terms_of("", within, "ask")
        wanted: list[Terms] = [
            terms_of("", within, "approval"),
            msgspec.structs.replace(asked, marks=(*asked.marks, "kind:result")),
            Terms((Phrase(("gate",)),), failed.marks, failed.begins),
            failed,
        ]
        found = await self._recent.look(wanted, it.since, _ENTRIES)
        it.approvals, results, refusals, it.failures = found.of
        it.refusals = [seen for seen in refusals if seen.entry.failure and seen.entry.failure.code.startswith("gate.")]
        it.answers = [(seen, await self._question(seen) if n < FEW else "") for n, seen in enumerate(results)]
        it.more_failed = _FAILURES in found.cut
        for place, name in enumerate(("answers to approvals", "answers to questions", "refusals", "failures")):
            if place in found.cut:
                self._cut.append(f"{name}: the newest {_ENTRIES} of more")
        if found.read_from:
            self._cut.append("entries: the newest of those that are in no index yet; older ones were left out")

    async def _question(self, answer: Seen) -> str:
        """What somebody was asked: it stands before the answer, in the same place of the turn."""
        row = answer.row
        after = max(row.turn - 1, row.seq - _BEFORE)
        for before in reversed(await self._store.entries(row.address, after, row.seq - after, row.turn)):
            view = reading.entry_view(before, self._worker)
            if view.seq < row.seq and view.path == answer.entry.path and view.kind == "intent":
                detail: dict[str, Any] = view.detail or {}
                return str(detail.get("question", ""))
        return ""

    async def _spent(self, it: Gathered) -> None:
        where = {} if not self._principal.within else {"tenant": self._principal.home}
        now = await self._store.cost((), it.since, it.now, where, 1)
        before = await self._store.cost((), max(1, 2 * it.since - it.now), it.since, where, 1)
        it.spent = (now[0].nanos, now[0].calls) if now else (0, 0)
        it.before = (before[0].nanos, before[0].calls) if before else (0, 0)


__all__ = ["Gathering"]
