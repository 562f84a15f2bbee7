"""``Active``: an agent while this worker holds its lease.

It knows the head of the agent's journal, its mailbox (or the part of it that is in memory), its turns in memory and parked,
a cache of its state, and the draft of what will be written next.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..domain.entry import Entry, StoredEntry
from ..domain.errors import HoldfastError
from ..domain.message import Message, Outcome
from ..gate.past import History
from ..journal.codec import Raw, Seal, chain, decode_any, encode, encode_entry
from ..ports.store import Commit, EntryRow, Lease, Receipt, StateRead, Wait
from .committer import Draft

if TYPE_CHECKING:
    from .worker import Worker

_LARGE_DETAIL = 65_536
_SHOWN = ("args", "asked")


class Item:
    """A message in memory. ``id`` is 0 until it is durable; ``waiter`` is somebody here who wants the outcome; ``suspect``
    says that a worker died while it had this message: it may be what killed it."""

    __slots__ = ("id", "message", "status", "suspect", "turn", "version", "waiter")

    def __init__(self, id: int, message: Message, waiter: asyncio.Future[Outcome] | None = None) -> None:
        self.id = id
        self.message = message
        self.waiter = waiter
        self.status = 0
        self.turn = 0
        self.version = ""
        self.suspect = False

    def __lt__(self, other: Item) -> bool:
        mine, theirs = self.message.priority, other.message.priority
        return mine > theirs or (mine == theirs and self.id < other.id)


class Completion:
    """Something a waiting step got: an outcome, and the message row to delete with it (0 for none)."""

    __slots__ = ("consumed", "outcome", "sender")

    def __init__(self, outcome: Outcome, consumed: int = 0, sender: str = "") -> None:
        self.outcome = outcome
        self.consumed = consumed
        self.sender = sender


class Running(Protocol):
    """What the mailbox needs to know of a turn in memory; ``holdfast.turn.Turn`` is one."""

    number: int
    busy: int
    dead: bool
    item: Item

    def complete(self, path: str, completion: Completion) -> bool: ...
    def fire(self, now: int) -> bool: ...
    def offer_event(self, name: str, completion: Completion) -> bool: ...
    def cancel(self, why: str, order: int = 0) -> None: ...
    def suspend(self) -> None: ...
    def hold(self) -> None: ...
    def stop(self) -> None: ...
    @property
    def idle(self) -> bool: ...
    @property
    def accepting(self) -> bool: ...
    @property
    def early(self) -> list[Completion]: ...


class Parked:
    """A turn that is rows only: begun, not in memory. ``early`` are completions that will meet it when it is back."""

    __slots__ = ("cancelled", "early", "entries", "item", "orders", "size", "stub", "waits", "wanted")

    def __init__(self, item: Item, entries: list[StoredEntry], waits: list[Wait], size: int, *, stub: bool = False) -> None:
        self.item = item
        self.entries = entries
        self.waits = waits
        self.size = size
        self.early: dict[str, Completion] = {}
        self.cancelled = ""
        self.orders: list[int] = []
        """The messages that ordered the cancellation; they go when the cancellation is in the journal."""
        self.wanted = False
        self.stub = stub
        """Left memory a moment ago: its entries must be read before it can go on."""


class Active:
    """See the module."""

    __slots__ = (
        "address",
        "again",
        "draft",
        "events",
        "exclusive",
        "gone",
        "head",
        "inflight",
        "lease",
        "loaded",
        "loading",
        "mode",
        "mode_news",
        "more",
        "parked",
        "past",
        "pending",
        "queue",
        "queued",
        "read_at",
        "running",
        "seal",
        "seq",
        "shared_queue",
        "stale",
        "state",
        "taken",
        "unsettled",
        "worker",
    )

    def __init__(self, worker: Worker, lease: Lease, seal: Seal | None) -> None:
        self.worker = worker
        self.lease = lease
        self.address = lease.address
        self.seal = seal
        self.seq = lease.seq
        self.head = lease.head
        self.mode = lease.mode
        self.mode_news = 0
        self.loaded = lease.fresh
        self.loading = False
        self.again = self.stale = False
        """``stale``: there may be messages in the store that are older than those in memory."""
        self.read_at = worker.committer.readings
        self.pending: list[Item] = []
        """What arrived before the agent was read."""
        self.taken: set[int] = set()
        """Messages that were taken since the last reading began."""
        self.gone = False
        self.more = False
        self.queue: list[Item] = []
        self.shared_queue: list[Item] = []
        self.queued: set[int] = set()
        self.events: dict[str, deque[Item]] = {}
        self.exclusive: Running | Parked | None = None
        self.running: set[Running] = set()
        self.parked: dict[int, Parked] = {}
        self.state: dict[str, StateRead | None] | None = {} if lease.fresh else None
        self.draft: Draft | None = None
        self.inflight: Draft | None = None
        self.past: History | None = None
        """What it did lately, once a rule looks back."""
        self.unsettled = 0
        """Turns whose end is written but not durable yet: no effect of a later turn may overtake them."""

    # -- writing ------------------------------------------------------------------------------------------------

    def write(self) -> Commit:
        """The commit being drafted; it will be written within a moment even if nobody waits for it."""
        draft = self.draft
        if draft is None:
            draft = self.draft = Draft(self, Commit(lease=self.lease))
            self.worker.committer.later(draft)
        return draft.commit

    def append(self, turn: int, entry: Entry) -> int:
        """Add an entry to the journal; its size. ``turn`` 0 means that this entry is the turn's first."""
        try:
            body = encode_entry(entry)
        except (TypeError, NotImplementedError, ValueError, OverflowError):
            entry.detail = _shortened(entry, 0)
            body = encode_entry(entry)
        if len(body) > _LARGE_DETAIL and entry.detail is not None:
            entry.detail = _shortened(entry, _LARGE_DETAIL)
            body = encode_entry(entry)
        return self.append_body(turn, body)

    def append_body(self, turn: int, body: bytes) -> int:
        """``append`` for an entry that is encoded already."""
        if self.seal is not None:
            body = self.seal.seal(body)
        self.seq = seq = self.seq + 1
        self.head = head = chain(self.head, body)
        self.write().entries.append(EntryRow(seq, turn or seq, body, head))
        return len(body)

    def flush(self) -> asyncio.Future[Receipt]:
        """Write the draft now; done when it is durable."""
        self.write()
        assert self.draft is not None
        return self.worker.committer.submit(self.draft)

    async def written(self) -> None:
        """Wait until what is drafted or on its way is durable."""
        if self.draft is not None:
            await self.flush()
        elif self.inflight is not None:
            await self.worker.committer.submit(self.inflight)

    def turn(self, number: int) -> Running | None:
        """The turn in memory with this number."""
        for turn in self.running:
            if turn.number == number:
                return turn
        return None

    def note(self, id: int) -> None:
        """A message was taken while a reading is under way: what the reading says of it is old."""
        if self.loading:
            self.taken.add(id)

    def consume(self, id: int) -> None:
        """A reply, answer, event or order was taken: its row goes with the commit being drafted."""
        self.note(id)
        self.write().consumed.append(id)

    # -- mailbox ------------------------------------------------------------------------------------------------

    def enqueue(self, item: Item, shared: bool) -> None:
        """Put a request where its handler's kind waits."""
        if item.id:
            if item.id in self.queued:
                return
            self.queued.add(item.id)
        heapq.heappush(self.shared_queue if shared else self.queue, item)

    def next_item(self) -> Item | None:
        """The next request that may start now, by priority and age; shared ones may start beside a turn."""
        if self.shared_queue:
            item = heapq.heappop(self.shared_queue)
        elif self.queue and self.exclusive is None:
            item = heapq.heappop(self.queue)
        else:
            return None
        self.queued.discard(item.id)
        self.note(item.id)
        return item

    def take_queued(self, number: int) -> list[Item]:
        """Remove queued requests by the negative of their message id (messages have no turn yet)."""
        taken: list[Item] = []
        for queue in (self.queue, self.shared_queue):
            taken += [i for i in queue if number < 0 and i.id == -number]
            queue[:] = [i for i in queue if i not in taken]
            heapq.heapify(queue)
        return taken

    @property
    def startable(self) -> bool:
        """Whether a turn could start."""
        return not self.stale and not self.loading and bool(self.shared_queue or (self.queue and self.exclusive is None))

    @property
    def quiet(self) -> bool:
        """Whether nothing of this agent needs this worker's memory."""
        return not (
            self.running
            or self.queue
            or self.shared_queue
            or self.draft
            or self.inflight
            or self.loading
            or self.stale
            or self.more
        ) and not any(p.wanted for p in self.parked.values())


def _shortened(entry: Entry, most: int) -> Any:
    """What explains an entry, without what is larger than ``most`` bytes there. Nothing that a replay reads is touched: of
    the parts of a detail only arguments and what was asked are there to be shown, and a tool is called with those in its
    entry."""
    detail = entry.detail
    if not isinstance(detail, dict):
        return _told(detail) if _size(detail) > most else detail
    parts = cast("dict[str, Any]", detail)
    shown = () if entry.verb == "tool" and most else _SHOWN
    return {name: _told(part) if name in shown and _size(part) > most else part for name, part in parts.items()}


def _size(part: Any) -> int:
    """How long it is as bytes; longer than anything if it cannot be written."""
    try:
        return len(encode(part))
    except HoldfastError:
        return 1 << 62


def _told(detail: Any) -> Any:
    """Arguments that cannot or should not be written: what they look like, shortened."""
    text = repr(decode_any(detail) if isinstance(detail, Raw) else detail)
    return {"repr": text[:500], "length": len(text)}
