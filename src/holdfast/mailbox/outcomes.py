"""Outcomes: people and programs here who wait for the end of a turn, wherever it runs."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from ..domain.errors import Conflict, HoldfastError, Unavailable
from ..domain.message import Failure, Outcome, Status
from ..journal.codec import decode_entry
from ..ports.store import Commit
from .active import Item
from .committer import Draft

if TYPE_CHECKING:
    from .worker import Worker

_UNAWAITED = 10_000
_UNBEGUN = {
    Status.CANCELLED: Failure("TurnFailed", "turn.cancelled", "It was cancelled before it began."),
    Status.KILLED: Failure("TurnFailed", "turn.killed", "It was killed before it began."),
    Status.FAILED: Failure("TurnFailed", "turn.failed", "It could not become a turn."),
    Status.DEAD: Failure("TurnFailed", "turn.failed", "It could not become a turn."),
}
"""What is told of a message that ended without a turn, where its end is read from its row."""


class Outcomes:
    """Waiters by message id."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.waiters: dict[int, list[asyncio.Future[Outcome]]] = {}
        self._unawaited: OrderedDict[int, None] = OrderedDict()
        """Messages that ended before the store's answer told us their number."""

    async def deliver(self, commit: Commit, waiter: asyncio.Future[Outcome] | None) -> int:
        """Make a message durable; the waiter is told its outcome, wherever its turn runs."""
        draft = Draft(None, commit)
        if waiter is not None:
            origin = commit.sends[0].message.origin
            draft.after.append(lambda receipt: self._expect(receipt.ids[0], waiter, origin))
        receipt = await self.worker.committer.submit(draft)
        return receipt.ids[0]

    def _expect(self, id: int, waiter: asyncio.Future[Outcome], origin: str) -> None:
        self.waiters.setdefault(id, []).append(waiter)
        if origin != self.worker.session:  # a session that ended meanwhile gets no news
            self.worker.spawn(self._watch(id))
        elif id in self._unawaited:
            del self._unawaited[id]
            self.worker.spawn(self.fetch_outcome(id))

    def expect(self, item: Item) -> None:
        """The message is durable now: whoever waits for its outcome gets it wherever its turn ends."""
        if item.waiter is not None:
            self._expect(item.id, item.waiter, item.message.origin)
            item.waiter = None

    def session_changed(self) -> None:
        """News of what we wait for went to a session that is over: look again, at growing intervals."""
        for id in list(self.waiters):
            self.worker.spawn(self._watch(id))

    async def _watch(self, id: int) -> None:
        wait = 0.05
        while id in self.waiters and not self.worker.draining:
            await self.fetch_outcome(id)
            await self.worker.clock.sleep(wait)
            wait = min(wait * 2, 5.0)

    def close(self) -> None:
        """This worker stops: whoever still waits here must ask elsewhere."""
        waiting, self.waiters = self.waiters, {}
        for id, waiters in waiting.items():
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(
                        Unavailable(
                            "worker.draining",
                            f"This worker stops before message {id} has its outcome. The message is kept; ask again with "
                            "the same key to get the outcome.",
                            id=id,
                        )
                    )

    async def outcome_or_wait(self, id: int, waiter: asyncio.Future[Outcome]) -> Outcome:
        """The outcome of a message, now or when its turn has ended."""
        self.waiters.setdefault(id, []).append(waiter)
        wait = 0.05
        try:
            while True:
                outcome = await self.outcome_of(id)
                if outcome is not None:
                    return outcome
                done, _ = await asyncio.wait([waiter], timeout=wait)
                if done:
                    return waiter.result()
                wait = min(wait * 2, 5.0)
        finally:
            waiter.cancel()  # if somebody else told us, nobody has to tell this one

    def tell(self, item: Item, outcome: Outcome) -> None:
        """Somebody here may wait for this outcome, or is about to: it can come before the answer that names the message."""
        if item.waiter is not None:
            if not item.waiter.done():
                item.waiter.set_result(outcome)
        elif item.id in self.waiters:
            for waiter in self.waiters.pop(item.id):
                if not waiter.done():
                    waiter.set_result(outcome)
        elif item.message.origin and item.message.origin == self.worker.session:
            self._remember(item.id)

    def _remember(self, id: int) -> None:
        self._unawaited[id] = None
        if len(self._unawaited) > _UNAWAITED:
            self._unawaited.popitem(last=False)

    async def fetch_outcome(self, id: int) -> None:
        """The turn of a message of this session ended elsewhere."""
        if not self.waiters.get(id):
            self._remember(id)
        else:
            outcome = await self.outcome_of(id)
            if outcome is not None:
                for waiter in self.waiters.pop(id, ()):
                    if not waiter.done():
                        waiter.set_result(outcome)

    async def outcome_of(self, id: int) -> Outcome | None:
        """The outcome of a turn that ended, by its message; None if it has not ended (or was forgotten)."""
        stored = await self.worker.insist(lambda: self.worker.store.message(id))
        if stored is None or stored.status < Status.DONE:
            return None
        rows = (
            await self.worker.insist(lambda: self.worker.store.entries(stored.address, 0, 100_000, stored.turn))
            if stored.turn
            else []
        )
        for row in reversed(rows):
            entry = decode_entry(self.worker.seal.open(row.body) if self.worker.seal else row.body)
            if entry.verb == "end":
                return Outcome(entry.value, entry.failure, entry.labels)
        return Outcome(failure=_UNBEGUN.get(Status(stored.status)))


def refuse_waiter(item: Item, error: HoldfastError) -> None:
    """Whoever waits for a message that never became durable must hear that it did not. A duplicate among what was written
    together is that message's error; for the others it only means that nothing of them was kept."""
    if item.waiter is None or item.waiter.done():
        return
    message = item.message
    if error.code == "message.duplicate" and (error.details["address"], error.details["key"]) != (message.to, message.key):
        error = Conflict(
            "lease.lost", f"{message.to} was let go before anything of the message was kept.", address=message.to
        )
    item.waiter.set_exception(error)
