"""A Hypothesis state machine: random sessions, leases, commits, claims and cuts, on a real store and on a plain one."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from holdfast.adapters.postgres import PostgresStore
from holdfast.adapters.sqlite import SqliteStore
from holdfast.domain.limits import Limits
from holdfast.domain.message import Kind, Message, Status
from holdfast.ports.store import (
    Commit,
    EntryRow,
    Lease,
    Mark,
    Receipt,
    Send,
    StateRow,
    Store,
    Subscribe,
    Wait,
    Worker,
)
from tests.model.plain_store import PlainAgent, PlainStore

T = TypeVar("T")

PHASES = [Phase.explicit, Phase.generate]
EXAMPLES = int(os.environ.get("HOLDFAST_MODEL_EXAMPLES", "40"))

NOW = 1_800_000_000_000
AGENTS = [f"{tenant}/{name}/{key}" for tenant in ("default", "acme") for name in ("counter", "desk") for key in "ab"]
addresses = st.sampled_from(AGENTS)
receivers = st.one_of(addresses, st.sampled_from(["topic:t.a", "topic:t.b", "group:g"]))
serves = st.sampled_from([{"counter": ("v1",)}, {"counter": ("v2", "v1"), "desk": ("v1",)}, {"desk": ("v2",)}, {}])
moments = st.sampled_from([0, 0, 0, NOW + 10, NOW + 20, NOW + 30])
keys = st.sampled_from(["", "", "k1", "k2\0"])
standings = st.sampled_from([s for s in Status if s != Status.BUFFERED])
KEPT = [Status.QUEUED, Status.BUFFERED, Status.DONE]


@st.composite
def sends(draw: st.DrawFn) -> Send:
    """A message on its way in."""
    to = draw(receivers)
    kind = draw(st.sampled_from([Kind.REQUEST, Kind.REQUEST, Kind.EVENT, Kind.REPLY]))
    topic = not to.startswith(("default", "acme"))
    message = Message(
        to,
        Kind.REQUEST if topic else kind,
        draw(st.sampled_from(["add", "n\0"])),
        b"",
        key="" if topic else draw(keys),
        sender=draw(addresses),
        turn=1 if kind == Kind.REPLY else 0,
        due=draw(moments),
        priority=draw(st.integers(-2, 2)),
    )
    return Send(message, draw(st.binary(max_size=4)))


class StoreMachine(RuleBasedStateMachine):
    """``make`` is given by the test; each run has a store of its own."""

    store_of: ClassVar[Any]
    depth: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.store: Store = type(self).store_of()
        self.model = PlainStore(self.depth)
        self.leases: list[tuple[str, Lease]] = []
        self.last: tuple[str, list[Commit]] | None = None
        self.gone: set[int] = set()
        self.written = 0
        self.now = NOW
        self.run(self.store.open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the machine's own loop."""
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.loop.close()

    # -- sessions and leases ------------------------------------------------------------------------------------

    @initialize(what=serves)
    def begin(self, what: dict[str, tuple[str, ...]]) -> None:
        self.enlist(what)

    @precondition(lambda self: len(self.model.sessions) < 3)
    @rule(what=serves)
    def enlist(self, what: dict[str, tuple[str, ...]]) -> None:
        token = self.run(self.store.enlist(Worker("w", what, lease_seconds=600), lambda signal: None))
        self.model.sessions[token] = what

    @precondition(lambda self: len(self.model.sessions) > 1)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        session = data.draw(st.sampled_from(list(self.model.sessions)))
        self.run(self.store.leave(session))
        self.model.leave(session)

    @precondition(lambda self: bool(self.model.sessions))
    @rule(data=st.data(), wanted=st.lists(addresses, min_size=1, max_size=4, unique=True))
    def lease(self, data: st.DataObject, wanted: list[str]) -> None:
        session = data.draw(st.sampled_from(list(self.model.sessions)))
        got = self.run(self.store.lease(session, wanted))
        for address, lease in zip(wanted, got, strict=True):
            agent = self.model.agents.setdefault(address, PlainAgent())
            expected = agent.owner == session or (not agent.owner and self.model.may_take(session, address, active=False))
            assert (lease is not None) == expected, address
            if lease is not None:
                self.took(session, lease)

    def took(self, session: str, lease: Lease) -> None:
        """A lease was handed out: it must continue the agent's journal under a newer epoch."""
        agent = self.model.agents[lease.address]
        if agent.owner != session:
            assert lease.epoch > agent.epoch
        agent.owner, agent.epoch = session, lease.epoch
        assert (lease.seq, lease.mode) == (agent.seq, agent.mode)
        if lease.seq in agent.journal:
            assert lease.head == agent.journal[lease.seq][2]
        self.leases.append((session, lease))

    @precondition(lambda self: bool(self.leases))
    @rule(data=st.data(), needs=st.sampled_from(["", "", "", "v1", "v2"]))
    def release(self, data: st.DataObject, needs: str) -> None:
        session, lease = data.draw(st.sampled_from(self.leases))
        agent = self.model.agents[lease.address]
        self.run(self.store.release(session, [lease], needs))
        if agent.owner == session and agent.epoch == lease.epoch:
            self.model.free(lease.address)
            agent.needs = needs

    # -- commits ------------------------------------------------------------------------------------------------

    def draw_commit(self, data: st.DataObject, lease: Lease | None, seqs: dict[str, int]) -> Commit:
        """A random commit, under a lease or without."""
        known = sorted(set(self.model.messages) - self.gone)  # nobody marks what was consumed
        some = st.lists(st.sampled_from(known), max_size=2, unique=True) if known else st.just([])
        commit = Commit(lease=lease, sends=data.draw(st.lists(sends(), max_size=2)))
        mine = [id for id in data.draw(some) if lease is None or self.model.messages[id].address == lease.address]
        for id in mine:
            status = data.draw(standings if self.model.messages[id].kind == Kind.REQUEST else st.sampled_from(KEPT))
            commit.marks.append(Mark(id, status, 1, "v1", NOW - 5 if status >= Status.DONE else 0, due=data.draw(moments)))
        if data.draw(st.integers(0, 9)) == 0:
            own = [id for id in data.draw(some) if lease is None or self.model.messages[id].address == lease.address]
            commit.consumed = [id for id in own if id not in mine]
            self.gone.update(commit.consumed)
        if data.draw(st.integers(0, 9)) == 0:
            address = lease.address if lease is not None else data.draw(addresses)
            commit.sends = [s for s in commit.sends if s.message.to != address]
            commit.mode = (address, data.draw(st.sampled_from(["active", "active", "paused", "retired"])), "why\0")
        if lease is not None:
            self.draw_leased(data, commit, seqs)
        return commit

    def draw_leased(self, data: st.DataObject, commit: Commit, seqs: dict[str, int]) -> None:
        """What only a lease may write."""
        assert commit.lease is not None
        address = commit.lease.address
        first = seqs.get(address, self.model.agents[address].seq) + data.draw(st.sampled_from([1, 1, 1, 1, 1, 1, 2, 0]))
        for seq in range(max(first, 1), max(first, 1) + data.draw(st.integers(1, 3))):
            self.written += 1
            body = f"{address}:{seq}:{self.written}".encode()  # no two commits have an entry in common
            turn = data.draw(st.integers(1, seq))
            commit.entries.append(EntryRow(seq, turn, body, hashlib.sha256(body).digest()))
        seqs[address] = commit.entries[-1].seq
        place = st.tuples(st.integers(1, 2), st.sampled_from(["1", "2"]))
        commit.waits = [
            Wait(turn, path, "wait", "w", data.draw(moments)) for turn, path in data.draw(st.lists(place, max_size=2))
        ]
        commit.unwaits = data.draw(st.lists(place, max_size=1))
        for key in data.draw(st.lists(st.sampled_from(["x", "y\0"]), max_size=2)):
            value = data.draw(st.none() | st.binary(max_size=3))
            commit.state.append(
                StateRow(key, value, data.draw(st.integers(1, 3)), data.draw(st.sampled_from([(), ("user",)])))
            )
        pattern = st.sampled_from(["topic:t.*", "topic:t.a", "topic:>", "group:g"])
        for p in data.draw(st.lists(pattern, max_size=1)):
            on, handler = data.draw(st.booleans()), data.draw(st.sampled_from(["", "h1", "h2"]))
            commit.subscribes.append(Subscribe(p, handler or ("h1" if on and p != "group:g" else ""), on))
        commit.wipe = data.draw(st.integers(0, 14)) == 0

    @precondition(lambda self: bool(self.model.sessions))
    @rule(data=st.data(), count=st.integers(1, 4))
    def commit(self, data: st.DataObject, count: int) -> None:
        session = data.draw(st.sampled_from(list(self.model.sessions)))
        own = [lease for holder, lease in self.leases if holder == session]
        seqs: dict[str, int] = {}
        commits: list[Commit] = []
        for _ in range(count):
            lease = data.draw(st.sampled_from(own[-6:])) if own and data.draw(st.integers(0, 3)) else None
            commits.append(self.draw_commit(data, lease, seqs))
        self.last = (session, commits)
        self.compare(session, commits)

    @precondition(lambda self: self.last is not None and self.last[0] in self.model.sessions)
    @rule()
    def repeat_what_was_applied_under_a_lease(self) -> None:
        assert self.last is not None
        session, commits = self.last
        self.compare(session, [c for c in commits if c.lease is not None])

    def compare(self, session: str, commits: list[Commit]) -> None:
        """The store's receipts are what the plain store says, commit by commit."""
        receipts = self.run(self.store.commit(session, commits))
        assert len(receipts) == len(commits)
        for commit, receipt in zip(commits, receipts, strict=True):
            allowed = self.model.verdicts(session, commit)
            code = receipt.error.code if receipt.error is not None else ""
            fine = code in allowed or (not code and (not allowed or "repeated" in allowed))
            assert fine, (allowed, receipt, commit, commit.lease and self.model.agents[commit.lease.address])
            if not allowed:
                self.accepted(session, commit, receipt)
            elif not code:  # acknowledged again; a receiver that came free since may be granted with it
                for lease in [a.lease for a in receipt.arrivals if a.lease is not None]:
                    assert not self.model.agents[lease.address].owner
                    self.took(session, lease)

    def accepted(self, session: str, commit: Commit, receipt: Receipt) -> None:
        """Learn the ids; check arrivals and grants."""
        assert len(receipt.ids) == len(commit.sends)
        ids: dict[tuple[int, str, str], int] = {}
        arrivals = iter(receipt.arrivals)
        free = {a for a in AGENTS if not self.model.agents.get(a, PlainAgent()).owner}
        leases: dict[str, Lease] = {}
        for nth, send in enumerate(commit.sends):
            expected = dict.fromkeys(self.model.receivers(commit, send))
            for _ in range(len(expected)):
                arrival = next(arrivals)
                m = arrival.send.message
                assert (arrival.address, m.name) in expected and m.to == arrival.address
                ids[nth, arrival.address, m.name] = arrival.id
                if not send.message.to.startswith(("topic:", "group:")):
                    assert receipt.ids[nth] == arrival.id
                if arrival.lease is not None:
                    assert arrival.mine and not m.due
                    leases[arrival.address] = arrival.lease
        assert next(arrivals, None) is None
        assert len(set(ids.values())) == len(ids)
        assert not self.model.messages or not ids or min(ids.values()) > max(self.model.messages)
        granted = self.model.apply(session, commit, ids)
        assert granted == set(leases) and granted <= free
        for lease in leases.values():
            self.model.free(lease.address)
            self.took(session, lease)
        for arrival in receipt.arrivals:
            owned = self.model.agents[arrival.address].owner == session
            assert arrival.mine == (owned and not arrival.send.message.due)

    # -- work ---------------------------------------------------------------------------------------------------

    @precondition(lambda self: bool(self.model.sessions))
    @rule(data=st.data(), step=st.sampled_from([0, 5, 10]))
    def claim(self, data: st.DataObject, step: int) -> None:
        session = data.draw(st.sampled_from(list(self.model.sessions)))
        self.now += step
        model, now = self.model, self.now
        ready = {a for a, x in model.agents.items() if not x.owner and model.may_take(session, a) and model.has_work(a, now)}
        held = {a for a, x in model.agents.items() if x.owner == session and x.mode == "active"}
        claimed = self.run(self.store.claim(session, 100, now))
        assert {lease.address for lease in claimed.leases} == ready
        due = {a for a in held if any(d <= now for d in model.timers(a))}
        assert due <= set(claimed.held) <= {a for a in held if model.has_work(a, now)}
        for lease in claimed.leases:
            self.took(session, lease)
        theirs = [a for a, x in model.agents.items() if x.owner == session or (not x.owner and model.may_take(session, a))]
        later = [d for a in theirs for d in model.timers(a) if d > now]
        if later:
            assert now < claimed.next_due <= min(later)

    @rule(before=st.sampled_from([NOW - 10, NOW]))
    def compact(self, before: int) -> None:
        self.run(self.store.compact(before, 1000))
        self.model.compact(before)

    # -- everything is as it should be --------------------------------------------------------------------------

    @invariant()
    def same_messages(self) -> None:
        rows = self.run(self.store.messages(statuses=list(Status), limit=10_000))
        have = {r.id: (r.address, r.name, r.kind, r.status, r.turn, r.due) for r in rows}
        want = {id: (m.address, m.name, m.kind, m.status, m.turn, m.due) for id, m in self.model.messages.items()}
        assert have == want

    @invariant()
    def same_agents(self) -> None:
        rows = {r.address: r for r in self.run(self.store.agents(limit=1000))}
        for address, agent in self.model.agents.items():
            row = rows.get(address)
            if row is None:
                assert not agent.journal and agent.mode == "active"
                continue
            queued = [m for m in self.model.messages.values() if m.address == address and (m.status, m.kind) == (0, 0)]
            assert (row.mode, row.seq, row.queued, row.owner) == (agent.mode, agent.seq, len(queued), agent.owner)
            assert {(w.turn, w.path): w.due for w in row.waits} == agent.waits
            if agent.journal:
                entries = self.run(self.store.entries(address, 0, 1000))
                assert {e.seq: (e.turn, e.body, e.hash) for e in entries} == agent.journal
            live = {k: v for k, v in agent.state.items() if v.value is not None}
            assert self.run(self.store.state(address)) == live

    @invariant()
    def same_subscriptions(self) -> None:
        have = self.run(self.store.subscriptions())
        assert set(have) == {(a, p, h) for a, x in self.model.agents.items() for p, h in x.subscriptions}


def play(store_of: Any, depth: int) -> None:
    """Run the machine over a kind of store."""
    machine = type("Machine", (StoreMachine,), {"store_of": staticmethod(store_of), "depth": depth})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            derandomize="HOLDFAST_MODEL_EXAMPLES" not in os.environ,
            phases=PHASES,
            suppress_health_check=cast("list[HealthCheck]", list(HealthCheck)),
        ),
    )


def test_memory_behaves_like_the_plain_store() -> None:
    # it counts what its callers tell it (``Mark.dequeue``), and the machine marks at random: the bound stays out of reach
    play(lambda: SqliteStore("memory://", Limits(mailbox_depth=10_000)), 10_000)


_SCHEMAS = itertools.count(1)


@pytest.fixture
def schema_url(postgres_url: str) -> str:
    """The server's url, ready for a schema name."""
    return postgres_url + ("&" if "?" in postgres_url else "?") + "schema=model_"


def test_postgres_behaves_like_the_plain_store(schema_url: str) -> None:
    play(lambda: PostgresStore(f"{schema_url}{next(_SCHEMAS)}", Limits(mailbox_depth=3)), 3)
