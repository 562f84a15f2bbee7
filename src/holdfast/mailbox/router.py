"""Routing: what arrives goes to the mailbox, to the step that waits for it, or to whoever gives orders."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..domain.address import GROUP, TOPIC
from ..domain.message import Kind, Outcome, Status
from ..journal.codec import Raw, decode_outcome
from ..ports.store import Commit, Lease, Mark, Receipt
from .active import Active, Completion, Item

if TYPE_CHECKING:
    from .worker import Worker


class Router:
    """Puts messages where they belong."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def on_receipt(self, receipt: Receipt, sent: int) -> None:
        """Route what a commit delivered that was sent when so many readings had come back."""
        for a in receipt.arrivals:
            message = a.send.message
            if message.due > 0:
                self.worker.claims.timers.add(message.due)
            elif a.mine:
                self.arrive(a.address, Item(a.id, message), a.lease, sent)

    def look_for(self, commit: Commit) -> None:
        """Whether these messages were delivered is unknown. If they were, they may be in the mailbox of an agent of ours."""
        for send in commit.sends:
            active = self.worker.holdings.actives.get(send.message.to)
            if active is not None and active.loaded:
                self.worker.loader.reload_soon(active)
            elif active is None and not send.message.to.startswith((TOPIC, GROUP)):
                self.worker.holdings.miss(send.message.to)
            else:
                self.worker.claims.claim_soon()

    def arrive(self, address: str, item: Item, lease: Lease | None = None, sent: int = 0) -> Active | None:
        """A durable message for an agent that this worker holds."""
        active = self.worker.holdings.actives.get(address)
        if active is None:
            if lease is None:
                self.worker.holdings.miss(address)
                return None
            active = self.worker.holdings.adopt(lease)
            if active is None:
                return None
        if active.loaded and active.read_at > sent:
            self.worker.loader.reload_soon(active)  # a reading may have brought it already
        elif active.loaded:
            self.route(active, item)
            self.worker.scheduler.pump(active)
        else:
            active.pending.append(item)
            self.worker.loader.load(active)
        return active

    def route(self, active: Active, item: Item) -> None:
        """Put one message where it belongs."""
        message = item.message
        kind = message.kind
        if kind == Kind.REQUEST:
            active.enqueue(item, self.worker.runner.shared(active.address, message.name))
        elif kind == Kind.REPLY or kind == Kind.ANSWER:
            self._complete(
                active, message.turn, message.name, Completion(decode_outcome(message.payload), item.id, message.sender)
            )
        elif kind == Kind.EVENT:
            self._event(active, item)
        else:
            self.worker.runner.control(active, item)

    def _complete(self, active: Active, number: int, path: str, completion: Completion) -> None:
        turn = active.turn(number)
        if turn is not None:
            if turn.complete(path, completion):
                return
        elif (parked := active.parked.get(number)) is not None:
            parked.early[path] = completion
            parked.wanted = True
            return
        if completion.consumed:
            active.consume(completion.consumed)

    def _event(self, active: Active, item: Item) -> None:
        name, message = item.message.name, item.message
        completion = Completion(Outcome(Raw(message.payload), None, message.labels), item.id, message.sender)
        for turn in active.running:
            if turn.offer_event(name, completion):
                return
        for parked in active.parked.values():
            if any(w.verb == "wait" and w.name == name and w.path not in parked.early for w in parked.waits):
                wait = next(w for w in parked.waits if w.verb == "wait" and w.name == name and w.path not in parked.early)
                parked.early[wait.path] = completion
                parked.wanted = True
                return
        active.events.setdefault(name, deque()).append(item)
        if item.status == Status.QUEUED:
            item.status = Status.BUFFERED
            active.write().marks.append(Mark(item.id, Status.BUFFERED))
