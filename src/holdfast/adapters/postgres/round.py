"""The commits of one or more calls on their way into the database.

They go in as few transactions as their dependencies allow, and again without those that were refused, until each has its
receipt. The rules of refusal are the database's (``sql/commit.sql``); here its verdicts become errors of single commits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import msgspec

from ...domain.address import TOPIC
from ...domain.limits import Limits
from ...domain.message import Status
from ...domain.topics import patterns_for
from ...ports.store import Arrival, Commit, Lease, Receipt, Send
from . import refusals
from .batch import PARAMETERS, Batch, Subscribers, contiguous, topics_of
from .link import TRIES, Pool, contended
from .repeated import Repeats
from .session import Session

OUTSIDE = -1
"""The session number of commits from outside any session. It owns nothing; 0 is the owner of what is free."""

_APPLY = "SELECT * FROM apply_commits(" + ", ".join(f"${n}" for n in range(1, PARAMETERS + 1)) + ")"
_SUBSCRIBERS = """
    SELECT DISTINCT u.place, s.agent, a.address, s.handler
    FROM unnest($1::int[], $2::text[], $3::text[]) AS u(place, tenant, pattern)
    JOIN subscription s ON s.tenant = u.tenant AND s.pattern = u.pattern JOIN agent a ON a.id = s.agent
    WHERE a.mode <> 'retired' ORDER BY u.place, s.agent, s.handler
"""

OK = Receipt()
"""Shared by every commit that sent nothing; receipts are read-only by convention."""


class Round:
    """See the module. ``session`` is None for commits from outside any session."""

    def __init__(self, pool: Pool, limits: Limits, session: Session | None, commits: list[Commit]) -> None:
        self._pool = pool
        self._depth = limits.mailbox_depth
        self._session = session
        self._repeats = Repeats(pool, session)
        self._commits = commits
        self._receipts: list[Receipt | None] = [None] * len(commits)
        self._settled: set[tuple[str, str]] = set()
        self._stop: int = -1
        """A commit that the next batch has to end before."""

    async def run(self) -> list[Receipt]:
        """Receipts, one per commit."""
        collisions = 0
        todo = list(range(len(self._commits)))
        subscribers: Subscribers | None = None
        while todo:
            if subscribers is None:
                subscribers = await self._find_subscribers([self._commits[i] for i in todo])
            batch, todo = self._gather(todo, subscribers)
            if not batch.members:
                continue
            answer = await self._apply(batch)
            if answer is not None and answer["verdict"] is None:
                self._accept(batch, answer)
                if batch.subscribes or batch.wipes or batch.modes:
                    subscribers = None
                continue
            verdict = {"collision": ""} if answer is None else msgspec.json.decode(answer["verdict"])
            if "collision" in verdict:
                collisions += 1
                if collisions > TRIES:
                    raise contended()
            await self._refuse(batch, verdict)
            todo = [i for i in batch.members if self._receipts[i] is None] + todo
        return [OK if r is None else r for r in self._receipts]

    async def _apply(self, batch: Batch) -> Any:
        """One round trip. None after a deadlock, which took nothing along."""
        id = self._session.id if self._session is not None else OUTSIDE
        try:
            return await self._pool.row(_APPLY, *batch.arguments(id, self._depth, int(time.time() * 1000)))
        except asyncpg.PostgresError:
            return None

    async def _find_subscribers(self, commits: Sequence[Commit]) -> Subscribers:
        """Who receives what these commits send to topics and groups."""
        topics = list(dict.fromkeys(t for c in commits if c.sends for t in topics_of(c)))
        if not topics:
            return {}
        places: list[int] = []
        tenants: list[str] = []
        patterns: list[str] = []
        for place, (tenant, to) in enumerate(topics):
            for p in [TOPIC + p for p in patterns_for(to[len(TOPIC) :])] if to.startswith(TOPIC) else [to]:
                places.append(place)
                tenants.append(tenant)
                patterns.append(p)
        found: Subscribers = {topic: [] for topic in topics}
        for place, _, address, handler in await self._pool.rows(_SUBSCRIBERS, places, tenants, patterns):
            if (address, handler) not in found[topics[place]]:
                found[topics[place]].append((address, handler))
        return found

    def _gather(self, todo: list[int], subscribers: Subscribers) -> tuple[Batch, list[int]]:
        batch = Batch(self._session, subscribers)
        held_back: set[int] = set()
        stop, self._stop = self._stop, -1
        for i in todo:
            if i == stop:
                break
            commit = self._commits[i]
            ref = commit.lease.ref if commit.lease is not None else 0
            if not contiguous(commit):
                assert commit.lease is not None
                self._receipts[i] = Receipt(error=refusals.lost(commit.lease, "gap"))
                continue
            if ref in held_back or batch.must_wait(commit, self._settled):
                if batch.modes or batch.wipes or batch.subscribes:
                    break
                if ref:
                    held_back.add(ref)
                continue
            batch.add(i, commit)
        members = set(batch.members)
        return batch, [t for t in todo if t not in members and self._receipts[t] is None]

    # -- what became of a batch ---------------------------------------------------------------------------------

    def _accept(self, batch: Batch, answer: Any) -> None:
        receivers: dict[str, dict[str, Any]] = {}
        if answer["receivers"] is not None:
            found: dict[str, dict[str, Any]] = msgspec.json.decode(answer["receivers"])
            for ref, r in found.items():
                r["ref"] = int(ref)
                receivers[r["address"]] = r
        for i in batch.members:
            self._receipts[i] = Receipt(ids=[0] * len(self._commits[i].sends), arrivals=[]) if self._commits[i].sends else OK
        leases: list[Lease] = []
        for id, (i, nth, send) in zip(answer["ids"] or (), batch.whose, strict=True):
            receipt = self._receipts[i]
            assert receipt is not None
            if send.message.to == self._commits[i].sends[nth].message.to:
                receipt.ids[nth] = id
            if send.message.key:
                self._settled.add((self._commits[i].sends[nth].message.to, send.message.key))
            if send.status == Status.QUEUED:
                receipt.arrivals.append(_arrival(id, send, receivers.get(send.message.to), leases))
        if self._session is not None:
            self._session.took(leases)

    async def _refuse(self, batch: Batch, verdict: dict[str, Any]) -> None:
        """Note which commits of a batch are to blame for its refusal."""
        if "lost" in verdict:
            await self._settle(batch, verdict["lost"], lost=True)
            return
        if "strangers" in verdict:
            assert self._session is not None
            for address in verdict["strangers"]:
                self._session.held.pop(address, None)
            return
        if "collision" in verdict:
            await self._collided(batch, verdict["collision"])
            return
        judged: list[dict[str, Any]] = verdict["sends"]
        blamed = [self._commits[batch.whose[int(v["send"]) - 1][0]] for v in judged]
        refs = {c.lease.ref for c in blamed if c.lease is not None and c.entries}
        await self._settle(batch, list(refs))  # a repeated commit's messages are there already: its own
        if any(self._receipts[i] is not None for i in batch.members):
            return
        other = [v for v in judged if v["code"] != "mailbox.full"]
        for v in other:
            i, _, send = batch.whose[int(v["send"]) - 1]
            if self._receipts[i] is None:
                self._receipts[i] = Receipt(error=refusals.send_refused(send, v, self._depth))
        if other:
            return
        depths = {batch.whose[int(v["send"]) - 1][2].message.to: int(v["depth"]) for v in judged}
        first = min(batch.whose[int(v["send"]) - 1][0] for v in judged)
        if any(self._makes_room(self._commits[i], depths) for i in batch.members if i < first):
            self._stop = first  # what comes before it may make room for it
            return
        full = batch.overfull(depths, self._depth)
        for v in judged:
            i, _, send = batch.whose[int(v["send"]) - 1]
            if i in full and self._receipts[i] is None:
                self._receipts[i] = Receipt(error=refusals.send_refused(send, v, self._depth))
        for i in full:
            if self._receipts[i] is None:
                send = next(s for place, _, s in batch.whose if place == i and s.message.to in depths)
                self._receipts[i] = Receipt(error=refusals.send_refused(send, {"code": "mailbox.full"}, self._depth))

    @staticmethod
    def _makes_room(commit: Commit, full: dict[str, int]) -> bool:
        if not commit.marks and not commit.consumed:
            return False
        return commit.lease is None or commit.lease.address in full

    async def _collided(self, batch: Batch, constraint: str) -> None:
        """A row was there already. If it is nobody's fault here, the next try finds out by looking."""
        if constraint == "journal_agent":
            await self._settle(batch, list(batch.fence))
        elif constraint == "message_key":
            for i in batch.members:
                sends = [s for s in self._commits[i].sends if s.message.key]
                if len({(s.message.to, s.message.key) for s in sends}) < len(sends):
                    twice = {"code": "message.duplicate", "id": 0}
                    self._receipts[i] = Receipt(error=refusals.send_refused(sends[-1], twice, self._depth))

    async def _settle(self, batch: Batch, refs: list[int], *, lost: bool = False) -> None:
        """Commits of these agents that were applied before are acknowledged; the others, if the lease is lost or the
        journal goes on differently, are refused."""
        wanted = set(refs)
        mine = [i for i in batch.members if (lease := self._commits[i].lease) is not None and lease.ref in wanted]
        known = await self._repeats.look([self._commits[i] for i in mine])
        for i, repeat in zip(mine, known, strict=True):
            lease = self._commits[i].lease
            assert lease is not None
            if repeat is not None and repeat.receipt is not None:
                self._receipts[i] = repeat.receipt
            elif lost or repeat is not None:
                self._receipts[i] = Receipt(error=refusals.lost(lease, "taken" if repeat is None else "gap"))


def _arrival(id: int, send: Send, receiver: dict[str, Any] | None, leases: list[Lease]) -> Arrival:
    """A message that went into a mailbox. ``receiver`` None: one that the session held already."""
    to, delayed = send.message.to, send.message.due > 0
    if receiver is None:
        return Arrival(id, to, send, mine=not delayed)
    lease = None
    if receiver["granted"] and not delayed:
        receiver["granted"] = False
        head = bytes.fromhex(receiver["head"])
        lease = Lease(to, receiver["ref"], receiver["epoch"], receiver["seq"], head, receiver["fresh"], receiver["mode"])
        leases.append(lease)
    return Arrival(id, to, send, receiver["mine"] and not delayed, lease)
