"""How turns end: the last entry, the standing of the message, the reply, and word to whoever waits here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..domain import labels as provenance
from ..domain.entry import Entry, EntryKind
from ..domain.message import Failure, Kind, Message, Outcome, Status
from ..journal.codec import Raw, encode_message, encode_outcome
from ..mailbox.outcomes import refuse_waiter
from ..ports.store import Mark, Receipt, Send
from .telling import tell_dead

if TYPE_CHECKING:
    from ..mailbox.active import Active, Item
    from ..mailbox.worker import Worker
    from .turn import Turn


def end_turn(turn: Turn, status: Status, failure: Failure | None, value: bytes | Raw) -> None:
    """End a turn that is in memory."""
    labels = tuple(sorted(turn.labels))
    active, item = turn.active, turn.item
    if status == Status.FAILED and item.message.one_way:
        status = Status.DEAD
    now = turn.clock.now_ms()
    turn.run_deferred()
    turn.settle_order()
    first = turn.marked < 0
    turn.journal(EntryKind.END, "", "end", status.name.lower(), Raw(value), failure, labels)
    commit = active.write()
    commit.unwaits.extend(turn.waits_at_end())
    if turn.retiring:
        commit.wipe = True
        active.state, active.lease.fresh = {}, True
        active.events.clear()
    if item.id == 0:
        body = turn.worker.sealed(encode_message(item.message))
        commit.sends.append(Send(item.message, body, status, turn.number, turn.definition.version, now))
    else:
        dequeue = first and item.status == Status.QUEUED
        commit.marks.append(Mark(item.id, status, turn.number, turn.definition.version, now, None, 0, dequeue))
    if status == Status.DEAD:
        tell_dead(turn.worker, active, item, turn.number, failure)
    finish(turn.worker, active, item, Outcome(Raw(value), failure, labels))


def end_parked(worker: Worker, active: Active, item: Item, status: Status, failure: Failure) -> None:
    """End a turn, or a message that never became one, without running its handler."""
    now = worker.clock.now_ms()
    if item.turn:
        active.append(item.turn, Entry(EntryKind.END, "", "end", status.name.lower(), now, None, failure))
    commit = active.write()
    commit.marks.append(Mark(item.id, status, item.turn, item.version, now, None, 0, item.status == Status.QUEUED))
    if status == Status.DEAD:
        tell_dead(worker, active, item, item.turn, failure)
    finish(worker, active, item, Outcome(failure=failure))


def finish(worker: Worker, active: Active, item: Item, outcome: Outcome) -> None:
    """Reply, and tell whoever waits here, with the commit that is being drafted."""
    message = item.message
    reply = message.reply
    if reply is not None:
        labels = provenance.join(frozenset(outcome.labels), (provenance.of_agent(active.address),))
        answer = Message(
            reply.agent,
            Kind.REPLY,
            reply.path,
            encode_outcome(Outcome(outcome.value, outcome.failure, tuple(sorted(labels)))),
            turn=reply.turn,
            sender=active.address,
            trace=message.trace,
            created=worker.clock.now_ms(),
        )
        active.write().sends.append(Send(answer, worker.sealed(encode_message(answer))))
    active.write()
    draft = active.draft
    assert draft is not None

    active.unsettled += 1

    def durable(_: Receipt) -> None:
        active.unsettled -= 1
        worker.outcomes.tell(item, outcome)

    draft.after.append(durable)
    if item.waiter is not None:
        draft.failed.append(partial(refuse_waiter, item))
    worker.committer.submit(draft)


def kill(turn: Turn, why: str) -> None:
    """End a turn in memory at once: nothing of its handler runs any more. While its message is being made durable it has not
    begun to do anything, and ends when that is done."""
    if turn.accepting:
        turn.when_accepted(lambda: kill(turn, why))
        return
    turn.stop()
    if turn.item.id == 0 and not turn.begun:
        turn.deferred.clear()
    end_turn(turn, Status.KILLED, Failure("TurnFailed", "turn.killed", why or "The turn was killed."), Raw(b"\xc0"))
