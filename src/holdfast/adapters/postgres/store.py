"""``PostgresStore``: the store port over one schema of a PostgreSQL database, for many workers on many machines.

What happens inside the database is in ``sql/``, function by function; here is what a process adds: connections, queues
that combine what many agents want at the same moment, and the sessions that live in this process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ...domain.errors import Conflict, HoldfastError, NotFound
from ...domain.limits import Limits
from ...ports.notes import Note, check_notes
from ...ports.store import Claimed, Commit, EntryRow, Lease, Loaded, Notify, Receipt, StateRead, Stored, Worker
from .combine import Combine
from .feed import FeedReads
from .ledger import Ledger
from .link import Pool, connect, end
from .listener import Listener
from .lookup import Lookup
from .place import parse
from .reads import Reads
from .resources import Resources, Tallies
from .schema import migrate
from .session import Session
from .shares import Shares
from .writer import Writer

_HOT, _PEOPLE = 6, 3
_LEASES = 500
_FREE_STRAYS = "SELECT release_leases($1, $2, $3, '')"


class PostgresStore(FeedReads, Ledger, Resources, Lookup):
    """See the port. Urls: ``postgresql://user:password@host:5432/database?schema=holdfast``.

    Durability is the server's: a commit returns when PostgreSQL has flushed it as ``synchronous_commit`` says (on).
    """

    def __init__(self, url: str, limits: Limits | None = None) -> None:
        self.url = url
        self.limits = limits or Limits()
        self._place = parse(url)
        self._sessions: dict[str, Session] = {}
        self._writers: dict[str, Writer] = {}
        self._leases: dict[str, Combine[str, Lease | None]] = {}
        self._shares: dict[str, Shares] = {}

    # -- life ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        link = await connect(self._place, hot=False)
        try:
            await migrate(link, self._place)
        finally:
            await end(link)
        self._hot = Pool(self._place, _HOT, hot=True)
        self._people = Pool(self._place, _PEOPLE, hot=False)
        self._reads = Reads(self._hot)
        self._tallies = Tallies(self._hot)
        self._outside = Writer(self._hot, self.limits, None)
        self._listener = Listener(self._place, self._hot)
        await self._listener.open()

    async def close(self) -> None:
        if not hasattr(self, "_listener"):
            return
        await self._listener.close()
        await self._hot.close()
        await self._people.close()
        for writer in [*self._writers.values(), self._outside]:
            await writer.idle()
        for table in (self._sessions, self._writers, self._leases, self._shares):
            table.clear()

    # -- sessions -----------------------------------------------------------------------------------------------

    async def enlist(self, worker: Worker, notify: Notify) -> str:
        sql = "SELECT id, token, revision() AS revision FROM enlist($1, $2, $3, $4::text::jsonb, make_interval(secs => $5))"
        row = await self._hot.row(sql, worker.name, worker.host, worker.pid, _json(worker.serves), worker.lease_seconds)
        session = Session(row["id"], row["token"], worker, notify)
        session.revision = row["revision"]
        self._sessions[session.token] = session
        self._writers[session.token] = Writer(self._hot, self.limits, session)
        self._leases[session.token] = Combine(self._taking(session), width=2, most=_LEASES)
        self._shares[session.token] = Shares(self._hot, session.id)
        await self._listener.add(session)
        return session.token

    async def serve(self, session: str, serves: dict[str, tuple[str, ...]]) -> None:
        me = self._session(session)
        await self._hot.value("SELECT serve($1, $2::text::jsonb)", me.id, _json(serves))

    async def beat(self, session: str) -> bool:
        me = self._sessions.get(session)
        if me is None or not me.alive:
            return False
        await self._listener.relock(me)
        beaten, revision = await self._hot.row("SELECT beat($1), revision()", me.id)
        if not beaten:
            await self._over(me)
            me.end()
            return False
        me.revised(revision)
        await self._listener.bury([me.id])
        if me.doubt:
            await self._free_strays(me)
        return True

    async def leave(self, session: str, *, died: bool = False) -> None:
        me = self._sessions.get(session)
        if me is None:
            return
        me.alive = False
        await self._writers[session].idle()
        await self._over(me)
        who = f"{me.worker.name} {me.worker.host} {me.worker.pid}"
        await self._hot.value("SELECT end_session($1, $2)", me.id, who if died else None)

    async def workers(self) -> list[tuple[str, Worker]]:
        sql = """
            SELECT token, name, serves::text, host, pid, extract(epoch FROM lease)::float8 FROM session
            WHERE serves <> '{}' AND expires > clock_timestamp() ORDER BY name, id
        """
        return [
            (token, Worker(name, msgspec.json.decode(serves, type=dict[str, tuple[str, ...]]), host, pid, lease))
            for token, name, serves, host, pid, lease in await self._people.rows(sql)
        ]

    async def drain(self, name: str) -> int:
        sql = "SELECT count(tell(s.id, 'drain', NULL)) FROM session s WHERE $1 IN (s.name, s.token)"
        return int(await self._hot.value(sql, name))

    async def tell(self, session: str, notes: Sequence[Note]) -> None:
        check_notes(notes)
        await self._listener.tell(self._session(session), notes)

    async def _over(self, me: Session) -> None:
        me.held.clear()
        for table in (self._sessions, self._writers, self._leases, self._shares):
            table.pop(me.token, None)
        await self._listener.remove(me)

    async def _free_strays(self, me: Session) -> None:
        """After a lost reply the server may have granted leases that nobody here knows of. What is unknown on two beats
        in a row is given back. (A grant on its way at both moments would be freed too; fencing makes that harmless.)"""
        row = await self._hot.row("SELECT ref, epoch FROM strays($1, $2)", me.id, list(me.held.values()))
        seen = dict(zip(row["ref"] or (), row["epoch"] or (), strict=True))
        known = set(me.held.values())
        stray = {ref: epoch for ref, epoch in seen.items() if me.suspects.get(ref) == epoch and ref not in known}
        if stray:
            await self._hot.value(_FREE_STRAYS, me.id, list(stray), list(stray.values()))
        me.suspects = {ref: epoch for ref, epoch in seen.items() if ref not in stray}
        me.doubt -= 1

    def _session(self, session: str) -> Session:
        me = self._sessions.get(session)
        if me is None or not me.alive:
            raise Conflict("session.lost", "This worker's session is over; it must enlist again.", session=session)
        return me

    # -- the write side -----------------------------------------------------------------------------------------

    async def commit(self, session: str, commits: Sequence[Commit]) -> list[Receipt]:
        if not commits:
            return []
        writer = self._writers.get(session, self._outside)
        return await writer.commit(commits)

    # -- leases -------------------------------------------------------------------------------------------------

    async def lease(self, session: str, addresses: Sequence[str]) -> list[Lease | None]:
        me = self._session(session)
        for address in addresses:
            if (going := me.releasing.get(address)) is not None:
                await asyncio.wait([going])
        return await self._leases[me.token].many(addresses)

    def _taking(self, me: Session) -> Callable[[list[str]], Any]:
        async def take(addresses: list[str]) -> list[Lease | None]:
            sql = "SELECT * FROM take_leases($1, $2, $3)"
            try:
                rows = await self._hot.rows(sql, me.id, addresses, int(time.time() * 1000))
            except HoldfastError:
                me.doubt = 2
                raise
            found = {row[0]: Lease(*row) for row in rows}
            me.took(list(found.values()))
            return [found.get(address) for address in addresses]

        return take

    async def release(self, session: str, leases: Sequence[Lease], needs: str = "") -> None:
        if session in self._sessions:
            await self._writers[session].release(leases, needs)

    async def claim(self, session: str, limit: int, now: int) -> Claimed:
        me = self._session(session)
        try:
            row = await self._hot.row("SELECT * FROM claim_work($1, $2, $3)", me.id, limit, now)
        except HoldfastError:
            me.doubt = 2
            raise
        columns = [row[name] or () for name in ("address", "ref", "epoch", "seq", "head")]
        leases = [Lease(*values) for values in zip(*columns, strict=True)]
        me.took(leases)
        return Claimed(leases, list(row["held"]), row["next_due"])

    async def load(self, lease: Lease, limit: int) -> Loaded:
        return await self._reads.load.one((lease, limit))

    async def read_state(self, lease: Lease, key: str) -> StateRead | None:
        return await self._reads.state.one((lease.ref, key))

    async def message(self, id: int) -> Stored | None:
        return await self._reads.message.one(id)

    async def entries(self, address: str, after: int, limit: int, turn: int = 0) -> list[EntryRow]:
        found = await self._reads.entries.one((address, after, limit, turn))
        if found is None:
            raise NotFound(
                "agent.unknown", f"No agent has the address {address}. `holdfast ps` lists them.", address=address
            )
        return found


def _json(serves: dict[str, tuple[str, ...]]) -> str:
    return msgspec.json.encode(serves).decode()
