"""``RemoteStore``: the store port over a connection to a server, for workers in processes of their own.

A session lives as long as its connection: when that breaks, the worker hears ``lost``, and the server gives what it held
to others at once. A commit whose answer was lost with the connection is never sent again under its lease; the server is
asked instead whether the journal has it (the hash of its first entry says so for certain).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ...domain.errors import Conflict, Unavailable
from ...domain.limits import Limits
from ...link import Caller, Line, endpoint
from ...link.caller import ConnectionBroke
from ...link.frames import Hello, Raw
from ...link.port import PREFIX, SIGNAL, Doubt, decode_id, decode_signal, decode_verdicts, method
from ...ports import lookup
from ...ports.feed import Standing
from ...ports.ledger import Amounts, Budget, CostRow, Share, Spending, UsageRow
from ...ports.notes import Note
from ...ports.resources import Change, Resource, Tally, check_changes
from ...ports.segments import Covered, HistoryRow, Segment, Uncovered
from ...ports.store import (
    AgentRow,
    Claimed,
    Commit,
    Definition,
    EntryRow,
    Lease,
    Loaded,
    Notify,
    Receipt,
    Signal,
    StateRead,
    Stored,
    Wait,
    Worker,
)

_PATIENCE_SECONDS = 2.0
_CHUNK_BYTES = 16 << 20
_USAGE_BYTES = 1_000

T = TypeVar("T")


class RemoteStore:
    """See the port and the module. Url: ``holdfast://host:port`` or ``holdfast+unix:///path``."""

    def __init__(self, url: str, limits: Limits | None = None) -> None:
        self.url = url
        self.limits = limits or Limits()
        hello = Hello(name="worker", pid=os.getpid(), token=os.environ.get("HOLDFAST_TOKEN", ""))
        self._caller = Caller(endpoint(url), hello, pushed=self._pushed, patience_seconds=_PATIENCE_SECONDS)
        self._notify: dict[str, Notify] = {}
        self._ended: set[str] = set()
        """Sessions that ended with their connection: what they committed last may or may not have happened."""
        self._line: Line | None = None

    # -- life ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        await self._connected()

    async def close(self) -> None:
        self._notify.clear()
        await self._caller.close()

    async def _connected(self) -> Line:
        line = await self._caller.connect()
        if line is not self._line:
            self._line = line
            line.lost.add_done_callback(lambda _: self._broke())
        return line

    def _broke(self) -> None:
        sessions, self._notify = self._notify, {}
        self._ended |= sessions.keys()
        for notify in sessions.values():
            notify(Signal("lost"))

    def _pushed(self, name: str, body: Raw) -> None:
        session, _, kind = name.partition(" ")
        notify = self._notify.get(session)
        if kind == SIGNAL and notify is not None:
            signal = decode_signal(body)
            if signal.kind == "lost":
                self._notify.pop(session, None)
            notify(signal)

    async def _ask(self, name: str, *given: Any) -> Any:
        """A method that may be asked twice."""
        await self._connected()
        return method(name).result(await self._caller.request(PREFIX + name, given))

    async def enlist(self, worker: Worker, notify: Notify) -> str:
        while True:
            line = await self._connected()
            try:
                session = decode_id(await line.request(PREFIX + "enlist", (worker,)))
            except ConnectionBroke:
                continue
            self._notify[session] = notify
            return session

    async def serve(self, session: str, serves: dict[str, tuple[str, ...]]) -> None:
        await self._ask("serve", session, serves)

    async def beat(self, session: str) -> bool:
        return session in self._notify and await self._ask("beat", session)

    async def leave(self, session: str, *, died: bool = False) -> None:
        self._notify.pop(session, None)
        await self._ask("leave", session, died)

    async def workers(self) -> list[tuple[str, Worker]]:
        return await self._ask("workers")

    async def drain(self, name: str) -> int:
        return await self._ask("drain", name)

    async def tell(self, session: str, notes: Sequence[Note]) -> None:
        await self._ask("tell", session, list(notes))

    # -- commits ------------------------------------------------------------------------------------------------

    async def commit(self, session: str, commits: Sequence[Commit]) -> list[Receipt]:
        receipts: list[Receipt] = []
        for chunk in _chunks(commits, _size):
            receipts += await self._commit(session, chunk)
        return receipts

    async def _commit(self, session: str, commits: list[Commit]) -> list[Receipt]:
        line = await self._connected()
        if session in self._ended:
            return await self._in_doubt(session, commits, sent=False)
        try:
            return method("commit").result(await line.request(PREFIX + "commit", (session, commits)))
        except ConnectionBroke:
            self._ended.add(session)
            return await self._in_doubt(session, commits, sent=True)

    async def _in_doubt(self, session: str, commits: list[Commit], *, sent: bool) -> list[Receipt]:
        """The answer was lost. Whatever is not in the journal did not happen, and under this session never will. While the
        server is away this raises ``Unavailable``, and the same commits come here again."""
        doubts = [Doubt(c.lease.address, c.entries[0].seq, c.entries[0].hash) for c in commits if c.lease and c.entries]
        verdicts = iter(await self._applied(session, doubts))
        receipts: list[Receipt] = []
        for commit in commits:
            if commit.lease is None:
                receipts.append(await self._outside(commit, sent=sent))
            elif commit.entries and (id := next(verdicts)) >= 0:
                receipts.append(Receipt(ids=[id] * len(commit.sends)))
            else:
                receipts.append(Receipt(error=_lost(commit.lease)))
        return receipts

    async def _applied(self, session: str, doubts: list[Doubt]) -> list[int]:
        if not doubts:
            return []
        await self._connected()
        return decode_verdicts(await self._caller.request(PREFIX + "applied", (session, doubts)))

    async def _outside(self, commit: Commit, *, sent: bool) -> Receipt:
        """A commit from outside may be repeated only if its messages carry keys and nothing in it is money."""
        if sent and (commit.usage or commit.charges or any(not s.message.key for s in commit.sends)):
            return Receipt(error=_unknown())
        line = await self._connected()
        try:
            [receipt] = method("commit").result(await line.request(PREFIX + "commit", ("", [commit])))
        except ConnectionBroke:
            return Receipt(error=_unknown())
        return receipt

    # -- leases -------------------------------------------------------------------------------------------------

    async def lease(self, session: str, addresses: Sequence[str]) -> list[Lease | None]:
        return await self._ask("lease", session, addresses)

    async def release(self, session: str, leases: Sequence[Lease], needs: str = "") -> None:
        await self._ask("release", session, leases, needs)

    async def claim(self, session: str, limit: int, now: int) -> Claimed:
        return await self._ask("claim", session, limit, now)

    async def load(self, lease: Lease, limit: int) -> Loaded:
        return await self._ask("load", lease, limit)

    async def read_state(self, lease: Lease, key: str) -> StateRead | None:
        return await self._ask("read_state", lease, key)

    # -- the ledger ---------------------------------------------------------------------------------------------

    async def set_budget(self, budget: Budget) -> None:
        await self._ask("set_budget", budget)

    async def drop_budget(self, name: str) -> bool:
        return await self._ask("drop_budget", name)

    async def budgets(self) -> list[Budget]:
        return await self._ask("budgets")

    async def take_share(self, session: str, budget: str, window: str, want: Amounts, least: Amounts) -> Share:
        return await self._ask("take_share", session, budget, window, want, least)

    async def give_back(self, session: str, budget: str, window: str, amounts: Amounts) -> None:
        try:
            await self._ask("give_back", session, budget, window, amounts)
        except Conflict as error:
            if error.code != "session.lost":  # what is over holds nothing
                raise

    async def spending(self, budget: str = "", windows: Sequence[str] = (), limit: int = 1000) -> list[Spending]:
        return await self._ask("spending", budget, list(windows), limit)

    async def usage(
        self, after: int = 0, since: int = 0, until: int = 0, agent: str = "", limit: int = 1000, like: str = ""
    ) -> list[UsageRow]:
        return await self._ask("usage", after, since, until, agent, limit, like)

    async def cost(
        self,
        by: Sequence[str] = (),
        since: int = 0,
        until: int = 0,
        where: dict[str, str] | None = None,
        limit: int = 1000,
    ) -> list[CostRow]:
        return await self._ask("cost", list(by), since, until, where, limit)

    # -- resources and tallies ----------------------------------------------------------------------------------

    async def apply_resources(self, changes: Sequence[Change], author: str, reason: str, at: int) -> int:
        check_changes(changes)  # what is too large would not fit a frame
        return await self._ask("apply_resources", list(changes), author, reason, at)

    async def resources(
        self, kind: str = "", tenant: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[Resource]:
        return await self._ask("resources", kind, tenant, after, limit)

    async def resource_versions(self, kind: str, name: str, tenant: str = "") -> list[Resource]:
        return await self._ask("resource_versions", kind, name, tenant)

    async def tally(self, counts: Sequence[Tally], now: int) -> list[float]:
        return await self._ask("tally", list(counts), now)

    async def untally(self, key: str, id: str) -> None:
        await self._ask("untally", key, id)

    # -- the feed -----------------------------------------------------------------------------------------------

    async def rows(self, ids: Sequence[int]) -> list[HistoryRow]:
        return await self._ask("rows", list(ids))

    async def newest(self) -> int:
        return await self._ask("newest")

    async def census(self, after: int, limit: int) -> list[Standing]:
        return await self._ask("census", after, limit)

    async def standings(self, addresses: Sequence[str]) -> list[Standing]:
        return await self._ask("standings", list(addresses))

    # -- looking ------------------------------------------------------------------------------------------------

    async def state(self, address: str) -> dict[str, StateRead]:
        return await self._ask("state", address)

    async def message(self, id: int) -> Stored | None:
        return await self._ask("message", id)

    async def find_message(self, address: str, key: str) -> Stored | None:
        return await self._ask("find_message", address, key)

    async def entries(self, address: str, after: int, limit: int, turn: int = 0) -> list[EntryRow]:
        return await self._ask("entries", address, after, limit, turn)

    async def agents(self, *, like: str = "", mode: str = "", after: str = "", limit: int = 100) -> list[AgentRow]:
        return await self._ask("agents", like, mode, after, limit)

    async def agent(self, address: str) -> AgentRow | None:
        return await self._ask("agent", address)

    async def messages(
        self, *, statuses: Sequence[int], address: str = "", after: int = 0, limit: int = 100, like: str = ""
    ) -> list[Stored]:
        return await self._ask("messages", list(statuses), address, after, limit, like)

    async def waits(
        self, *, verb: str = "", after: tuple[str, int, str] | None = None, limit: int = 100, like: str = ""
    ) -> list[Wait]:
        return await self._ask("waits", verb, after, limit, like)

    async def longest(self, verb: str, limit: int) -> list[Wait]:
        return await self._ask("longest", verb, limit)

    async def publish(self, definitions: Sequence[Definition], archives: dict[str, bytes]) -> None:
        await self._ask("publish", definitions, archives)

    async def definitions(self) -> list[Definition]:
        return await self._ask("definitions")

    async def keep(self, tenant: str, artifacts: dict[str, bytes], at: int = 0) -> None:
        for chunk in _chunks(list(artifacts.items()), lambda kept: len(kept[1])):
            await self._ask("keep", tenant, dict(chunk), at)

    async def artifacts(
        self, before: int, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[tuple[str, str, int]]:
        return await self._ask("artifacts", before, after, limit)

    async def drop(self, tenant: str, keys: Sequence[str], before: int) -> int:
        return await self._ask("drop", tenant, list(keys), before)

    async def states(self, after: tuple[str, str] = ("", ""), limit: int = 100) -> list[tuple[str, str, StateRead]]:
        return await self._ask("states", after, limit)

    async def artifact(self, tenant: str, key: str) -> bytes | None:
        return await self._ask("artifact", tenant, key)

    async def versions_in_use(self) -> list[tuple[str, str, int]]:
        return await self._ask("versions_in_use")

    async def subscriptions(self, address: str = "") -> list[tuple[str, str, str]]:
        return await self._ask("subscriptions", address)

    async def stats(self, like: str = "") -> dict[str, int]:
        return await self._ask("stats", like)

    async def compact(self, before: int, limit: int, held: Sequence[str] = ()) -> int:
        return await self._ask("compact", before, limit, held)

    # -- segments -----------------------------------------------------------------------------------------------

    async def history(self, after: int = 0, limit: int = 1000, like: str = "") -> list[HistoryRow]:
        return await self._ask("history", after, limit, like)

    async def uncovered(self, limit: int) -> Uncovered:
        return await self._ask("uncovered", limit)

    async def add_segment(self, segment: Segment, covered: Sequence[Covered], mark: str = "") -> bool:
        return await self._ask("add_segment", segment, covered, mark)

    async def segments(self, after: int = 0, limit: int = 100) -> list[Segment]:
        return await self._ask("segments", after, limit)

    # -- words --------------------------------------------------------------------------------------------------

    async def indexed(self) -> tuple[int, int]:
        return await self._ask("indexed")

    async def index(self, after: int, upto: int, lines: Sequence[lookup.Line]) -> bool:
        return await self._ask("index", after, upto, lines)

    async def look_up(self, terms: lookup.Terms, before: int, limit: int) -> list[HistoryRow]:
        return await self._ask("look_up", terms, before, limit)

    async def backup(self, target: str) -> None:
        await self._ask("backup", target)


def _chunks(things: Sequence[T], size_of: Callable[[T], int]) -> list[list[T]]:
    """Batches that fit a frame, in order."""
    chunks: list[list[T]] = [[]]
    size = 0
    for thing in things:
        own = size_of(thing)
        if size + own > _CHUNK_BYTES and chunks[-1]:
            chunks.append([])
            size = 0
        chunks[-1].append(thing)
        size += own
    return chunks


def _size(commit: Commit) -> int:
    own = sum(len(e.body) for e in commit.entries) + sum(len(s.body) * 2 for s in commit.sends)
    return own + sum(len(s.value or b"") for s in commit.state) + len(commit.usage) * _USAGE_BYTES


def _lost(lease: Lease) -> Conflict:
    return Conflict(
        "lease.lost",
        f"The connection to the server broke; {lease.address} is free for others, and what this worker still wanted to "
        "write of it did not happen. Take the agent again and go on from its journal.",
        address=lease.address,
        reason="taken",
    )


def _unknown() -> Unavailable:
    return Unavailable(
        "server.interrupted",
        "The connection to the server broke while a message or a charge was on its way; whether it arrived is unknown. Send "
        "with a key, then sending again is safe; look at what is spent before you charge again.",
    )
