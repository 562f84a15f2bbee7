"""Telling people what happened: a notice is a message to the agent that delivers it, in the commit of what it tells of."""

from __future__ import annotations

from hashlib import sha256

from ..domain.address import DEFAULT_TENANT, Address, is_builtin, make, short, tenant_of
from ..domain.message import Failure, Kind, Message
from ..domain.notice import DEAD, HEAR, KIND, NOTIFIER, Notice
from ..journal.codec import encode, encode_message
from ..mailbox.active import Active, Item
from ..mailbox.worker import Worker
from ..ports.store import Commit, Send


def is_wanted(worker: Worker) -> bool:
    """Whether anybody wants to be told of anything."""
    return bool(worker.resources.all(KIND))


def place_of(notice: Notice) -> Address:
    """The agent that delivers it."""
    key = sha256(f"{notice.tenant} {notice.id}".encode()).hexdigest()[:24]
    return make(NOTIFIER, key, notice.tenant or DEFAULT_TENANT)


def notice_to(worker: Worker, notice: Notice, sender: str = "") -> Send:
    """The message that has it delivered, however often it is sent."""
    message = Message(
        place_of(notice),
        Kind.REQUEST,
        HEAR,
        encode(([notice], {})),
        key=f"notice:{notice.id}",
        sender=sender or f"{notice.tenant or DEFAULT_TENANT}/holdfast/notices",
        created=worker.clock.now_ms(),
    )
    return Send(message, worker.sealed(encode_message(message)))


async def tell(worker: Worker, notice: Notice) -> None:
    """Have it delivered, if anybody wants that; durable when this returns."""
    if is_wanted(worker):
        await worker.committer.submit_commit(Commit(sends=[notice_to(worker, notice)]))


def tell_dead(worker: Worker, active: Active, item: Item, turn: int, failure: Failure | None) -> None:
    """A message's turn failed with nobody to tell: tell people, in the commit that ends it."""
    if is_builtin(active.address) or not is_wanted(worker):
        return
    what = failure.message if failure is not None else "no reason was given"
    notice = Notice(
        f"dead:{active.address}#{turn}:{item.id}",
        DEAD,
        tenant_of(active.address),
        active.address,
        f"{short(active.address)} failed at {item.message.name}, and nobody waits for it: {what}",
        worker.clock.now_ms(),
        {"handler": item.message.name, "turn": turn, "code": failure.code if failure is not None else "", "error": what},
    )
    active.write().sends.append(notice_to(worker, notice, active.address))
