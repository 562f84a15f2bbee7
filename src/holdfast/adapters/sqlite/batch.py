"""One transaction for many commits: each is checked by itself, then all rows go in table by table.

A commit that is refused (stale lease, duplicate key, full mailbox) leaves no row in the batch, so its neighbours never
notice. Only topics, groups, modes and retirements touch the database while the batch is being gathered: they are rare,
and later commits of the same batch must see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ...domain.address import GROUP, TOPIC, tenant_of
from ...domain.errors import HoldfastError
from ...domain.message import Kind, Status
from ...domain.topics import patterns_for
from ...ports.store import Arrival, Commit, Lease, Receipt, Send
from . import refusals
from .charging import Charging
from .sessions import Held, Session

if TYPE_CHECKING:
    from .store import SqliteStore

Row = tuple[Any, ...]
Receivers = list[tuple[int, str, str]]
"""(ref, address, handler); the handler is empty unless a topic's subscription names it."""

OK = Receipt()
"""Shared by every commit that sent nothing; receipts are read-only by convention."""

_MESSAGE = (
    "INSERT INTO message(id, agent, status, kind, turn, priority, due, ended, key, name, version, origin, body) "
    "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_STATE = (
    "INSERT INTO state(agent, key, value, labels, turn, prior, prior_labels) VALUES(?,?,?,?,?,NULL,'') "
    "ON CONFLICT(agent, key) DO UPDATE SET "
    "prior = CASE WHEN turn = excluded.turn THEN prior ELSE value END, "
    "prior_labels = CASE WHEN turn = excluded.turn THEN prior_labels ELSE labels END, "
    "value = excluded.value, labels = excluded.labels, turn = excluded.turn"
)
_INSERTS: tuple[tuple[str, str], ...] = (
    ("agents", "INSERT INTO agent(id, address, created) VALUES(?,?,?)"),
    ("journal", "INSERT INTO journal(agent, seq, turn, body, hash, sent) VALUES(?,?,?,?,?,?)"),
    ("messages", _MESSAGE),
    ("marks", "UPDATE message SET status=?, turn=?, version=?, ended=?, due=? WHERE id=?"),
    ("bodies", "UPDATE message SET body=? WHERE id=?"),
    ("consumed", "DELETE FROM message WHERE id=? AND key IS NULL"),
    ("remembered", "UPDATE message SET status=4, ended=?, body=x'' WHERE id=? AND key IS NOT NULL"),
    ("state", _STATE),
)
_WAIT = "INSERT OR REPLACE INTO wait(agent, turn, path, verb, name, due, since, detail) VALUES(?,?,?,?,?,?,?,?)"
_UNWAIT = "DELETE FROM wait WHERE agent=? AND turn=? AND path=?"


class Batch:
    """Rows gathered from the commits of one call."""

    def __init__(self, store: SqliteStore, session: Session | None) -> None:
        self.store = store
        self.session = session
        self.now = store.clock.now_ms()
        self.rows: dict[str, list[Row]] = {name: [] for name, _ in _INSERTS}
        self.leased, store.unwritten = store.unwritten, []
        self.rows["agents"].extend(self.leased)
        self.waits: dict[tuple[int, int, str], Row] = {}
        self.unwaits: dict[tuple[int, int, str], None] = {}
        self.keys: dict[tuple[int, str], int] = {}
        self.depth: dict[int, int] = {}
        self.ends: list[tuple[Held, int]] = []
        self.modes: list[tuple[int, str, str]] = []
        self.retired: dict[int, bool] = {}
        self.ended: list[int] = []
        self.fresh: set[int] = set()
        self.charging: Charging | None = None

    def gather(self, commits: Sequence[Commit]) -> list[Receipt]:
        """Check every commit and collect the rows of those that pass."""
        receipts: list[Receipt] = []
        for commit in commits:
            try:
                receipts.append(self._one(commit))
            except HoldfastError as refused:
                receipts.append(Receipt(error=refused))
        return receipts

    def write(self) -> None:
        """Put all rows in."""
        db, rows = self.store.db, self.rows
        for name, sql in _INSERTS:
            if rows[name]:
                db.executemany(sql, rows[name])
        if self.waits:
            db.executemany(_WAIT, self.waits.values())
        if self.unwaits:
            db.executemany(_UNWAIT, self.unwaits)
        if self.charging is not None:
            self.charging.write(db, self.now)

    def undo(self) -> None:
        """The transaction did not happen: neither did what memory says of it."""
        store = self.store
        for held, seq in reversed(self.ends):
            held.seq = seq
        for ref in self.fresh:
            store.sessions.drop(ref)
        store.forget_ids(self.leased)
        store.unwritten = self.leased + store.unwritten

    # -- one commit ---------------------------------------------------------------------------------------------

    def _one(self, commit: Commit) -> Receipt:
        lease = commit.lease
        held: Held | None = None
        if lease is not None:
            held = self.store.sessions.holding(self.session.id, lease) if self.session is not None else None
            if held is None:
                raise refusals.lost(lease)
            if commit.entries and commit.entries[0].seq != held.seq + 1:
                return self._repeated(commit, lease)
        receivers = self._addressed(commit, lease) if commit.sends else []
        # from here on nothing can be refused
        rows = self.rows
        receipt, ids = self._insert(commit.sends, receivers) if commit.sends else (OK, None)
        if lease is not None and held is not None:
            self._own(commit, lease, held, ids)
        if commit.marks:
            self._marks(commit)
        if commit.consumed:
            rows["consumed"].extend((id,) for id in commit.consumed)
            rows["remembered"].extend((self.now, id) for id in commit.consumed)
        if commit.usage or commit.charges:
            self.charging = self.charging or Charging(self.store.numbers, self.session)
            self.charging.add(commit)
        if lease is not None and (commit.subscribes or commit.wipe):
            self._subscribe(lease, commit)
        if commit.mode is not None:
            self._mode(*commit.mode)
        return receipt

    def _own(self, commit: Commit, lease: Lease, held: Held, ids: list[list[int]] | None) -> None:
        rows, ref = self.rows, lease.ref
        if commit.entries:
            sent = msgspec.msgpack.encode(ids) if ids else None
            journal = rows["journal"]
            for e in commit.entries:
                journal.append((ref, e.seq, e.turn, e.body, e.hash, sent))
                sent = None
            self.ends.append((held, held.seq))
            held.seq = commit.entries[-1].seq
        for w in commit.waits:
            key = (ref, w.turn, w.path)
            self.unwaits.pop(key, None)
            self.waits[key] = (*key, w.verb, w.name, w.due, w.since, w.detail)
        for turn, path in commit.unwaits:
            self.waits.pop((ref, turn, path), None)
            self.unwaits[ref, turn, path] = None
        if commit.state:
            rows["state"].extend((ref, s.key, s.value, "\n".join(s.labels), s.turn) for s in commit.state)

    def _repeated(self, commit: Commit, lease: Lease) -> Receipt:
        """The journal has something at this place: this very commit, sent again after a lost reply, or another."""
        self._flush()
        first = commit.entries[0]
        row = self.store.one("SELECT hash, sent FROM journal WHERE agent=? AND seq=?", (lease.ref, first.seq))
        if row is None or row[0] != first.hash:
            raise refusals.lost(lease, "gap")
        receipt = Receipt(ids=[], arrivals=[])
        for send, ids in zip(commit.sends, msgspec.msgpack.decode(row[1]) if row[1] else [], strict=False):
            receipt.ids.append(0 if send.message.to.startswith((TOPIC, GROUP)) else ids[0])
            for id in ids:
                self._announce(receipt, id, send)
        return receipt

    def _announce(self, receipt: Receipt, id: int, send: Send) -> None:
        sql = "SELECT m.agent, a.address, m.name FROM message m JOIN agent a ON a.id=m.agent WHERE m.id=? AND m.status=0"
        row = self.store.one(sql, (id,))
        if row is not None:
            ref, address, name = row
            receipt.arrivals.append(self._arrival(id, ref, address, _addressed_to(send, address, name)))

    # -- messages -----------------------------------------------------------------------------------------------

    def _addressed(self, commit: Commit, lease: Lease | None) -> list[Receivers]:
        """The receivers of every message, all of them checked; new agents count only if nothing is refused."""
        new: list[Row] = []
        fresh: set[int] = set()
        try:
            receivers = [self._receivers(send, lease, new, fresh) for send in commit.sends]
            self._check(commit.sends, receivers)
        except HoldfastError:
            for _, address, _ in new:
                self.store.forget_id(address)
            raise
        self.rows["agents"].extend(new)
        self.fresh |= fresh
        return receivers

    def _receivers(self, send: Send, lease: Lease | None, new: list[Row], fresh: set[int]) -> Receivers:
        to = send.message.to
        if not to.startswith((TOPIC, GROUP)):
            return [(self.store.ref_of(to, new, fresh), to, "")]
        tenant = tenant_of(lease.address if lease else send.message.sender)
        patterns = [f"{TOPIC}{p}" for p in patterns_for(to[len(TOPIC) :])] if to.startswith(TOPIC) else [to]
        marks = ",".join("?" * len(patterns))
        self._flush()
        rows = self.store.db.execute(
            "SELECT DISTINCT s.agent, a.address, s.handler FROM subscription s JOIN agent a ON a.id = s.agent "
            f"WHERE s.tenant=? AND s.pattern IN ({marks}) AND a.mode <> 'retired' ORDER BY s.agent, s.handler",
            (tenant, *patterns),
        )
        return [(ref, address, handler) for ref, address, handler in rows]

    def _check(self, sends: list[Send], receivers: list[Receivers]) -> None:
        store = self.store
        here: dict[int, int] = {}
        keys: set[tuple[int, str]] = set()
        for send, to in zip(sends, receivers, strict=True):
            message = send.message
            kind, key = message.kind, message.key
            if kind > Kind.EVENT and not key:
                continue
            for ref, address, _ in to:
                if kind <= Kind.EVENT and self.retired.get(ref, ref in store.retired):
                    raise refusals.retired(address)
                if kind == Kind.REQUEST and send.status == Status.QUEUED:
                    here[ref] = here.get(ref, 0) + 1
                    if store.depth.get(ref, 0) + self.depth.get(ref, 0) + here[ref] > store.limits.mailbox_depth:
                        raise refusals.full(address, store.limits.mailbox_depth)
                if key:
                    first = store.one("SELECT id FROM message WHERE agent=? AND key=?", (ref, key))
                    known = first[0] if first is not None else self.keys.get((ref, key), 0)
                    if known or (ref, key) in keys:
                        raise refusals.duplicate(address, key, known)
                    keys.add((ref, key))

    def _insert(self, sends: list[Send], receivers: list[Receivers]) -> tuple[Receipt, list[list[int]]]:
        """The receipt, and all message ids per send, as the journal keeps them to answer a repeated commit."""
        store, out = self.store, self.rows["messages"]
        receipt = Receipt(ids=[], arrivals=[])
        copies: list[list[int]] = []
        for send, to in zip(sends, receivers, strict=True):
            m = send.message
            direct = not m.to.startswith((TOPIC, GROUP))
            turn = m.turn or send.turn
            key = m.key or None
            id = 0
            for ref, address, handler in to:
                id = store.next_message()
                name = handler or m.name
                if key:
                    self.keys[ref, key] = id
                place = (id, ref, send.status, m.kind, turn, m.priority, m.due, send.ended)
                out.append((*place, key, name, send.version, m.origin, send.body))
                if send.status == Status.QUEUED:
                    if m.kind == Kind.REQUEST:
                        self.depth[ref] = self.depth.get(ref, 0) + 1
                    here = send if direct else _addressed_to(send, address, name)
                    receipt.arrivals.append(self._arrival(id, ref, address, here))
            receipt.ids.append(id if direct else 0)
            copies.append([store.last_message - n for n in reversed(range(len(to)))])
        return receipt, copies

    def _arrival(self, id: int, ref: int, address: str, send: Send) -> Arrival:
        if send.message.due > 0:
            return Arrival(id, address, send, False, None)
        mine, lease = self.store.offer(self.session, ref, address, self.fresh)
        return Arrival(id, address, send, mine, lease)

    # -- the rest -----------------------------------------------------------------------------------------------

    def _marks(self, commit: Commit) -> None:
        for m in commit.marks:
            self.rows["marks"].append((m.status, m.turn, m.version, m.ended, m.due, m.id))
            if m.body is not None:
                self.rows["bodies"].append((m.body, m.id))
            if m.dequeue and commit.lease is not None:
                self.depth[commit.lease.ref] = self.depth.get(commit.lease.ref, 0) - 1
            if m.status >= Status.DONE:
                self.ended.append(m.id)

    def _subscribe(self, lease: Lease, commit: Commit) -> None:
        db, tenant = self.store.db, tenant_of(lease.address)
        self._flush()
        for s in commit.subscribes:
            row = (tenant, s.pattern, lease.ref, s.handler)
            if s.on:
                db.execute("INSERT OR IGNORE INTO subscription(tenant, pattern, agent, handler) VALUES(?,?,?,?)", row)
            elif s.handler:
                db.execute("DELETE FROM subscription WHERE tenant=? AND pattern=? AND agent=? AND handler=?", row)
            else:
                db.execute("DELETE FROM subscription WHERE tenant=? AND pattern=? AND agent=?", row[:3])
        if commit.wipe:
            db.execute("DELETE FROM subscription WHERE agent=?", (lease.ref,))
            db.execute("DELETE FROM state WHERE agent=?", (lease.ref,))
            db.execute("DELETE FROM message WHERE agent=? AND status=?", (lease.ref, Status.BUFFERED))

    def _mode(self, address: str, mode: str, reason: str) -> None:
        ref = self.store.ref_of(address, self.rows["agents"], self.fresh)
        self._flush()
        self.store.db.execute("UPDATE agent SET mode=?, reason=? WHERE id=?", (mode, reason, ref))
        self.modes.append((ref, address, mode))
        self.retired[ref] = mode == "retired"

    def _flush(self) -> None:
        """What was gathered so far must be there before something refers to it by a query."""
        for name, sql in _INSERTS:
            if self.rows[name]:
                self.store.db.executemany(sql, self.rows[name])
                self.rows[name].clear()


def _addressed_to(send: Send, address: str, name: str) -> Send:
    """A copy for one of many receivers."""
    if send.message.to == address:
        return send
    return msgspec.structs.replace(send, message=msgspec.structs.replace(send.message, to=address, name=name))
