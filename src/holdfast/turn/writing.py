"""What a turn knows and what it writes: its fields, its entries, its standing, its acceptance.

A turn is built up in four files, each adding one thing: ``Writing`` (fields and journal), ``Stepping`` (opening steps,
replay), ``Waiting`` (durable waits) and ``Turn`` (leaving memory, cancellation).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from ..domain.address import is_builtin
from ..domain.entry import Begin, Entry, EntryKind, StoredEntry
from ..domain.errors import HoldfastError
from ..domain.message import Failure, Status
from ..domain.words import Word
from ..gate import Gate
from ..gate.past import VERBS
from ..gate.provenance import Heard
from ..journal.codec import decode_any, encode_message
from ..journal.replay import Replay
from ..mailbox.active import Active, Completion, Item, Running
from ..ports.store import Mark, Receipt, Send, Wait
from .branches import Branch

if TYPE_CHECKING:
    from ..mailbox.worker import Worker
    from .definition import Definition, HandlerSpec


class Suspended(BaseException):
    """The turn leaves memory. Not an error: handlers must let it pass, and no step may happen any more."""


class Pending:
    """A durable wait in memory."""

    __slots__ = ("done", "due", "name", "note", "path", "row", "silent", "verb")

    def __init__(
        self,
        path: str,
        verb: str,
        name: str,
        due: int,
        row: bool,
        silent: bool,
        done: asyncio.Future[Completion],
        note: str = "",
    ) -> None:
        self.path = path
        self.verb = verb
        self.name = name
        self.due = due
        self.row = row
        self.silent = silent
        self.note = note
        self.done = done


class Writing:
    """A turn's fields, and what it writes."""

    __slots__ = (
        "_accepted",
        "_early",
        "_held",
        "_landing",
        "_live",
        "_moves",
        "_orders",
        "_parked",
        "_settling",
        "_skip",
        "_waits_before",
        "active",
        "asked",
        "begun",
        "branched",
        "builtin",
        "busy",
        "cancel_reason",
        "clock",
        "dead",
        "deadline",
        "decided",
        "deferred",
        "definition",
        "effects",
        "entered",
        "found_by",
        "gate",
        "halting",
        "held",
        "item",
        "labels",
        "limits",
        "marked",
        "number",
        "on_progress",
        "pending",
        "replay",
        "retiring",
        "root",
        "rows",
        "size",
        "sources",
        "spec",
        "started",
        "steps",
        "suspected",
        "task",
        "timed_out",
        "undo",
        "wants_cancel",
        "words",
        "worker",
        "written",
    )

    def __init__(
        self, worker: Worker, active: Active, item: Item, definition: Definition, spec: HandlerSpec, gate: Gate
    ) -> None:
        self.worker = worker
        self.active = active
        self.item = item
        self.definition = definition
        self.spec = spec
        self.gate = gate
        self.clock = worker.clock
        self.limits = worker.limits
        self.number = item.turn
        self.begun = False
        self.marked = -1
        self.replay: Replay | None = None
        self.labels: frozenset[str] = frozenset(item.message.labels)
        self.pending: dict[str, Pending] = {}
        self.busy = 0
        self.steps = 0
        self.size = 0
        self.dead = False
        self.held = False
        self.branched = False
        self.cancel_reason = ""
        self.root = Branch(self, "")
        self.task: asyncio.Task[Any]
        self.undo: list[Callable[[], Any]] = []
        self.deferred: list[Callable[[], None]] = []
        self.rows: set[str] = set()
        self.effects: set[str] = set()
        self.written: dict[str, bytes] = {}
        self.timed_out = False
        self.started = self.entered = False
        """Whether its task has begun to run, and whether it has come to the handler. A task that is cancelled too early
        would never run at all, and a handler that never ran cannot clean up."""
        self.suspected = False
        """It was in the hands of a worker that died, and has not got any further since."""
        self.on_progress: Callable[[], None] | None = None
        self.deadline = 0
        self.halting = False
        self.retiring = False
        self.wants_cancel = ""
        self._early: dict[str, Completion] = {}
        self._parked: dict[str, asyncio.Future[None]] = {}
        self._held: dict[str, asyncio.Future[None]] = {}
        self._moves: int = 0
        self._live: bool = False
        self._settling: bool = False
        self._skip: asyncio.TimerHandle | None = None
        self._accepted: asyncio.Future[None] | None = None
        self._landing: set[str] = set()
        """Steps whose result is journaled, but has not reached the handler yet."""
        self._orders: list[int] = []
        self._waits_before: list[Wait] = []
        self.words: list[Word] = []
        """What people said to it that it has not heard yet."""
        self.builtin = is_builtin(active.address)
        self.decided: dict[str, Any] = {}
        """The gate's answers that are more than a plain yes, until the entries of their steps."""
        self.found_by: dict[str, str] = {}
        """How much the principal meant what a lookup under way is to find, by path."""
        self.asked: dict[str, Any] = {}
        """What people are asked to approve, by path."""
        self.sources = Heard() if (gate.tracks or definition.thinks) and not self.builtin else None
        if self.sources is not None:
            self.sources.add(item.message.payload, item.message.labels)

    @property
    def tags(self) -> dict[str, str]:
        """What the work is told apart by: the definition's labels, and those its message came with."""
        own, given = self.definition.labels, self.item.message.tags
        return {**own, **given} if own and given else given or own

    @property
    def attempt(self) -> int:
        """The how-manieth run of the handler this is, counting those that failed and were retried."""
        return self.replay.attempt if self.replay is not None else 1

    def journal(
        self,
        kind: EntryKind,
        path: str,
        verb: str,
        name: str,
        value: Any = None,
        failure: Failure | None = None,
        labels: tuple[str, ...] = (),
        detail: Any = None,
        took: int = 0,
        attempts: int = 1,
    ) -> None:
        """Add an entry to the draft. The turn's first entry begins it."""
        begin = None
        if not self.begun:
            self.begun, begin = True, self.beginning
        entry = Entry(kind, path, verb, name, self.clock.now_ms(), value, failure, labels, detail, took, attempts, begin)
        if self.decided:
            entry.decision = self.decided.pop(path, None)
        if kind != EntryKind.INTENT and (self.sources is not None or self.active.past is not None):
            self._heard(entry)
        self.size += self.active.append(self.number, entry)
        self.suspected = False
        if self.on_progress is not None:
            self.on_progress()
            self.on_progress = None
        if begin is not None:
            unnumbered, self.number = self.in_past, self.active.seq
            if self.active.past is not None:
                self.active.past.number(unnumbered, self.number)
            if verb != "end" and self.item.id:
                self.mark(Status.RUNNING)

    @property
    def in_past(self) -> int:
        """What the turn is known by in the agent's past: its number, or before its first entry one that is nobody else's."""
        return self.number or -id(self)

    def _heard(self, entry: Entry) -> None:
        """A result is there: it is a source of what comes after it, and part of the agent's past."""
        if self.sources is not None and entry.value is not None and entry.labels:
            self.sources.add(entry.value, entry.labels, wanted=self.found_by.pop(entry.path, ""), name=entry.name)
        past = self.active.past
        if past is not None and entry.verb in VERBS:
            done = past.finish(self.in_past, entry.path, entry.labels, entry.failure is not None)
            if done is not None:
                self.gate.learn(self.active.address, done)

    @property
    def beginning(self) -> Begin:
        """What the turn's first entry carries."""
        m = self.item.message
        digest = sha256(m.payload).digest()[:16]
        return Begin(self.item.id, m.name, digest, self.definition.version, m.sender, 1, m.chain, self.tags)

    def mark(self, status: Status, ended: int = 0) -> None:
        """Write where this turn stands."""
        if self.marked == status:
            return
        first = self.marked < 0 and self.item.status == Status.QUEUED
        self.marked = status
        item = self.item
        self.active.write().marks.append(Mark(item.id, status, self.number, self.definition.version, ended, None, 0, first))

    @property
    def accepting(self) -> bool:
        """Whether its message is being made durable right now."""
        return self._accepted is not None and self.item.id == 0 and not self._accepted.done()

    def when_accepted(self, call: Callable[[], None]) -> None:
        """Call it when the message is durable and the turn still lives, before the turn goes on."""
        assert self._accepted is not None
        self._accepted.add_done_callback(lambda done: None if self.dead or done.exception() else call())

    async def accept(self) -> None:
        """Make the message durable before the first effect: nothing may act on what could still be lost. Branches may ask
        for it at the same time; one that is cancelled meanwhile leaves only when it is known what became of it."""
        accepted = self._accepted
        if accepted is None:
            accepted = self._accepted = self._make_durable()
        try:
            await asyncio.shield(accepted)
        except asyncio.CancelledError:
            if not self.dead and not accepted.done():
                await asyncio.wait([accepted])
            raise

    def _make_durable(self) -> asyncio.Future[None]:
        done = self.worker.new_future()
        message = self.item.message
        if not message.key and self.worker.committer.replies_can_get_lost:
            message.key = f"accept:{self.worker.session}:{self.worker.random.token(16)}"
        self.active.write().sends.append(Send(message, self.worker.sealed(encode_message(message))))
        draft = self.active.draft
        assert draft is not None
        place = len(draft.commit.sends) - 1

        def durable(receipt: Receipt) -> None:
            item = self.item
            item.id = receipt.ids[place]
            receipt.arrivals = [a for a in receipt.arrivals if a.id != item.id]  # it is here already
            self.active.note(item.id)
            self.worker.outcomes.expect(item)
            self.run_deferred()
            done.set_result(None)

        def refused(error: HoldfastError) -> None:
            done.set_exception(error)
            done.exception()

        draft.after.append(durable)
        draft.failed.append(refused)
        done.add_done_callback(self._now_accepted)
        self.active.flush()
        return done

    def _now_accepted(self, done: asyncio.Future[None]) -> None:
        if self.wants_cancel and self.replay is None:
            self.cancel(self.wants_cancel)

    def run_deferred(self) -> None:
        """Journal what waited for the message to be durable (or for the end, which makes it so)."""
        deferred, self.deferred = self.deferred, []
        for call in deferred:
            call()

    async def flush(self) -> None:
        """Wait until everything journaled so far is durable."""
        self.busy += 1
        try:
            await self.active.flush()
        finally:
            self.busy -= 1

    async def harmless(self) -> None:
        """What the turn does now cannot kill its worker. A crash meanwhile is not its own, however often it happens."""
        if self.suspected:
            self.journal(EntryKind.NOTE, "", "harmless", "")
            await self.flush()

    @staticmethod
    def detail(entry: StoredEntry) -> dict[str, Any]:
        """An entry's detail as plain values."""
        return decode_any(entry.detail) or {}

    @property
    def whole(self) -> Running:
        """This turn, as the mailbox sees it."""
        return cast(Running, self)

    # -- what the later parts add -------------------------------------------------------------------------------

    def cancel(self, why: str, order: int = 0) -> None:
        """See ``Turn``."""
        raise NotImplementedError

    def suspend(self) -> None:
        """See ``Turn``."""
        raise NotImplementedError

    def stop(self) -> None:
        """See ``Turn``."""
        raise NotImplementedError

    def hold(self) -> None:
        """See ``Turn``."""
        raise NotImplementedError

    def settle_order(self) -> None:
        """See ``Turn``."""
        raise NotImplementedError

    def _deliver_cancel(self, detail: dict[str, Any]) -> None:
        raise NotImplementedError

    @property
    def idle(self) -> bool:
        """See ``Turn``."""
        raise NotImplementedError
