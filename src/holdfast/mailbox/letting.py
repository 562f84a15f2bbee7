"""Letting a turn that is rows go on: whatever it waits for outside is back."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ..domain.errors import Conflict
from ..domain.message import Kind, Message, Outcome
from ..journal.codec import encode_message, encode_outcome
from ..ports.store import Commit, Send, Wait

if TYPE_CHECKING:
    from .worker import Worker


async def let_on(worker: Worker, wait: Wait) -> None:
    """Answer what it waits for, once, however many workers do so. Raises ``HoldfastError`` if the store does not answer."""
    message = Message(
        wait.address,
        Kind.ANSWER,
        wait.path,
        encode_outcome(Outcome()),
        key=f"{wait.verb}:{wait.turn}:{wait.path}:{wait.since}",
        turn=wait.turn,
        created=worker.clock.now_ms(),
    )
    with suppress(Conflict):  # another worker was first
        await worker.outcomes.deliver(Commit(sends=[Send(message, worker.sealed(encode_message(message)))]), None)


__all__ = ["let_on"]
