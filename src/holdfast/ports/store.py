"""The store: the one place where truth is kept.

Everything that changes goes through ``commit``; everything a worker may do, it may do because of a ``Lease``. Adapters
know nothing of handlers, retries or payloads: bodies are opaque bytes to them, and the columns beside a body are all
they may look at. One public contract suite (``holdfast.testing.contracts``) runs against every adapter. The part of the
port that is about money is in ``ledger``, the one about what people declare in ``resources``.

Guarantees every adapter gives:

* **Atomic**: a ``Commit`` happens wholly or not at all. Many commits of one call may share a transaction; one that is
  refused never takes its neighbours with it.
* **Durable**: when ``commit`` returns a receipt without an error, the commit survives the loss of the process and, as
  far as the adapter's documentation says, of the machine.
* **Ordered**: commits of one session happen in the order of the calls and of the list. Messages from one sender to one
  receiver get ascending ids in that order.
* **Fenced**: a commit under a lease happens only while that lease is the agent's newest and its session is alive;
  otherwise its receipt carries ``Conflict(lease.lost)`` and nothing of it happened; so does one whose entries do not
  continue the journal where it ends. A ``Commit`` that was already applied (same lease, same first entry sequence and
  hash; a retry after a lost reply) is acknowledged with the ids of its messages, not applied again. A commit without a
  lease is known by nothing, so it is safe to repeat only if its messages carry keys.
* **Exactly once**: a message with a key that its receiver has seen within the retention window is not inserted; the
  commit's receipt carries ``Conflict(message.duplicate)`` with ``details["id"]`` of the first one. A key is remembered
  when its message has ended or was consumed, until ``compact`` forgets it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from ..domain.errors import HoldfastError
from ..domain.message import Message
from .feed import Feed
from .ledger import Charge, Ledger, UsageRow
from .lookup import Lookup
from .notes import Notes
from .resources import Resources
from .segments import Segments


class Worker(msgspec.Struct, frozen=True):
    """What a session tells of itself. ``serves`` maps definition names to the versions loaded, newest first."""

    name: str
    serves: dict[str, tuple[str, ...]]
    host: str = ""
    pid: int = 0
    lease_seconds: float = 10.0

    @property
    def who(self) -> tuple[str, str, int]:
        """Which process this is, whatever sessions it has."""
        return self.name, self.host, self.pid


class Lease(msgspec.Struct, gc=False):
    """The right to run one agent. ``seq`` and ``head`` are the journal's last sequence number and chain hash."""

    address: str
    ref: int
    epoch: int
    seq: int
    head: bytes
    fresh: bool = False
    mode: str = "active"


class Send(msgspec.Struct, gc=False):
    """A message to insert. Its row starts in ``status``; a turn that ran before its message was durable inserts it
    as RUNNING, WAITING or ended right away, with its turn number and version."""

    message: Message
    body: bytes
    status: int = 0
    turn: int = 0
    version: str = ""
    ended: int = 0


class Mark(msgspec.Struct, gc=False):
    """A new standing of a message that is in the store already. ``ended`` is the end's time in milliseconds, or 0.
    ``body`` replaces the body if given (an edited dead letter). ``dequeue`` says that the message was QUEUED until now,
    so that a store that counts mailbox depth need not look."""

    id: int
    status: int
    turn: int = 0
    version: str = ""
    ended: int = 0
    body: bytes | None = None
    due: int = 0
    dequeue: bool = False


class Wait(msgspec.Struct, gc=False):
    """A durable wait of a turn. ``due`` 0 means no deadline. ``detail`` is for people (an ask's question)."""

    turn: int
    path: str
    verb: str
    name: str
    due: int = 0
    detail: bytes = b""
    since: int = 0
    address: str = ""


class StateRow(msgspec.Struct, gc=False):
    """One value of an agent's state. ``value`` None deletes. A store keeps, beside the value, what it was before
    ``turn`` first wrote it, so that a replay of that turn can read what it read the first time."""

    key: str
    value: bytes | None
    turn: int
    labels: tuple[str, ...] = ()


class StateRead(msgspec.Struct):
    """A value of an agent's state now, and as it was when turn ``turn`` (its last writer) began."""

    value: bytes | None
    labels: tuple[str, ...]
    turn: int
    prior: bytes | None
    prior_labels: tuple[str, ...] = ()


class Subscribe(msgspec.Struct, frozen=True):
    """An agent joins (or leaves) ``topic:<pattern>`` or ``group:<name>``. For a topic, ``handler`` receives."""

    pattern: str
    handler: str
    on: bool = True


class EntryRow(msgspec.Struct, gc=False):
    """A journal row: ``seq`` ascends by one per agent, ``hash`` chains over ``body``. ``turn`` is the turn's number, which
    is the ``seq`` of its first entry; so a turn is found, and a journal cut, without looking at anything older."""

    seq: int
    turn: int
    body: bytes
    hash: bytes


class Commit(msgspec.Struct):
    """One atomic change. With a lease: the agent's own; without: only ``sends``, ``marks``, ``consumed``, ``mode``,
    ``usage`` and ``charges`` by an operator. ``mode`` is (address, mode, reason): ``active``, ``paused`` (not claimed, not
    granted) or ``retired`` (also takes no messages but replies and answers). ``unwaits`` come after ``waits``: one that is
    in both is gone."""

    lease: Lease | None = None
    entries: list[EntryRow] = []
    sends: list[Send] = []
    marks: list[Mark] = []
    consumed: list[int] = []
    waits: list[Wait] = []
    unwaits: list[tuple[int, str]] = []
    state: list[StateRow] = []
    subscribes: list[Subscribe] = []
    mode: tuple[str, str, str] | None = None
    wipe: bool = False
    """The agent retires: its state, subscriptions and buffered events go; its journal stays."""
    usage: list[UsageRow] = []
    charges: list[Charge] = []
    """What was spent of budgets: taken off what the committing session holds of them. Without a session that lives, it is
    spent by nobody in particular."""


class Arrival(msgspec.Struct, gc=False):
    """A message that a commit put into an agent's mailbox.

    ``mine`` says that the committing session holds the receiver's lease; ``lease`` is set when this commit granted it.
    A message that is not due yet is nobody's: ``mine`` is False and nothing is granted for it. What was sent to a topic or
    group arrives as a ``send`` to the subscriber's address, for its handler.
    """

    id: int
    address: str
    send: Send
    mine: bool
    lease: Lease | None = None


class Receipt(msgspec.Struct):
    """What became of one commit. ``ids`` has one id per send (0 for a topic or group, see ``arrivals``)."""

    error: HoldfastError | None = None
    ids: list[int] = []
    arrivals: list[Arrival] = []


class Stored(msgspec.Struct):
    """A message row as read."""

    id: int
    status: int
    turn: int
    version: str
    body: bytes
    address: str = ""
    ended: int = 0
    kind: int = 0
    name: str = ""
    due: int = 0


class Loaded(msgspec.Struct):
    """What an agent needs in memory to go on: its open messages (turns and mailbox, by priority then id), the waits of its
    turns, and the journal entries of turns begun. ``more`` says that the mailbox holds more than was read. ``upset``
    says that the worker which had the agent before died and did not come back: what is open may be what killed it."""

    open: list[Stored]
    waits: list[Wait]
    entries: dict[int, list[bytes]]
    more: bool = False
    upset: bool = False


class Claimed(msgspec.Struct):
    """Work found: leases newly granted, addresses of agents held already that have something due, and when the next
    timer is due (milliseconds, 0 for never)."""

    leases: list[Lease]
    held: list[str]
    next_due: int


class Definition(msgspec.Struct):
    """A published definition: what handlers there are (name to JSON description) and since when."""

    name: str
    version: str
    handlers: dict[str, Any]
    published: int = 0
    source: str = ""
    """Key of the artifact with the code it can be loaded from, ``""`` for none."""


class AgentRow(msgspec.Struct):
    """An agent for listings. ``doing`` are its open turns and ``waits`` what they wait for."""

    address: str
    mode: str
    reason: str
    seq: int
    created: int
    queued: int
    open: list[Stored]
    waits: list[Wait]
    owner: str = ""


class Signal(msgspec.Struct):
    """News for a session. ``kind``: ``work`` (claim may find something), ``arrived`` (new messages for agents you hold),
    ``ended`` (ids of messages with your session as origin), ``mode`` (agents you hold changed mode), ``lost`` (your
    session is dead: stop everything), ``drain`` (take no more work, finish what you do, and end), ``resources`` (``ids`` is
    the revision that was applied), ``told`` (a note of the session ``sender``, see ``Notes``)."""

    kind: str
    addresses: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    sender: str = ""
    body: bytes = b""


Notify = Callable[[Signal], None]

INSTALLATION = ""
"""Whose a blob is that belongs to no tenant: code, and what people declared."""
UNCLAIMED = "?"
"""Whose a blob is that was kept before blobs were a tenant's own, in a store with several tenants (``control.sweeping``
finds out); no tenant is called so."""


class Store(Feed, Ledger, Lookup, Notes, Resources, Segments, Protocol):
    """See the module for the guarantees, ``Ledger`` for usage, budgets and costs, ``Lookup`` for searches, ``Resources``
    for those, ``Segments`` for audits, ``Feed`` for what the whole store has become, ``Notes`` for what sessions tell each
    other without keeping it. All methods raise
    ``Unavailable(store.unreachable)`` when the store does not answer; after that the outcome of a ``commit`` is unknown,
    and calling again with the same commits is safe. ``serve``, ``lease`` and ``claim`` raise ``Conflict(session.lost)`` for
    a session that is over."""

    url: str

    async def open(self) -> None:
        """Connect, check and migrate the schema. Raises ``Conflict(store.in_use)``, ``Conflict(store.newer_schema)``,
        ``Unavailable(store.unreachable)``."""
        ...

    async def close(self) -> None:
        """Let go of everything. Leases of sessions still enlisted run out by themselves."""
        ...

    async def enlist(self, worker: Worker, notify: Notify) -> str:
        """Begin a session and return its id. ``notify`` is called on the event loop for news."""
        ...

    async def serve(self, session: str, serves: dict[str, tuple[str, ...]]) -> None:
        """Replace what a session serves (a reload)."""
        ...

    async def beat(self, session: str) -> bool:
        """Prolong a session by its ``lease_seconds``; also declares dead sessions dead, freeing what they held.
        Returns False when the session itself was declared dead: it must stop at once and enlist anew."""
        ...

    async def leave(self, session: str, *, died: bool = False) -> None:
        """End a session; what it held is free for others at once. ``died``: its worker is gone without a word, so whoever
        takes an agent that it held is told (``Loaded.upset``)."""
        ...

    async def workers(self) -> list[tuple[str, Worker]]:
        """The live sessions that serve anything, each with what it told of itself, by name and age."""
        ...

    async def drain(self, name: str) -> int:
        """Signal ``drain`` to the live sessions of the workers of this name, or to the session of this name; how many."""
        ...

    async def commit(self, session: str, commits: Sequence[Commit]) -> list[Receipt]:
        """Apply commits. One receipt each. Receivers that nobody holds are granted to the committing session if it
        serves them; holders elsewhere are notified. Refuses single commits with ``lease.lost``, ``message.duplicate``,
        ``mailbox.full`` (bounds queued requests, not replies or events), ``agent.retired``."""
        ...

    async def lease(self, session: str, addresses: Sequence[str]) -> list[Lease | None]:
        """Take agents, creating them if they are new. None where another live session holds one, where the session does
        not serve the definition, or where a turn in flight needs a version (see ``release``) that it does not serve. What
        the session holds already it gets again, under the same epoch: its first reply may have been lost."""
        ...

    async def release(self, session: str, leases: Sequence[Lease], needs: str = "") -> None:
        """Give agents back. With ``needs``, only a session that serves that version of the definition gets them next."""
        ...

    async def claim(self, session: str, limit: int, now: int) -> Claimed:
        """Find agents with work (queued messages that are due, turns that were running on a dead session, due waits)
        that are active and free, and lease up to ``limit`` of them; also tell which held ones have something due."""
        ...

    async def load(self, lease: Lease, limit: int) -> Loaded:
        """Read what a leased agent needs. ``limit`` bounds the queued requests, not the rest."""
        ...

    async def read_state(self, lease: Lease, key: str) -> StateRead | None:
        """One value of the agent's state, None if it was never set."""
        ...

    async def state(self, address: str) -> dict[str, StateRead]:
        """All of an agent's state, for people."""
        ...

    async def states(self, after: tuple[str, str] = ("", ""), limit: int = 100) -> list[tuple[str, str, StateRead]]:
        """Values of all agents' states by address and key, from ``after`` (exclusive)."""
        ...

    async def message(self, id: int) -> Stored | None:
        """One message row."""
        ...

    async def find_message(self, address: str, key: str) -> Stored | None:
        """The message that an agent got under a dedupe key."""
        ...

    async def entries(self, address: str, after: int, limit: int, turn: int = 0) -> list[EntryRow]:
        """Journal rows of an agent with ``seq > after`` in order, of one turn if given. NotFound(agent.unknown)."""
        ...

    async def agents(self, *, like: str = "", mode: str = "", after: str = "", limit: int = 100) -> list[AgentRow]:
        """Agents by address, ascending, from ``after`` (exclusive). ``like`` is a prefix of the full address."""
        ...

    async def agent(self, address: str) -> AgentRow | None:
        """One agent."""
        ...

    async def messages(
        self, *, statuses: Sequence[int], address: str = "", after: int = 0, limit: int = 100, like: str = ""
    ) -> list[Stored]:
        """Message rows in given standings, ascending by id. ``like`` is a prefix of the receiver's full address."""
        ...

    async def waits(
        self, *, verb: str = "", after: tuple[str, int, str] | None = None, limit: int = 100, like: str = ""
    ) -> list[Wait]:
        """Open waits, e.g. all questions to people, with their agent's address. ``like`` is a prefix of that."""
        ...

    async def publish(self, definitions: Sequence[Definition], archives: dict[str, bytes]) -> None:
        """Make definitions known, and keep their code archives (as ``keep`` does, for ``INSTALLATION``)."""
        ...

    async def definitions(self) -> list[Definition]:
        """All published definitions, newest first."""
        ...

    async def keep(self, tenant: str, artifacts: dict[str, bytes], at: int = 0) -> None:
        """Keep blobs (code, images, files) of a tenant under keys that say what is in them: the SHA-256 of the content in
        hex, or of what it was made from. What the tenant has under a key already is not written again, so that this may be
        repeated; what another tenant has under it is another blob, so that nobody learns what others have. The store does
        not hash what it is given. ``tenant`` is ``INSTALLATION`` for what is nobody's in particular (as code is). ``at``
        (milliseconds) is when it was last wanted: ``drop`` may remove it some time after. What was ever kept without it
        stays for ever."""
        ...

    async def artifacts(
        self, before: int, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[tuple[str, str, int]]:
        """Tenant, key and size of the blobs that were last wanted ``before`` (milliseconds), by tenant and key, from
        ``after`` (exclusive)."""
        ...

    async def drop(self, tenant: str, keys: Sequence[str], before: int) -> int:
        """Remove those of a tenant's blobs that nobody has wanted since ``before``; how many. One that is kept again at the
        same moment stays."""
        ...

    async def artifact(self, tenant: str, key: str) -> bytes | None:
        """A tenant's blob by its key."""
        ...

    async def longest(self, verb: str, limit: int) -> list[Wait]:
        """Of every name (a route, a question) under which turns wait with this verb, the ``limit`` waits that have lasted
        longest, the oldest first."""
        ...

    async def versions_in_use(self) -> list[tuple[str, str, int]]:
        """(definition name, version, open turns) of every turn begun and not ended."""
        ...

    async def subscriptions(self, address: str = "") -> list[tuple[str, str, str]]:
        """(address, pattern, handler) of all, or of one agent."""
        ...

    async def stats(self, like: str = "") -> dict[str, int]:
        """Counts: agents, queued, running, waiting, dead, entries, bytes; of the agents whose full address begins with
        ``like`` (then without bytes, and slower)."""
        ...

    async def compact(self, before: int, limit: int, held: Sequence[str] = ()) -> int:
        """Forget ended turns that ended before ``before`` (milliseconds): their messages, and their journal entries as far
        as no open turn is older. The chain's last hash before the cut is kept. Forgets windows of budgets, too: those that
        nobody has charged or taken from since an hour before then, and of which no live session holds anything, but none of
        a budget ``per`` ever; and tallies older than their window. Usage is never removed: it is small, and it is the
        bill; nor are resources. What belongs to agents that are
        ``held`` stays: each is an address, or the beginning of addresses with a ``/`` at its end. What was cut from a
        journal is told by ``uncovered``. Returns how much was removed."""
        ...

    async def backup(self, target: str) -> None:
        """Write a consistent copy while running. Adapters that leave this to their database raise
        ``Rejected(store.no_backup)`` naming the right tool."""
        ...
