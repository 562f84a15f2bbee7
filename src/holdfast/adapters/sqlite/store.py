"""``SqliteStore``: the store port over one SQLite file or, volatile, over memory.

Everything that a turn waits for runs inline on the event loop's thread: a hand-over to a writer thread costs more than
the fdatasync it hides, and a busy loop starves such a thread of the interpreter lock (ADR 0001). Listings for people and
checkpoints run in threads on connections of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from ...domain.errors import HoldfastError
from ...domain.limits import Limits
from ...ports.clock import Clock
from ...ports.notes import Note, check_notes
from ...ports.store import (
    Claimed,
    Commit,
    Lease,
    Loaded,
    Notify,
    Receipt,
    Signal,
    StateRead,
    Worker,
)
from ..system import SystemClock
from . import files, reads
from .batch import Batch
from .feed import FeedReads
from .ledger import Ledger
from .resources import Resources
from .schema import migrate
from .segments import Segments
from .sessions import Session, Sessions

_ID_CACHE = 50_000


class SqliteStore(FeedReads, Ledger, Resources, Segments):
    """See the port. Urls: ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``memory://``; the query
    ``?durability=relaxed`` commits without waiting for the disk (a power cut may lose the last moments, never tear a
    commit apart)."""

    def __init__(self, url: str, limits: Limits | None = None, clock: Clock | None = None) -> None:
        self.url = url
        self.clock = clock or SystemClock()
        self.limits = limits or Limits()
        self.place = files.parse(url)
        self.sessions = Sessions(self.clock.now_ms() * 1_000)
        self.depth: dict[int, int] = {}
        self.resent: set[int] = set()
        self.unwritten: list[tuple[Any, ...]] = []
        """Rows of agents that were leased before anything of theirs was written; they ride in the next commit."""
        self.modes_changed: list[tuple[int, str, str]] = []
        self._ids: dict[str, int] = {}
        self._agent: int = 0
        self._message: int = 0

    # -- life ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        self.lock = files.Lock(self.place)
        try:
            self.db = files.connect(self.place)
            migrate(self.db, self.url)
            self.open_words()
        except apsw.Error as error:
            self.lock.release()
            raise files.translate(error, self.place) from error
        except HoldfastError:
            self.lock.release()
            raise
        self.checkpoints = files.Checkpoints(self.db, self.place)
        self.depth.clear()
        self.unwritten.clear()
        self._ids.clear()
        self._agent = self._number("SELECT coalesce(max(id), 0) FROM agent")
        self._message = self._number("SELECT coalesce(max(id), 0) FROM message")
        row = self.one("SELECT value FROM meta WHERE key = 'last_message'")
        self._message = max(self._message, row[0] if row else 0)
        for ref, n in self.db.execute("SELECT agent, count(*) FROM message WHERE status=0 AND kind=0 GROUP BY agent"):
            self.depth[ref] = n
        self.read_budgets()
        self.retired = {ref for (ref,) in self.db.execute("SELECT id FROM agent WHERE mode = 'retired'")}
        if self.one("SELECT 1 FROM meta WHERE key = 'open'"):  # whoever had this file before did not close it
            for sql, args in reads.ready(self.clock.now_ms(), everything=True):
                self.sessions.upset.update({ref: None for ref, _, _ in self.db.execute(sql, args)})
        self.db.execute("INSERT INTO meta(key, value) VALUES('open', 1) ON CONFLICT DO NOTHING")

    async def close(self) -> None:
        if getattr(self, "db", None) is None:
            return
        await self.checkpoints.close()
        self.close_words()
        with_ids = "INSERT INTO meta(key, value) VALUES('last_message', ?) ON CONFLICT DO UPDATE SET value=excluded.value"
        self.db.execute(with_ids, (self._message,))
        self.db.execute("DELETE FROM meta WHERE key = 'open'")
        self.db.close()
        self.lock.release()

    async def enlist(self, worker: Worker, notify: Notify) -> str:
        id = f"{worker.name}-{os.urandom(6).hex()}"
        self.sessions.loose = True
        self.sessions.enlist(Session(id, worker, notify, self.clock.monotonic()))
        return id

    async def serve(self, session: str, serves: dict[str, tuple[str, ...]]) -> None:
        s = self.sessions.of(session)
        s.worker = Worker(s.worker.name, serves, s.worker.host, s.worker.pid, s.worker.lease_seconds)
        self.sessions.loose = True
        s.notify(Signal("work"))

    async def beat(self, session: str) -> bool:
        now = self.clock.monotonic()
        me = self.sessions.alive.get(session)
        if me is None:
            return False
        me.beaten = now
        self.sessions.end_silent(now, session)
        return True

    async def leave(self, session: str, *, died: bool = False) -> None:
        self.sessions.end(session, died=died)

    async def workers(self) -> list[tuple[str, Worker]]:
        found = [(s.id, s.worker) for s in self.sessions.alive.values() if s.worker.serves]
        return sorted(found, key=lambda pair: pair[1].name)

    async def drain(self, name: str) -> int:
        found = [s for s in self.sessions.alive.values() if name in (s.worker.name, s.id)]
        for session in found:
            session.notify(Signal("drain"))
        return len(found)

    async def tell(self, session: str, notes: Sequence[Note]) -> None:
        check_notes(notes)
        self.sessions.of(session)
        for note in notes:
            signal = Signal("told", sender=session, body=note.body)
            for id in note.to or list(self.sessions.alive):
                other = self.sessions.alive.get(id)
                if other is not None and id != session:
                    other.notify(signal)

    # -- the write side -----------------------------------------------------------------------------------------

    async def commit(self, session: str, commits: Sequence[Commit]) -> list[Receipt]:
        return self.commit_now(session, commits)

    def commit_now(self, session: str, commits: Sequence[Commit]) -> list[Receipt]:
        """``commit`` without a loop: one transaction, one fdatasync."""
        me = self.sessions.alive.get(session)
        batch = Batch(self, me)
        db = self.db
        try:
            db.execute("BEGIN IMMEDIATE")
            receipts = batch.gather(commits)
            batch.write()
            db.execute("COMMIT")
        except apsw.Error as error:
            self._undo(batch)
            raise files.translate(error, self.place) from error
        except BaseException:  # a value that no column can hold; the next commit must find no transaction open
            self._undo(batch)
            raise
        self._after(batch, me, receipts)
        return receipts

    def _undo(self, batch: Batch) -> None:
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        batch.undo()

    def _after(self, batch: Batch, me: Session | None, receipts: list[Receipt]) -> None:
        for ref, by in batch.depth.items():
            depth = self.depth.get(ref, 0) + by
            if depth > 0:
                self.depth[ref] = depth
            else:
                self.depth.pop(ref, None)
        for receipt in receipts:
            for a in receipt.arrivals:
                if not a.mine:
                    self._tell_owner(a.address)
        if batch.charging is not None:
            batch.charging.settle()
        if batch.ended and len(self.sessions.alive) > 1:
            self._tell_origins(batch.ended, me)
        for ref, address, mode in batch.modes:
            (self.retired.add if mode == "retired" else self.retired.discard)(ref)
            held = self.sessions.owner.get(ref)
            if held is not None:
                held.session.notify(Signal("mode", (address,)))
            elif mode == "active":
                self.sessions.tell_work()
        if len(self._ids) > _ID_CACHE:
            self.forget_ids(self.unwritten)
        self.checkpoints.maybe()

    def _tell_owner(self, address: str) -> None:
        held = self.sessions.owner.get(self._ids.get(address, 0))
        if held is not None:
            held.session.notify(Signal("arrived", (address,)))
        else:
            self.sessions.tell_work()

    def _tell_origins(self, ended: list[int], me: Session | None) -> None:
        marks = ",".join("?" * len(ended))
        for id, origin in self.db.execute(f"SELECT id, origin FROM message WHERE id IN ({marks}) AND origin <> ''", ended):
            other = self.sessions.alive.get(origin)
            if other is not None and other is not me:
                other.notify(Signal("ended", ids=(id,)))

    # -- leases -------------------------------------------------------------------------------------------------

    async def lease(self, session: str, addresses: Sequence[str]) -> list[Lease | None]:
        me = self.sessions.of(session)
        fresh: set[int] = set()
        refs = [self.ref_of(a, self.unwritten, fresh) for a in addresses]
        return [self._lease(me, ref, a, ref in fresh) for ref, a in zip(refs, addresses, strict=True)]

    def _lease(self, me: Session, ref: int, address: str, fresh: bool) -> Lease | None:
        held = self.sessions.owner.get(ref)
        if held is not None and held.session is not me:
            return None
        if held is None and not me.serves(address.split("/", 2)[1], self.sessions.needs.get(ref, "")):
            return None
        if fresh:
            return Lease(address, ref, self.sessions.grant(me, ref, 0), 0, b"", True)
        mode = self.one("SELECT mode FROM agent WHERE id=?", (ref,))
        seq, head = reads.head(self.db, ref)
        epoch = held.epoch if held is not None else self.sessions.grant(me, ref, seq)
        return Lease(address, ref, epoch, seq, head, False, mode[0] if mode else "active")

    def offer(self, me: Session | None, ref: int, address: str, fresh: set[int]) -> tuple[bool, Lease | None]:
        """Whose is a message's receiver: the committing session's, or free and now granted to it, or not its own."""
        held = self.sessions.owner.get(ref)
        if held is not None:
            return held.session is me, None
        if me is None:
            return False, None
        lease = self._lease(me, ref, address, ref in fresh)
        if lease is not None and lease.mode != "active":
            self.sessions.drop(ref)
            return False, None
        return lease is not None, lease

    async def release(self, session: str, leases: Sequence[Lease], needs: str = "") -> None:
        for lease in leases:
            self.sessions.release(session, lease, needs)
        if needs:
            self.sessions.tell_work(but=session)

    async def claim(self, session: str, limit: int, now: int) -> Claimed:
        me = self.sessions.of(session)
        leases: list[Lease] = []
        held: list[str] = []
        seen: set[int] = set()
        looked = self.sessions.loose
        for sql, args in reads.ready(now, everything=looked):
            for ref, address, mode in self.db.execute(sql, args):
                if ref in seen or mode != "active":
                    continue
                seen.add(ref)
                owner = self.sessions.owner.get(ref)
                if owner is None:
                    lease = self._lease(me, ref, address, False)
                    if lease is not None:
                        leases.append(lease)
                        if len(leases) >= limit:
                            return Claimed(leases, held, now)
                elif owner.session is me:
                    held.append(address)
        if looked and len(self.sessions.alive) == 1:
            self.sessions.loose = False
        return Claimed(leases, held, reads.next_due(self.db, now))

    async def load(self, lease: Lease, limit: int) -> Loaded:
        loaded = reads.load(self.db, lease, limit)
        loaded.upset = lease.ref in self.sessions.upset
        return loaded

    async def read_state(self, lease: Lease, key: str) -> StateRead | None:
        return reads.state_one(self.db, lease.ref, key)

    # -- what the parts share -----------------------------------------------------------------------------------

    def one(self, sql: str, args: Iterable[Any] = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        for row in self.db.execute(sql, tuple(args)):
            return row
        return None

    def _number(self, sql: str) -> int:
        row = self.one(sql)
        return int(row[0]) if row else 0

    def next_message(self) -> int:
        """A new message id."""
        self._message += 1
        return self._message

    def ref_of(self, address: str, new: list[tuple[Any, ...]], fresh: set[int]) -> int:
        """The agent's number; a row for a new one is appended to ``new`` and its number to ``fresh``."""
        ref = self._ids.get(address)
        if ref is not None:
            return ref
        row = self.one("SELECT id FROM agent WHERE address=?", (address,))
        if row is not None:
            ref = row[0]
        else:
            self._agent += 1
            ref = self._agent
            new.append((ref, address, self.clock.now_ms()))
            fresh.add(ref)
        self._ids[address] = ref
        return ref

    def forget_id(self, address: str) -> None:
        """An agent that was about to come into being does not."""
        self._ids.pop(address, None)

    def forget_ids(self, but: Sequence[tuple[Any, ...]]) -> None:
        """Look every address up again, except those that have no row yet."""
        self._ids = {address: ref for ref, address, _ in but}

    @property
    def last_message(self) -> int:
        """The newest message id."""
        return self._message
