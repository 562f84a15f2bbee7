"""Forks: a new agent takes over what another one had, and goes on with its turn from a step of it.

Two turns of the new agent do it, each durable like any other. The first, ``plant``, writes the other's state as its own, in
one commit with the message of the turn that is to be run again. The second begins with the other's entries: its handler is
answered from them up to where they end, and goes on from there for real. Nothing of what the other did is done again.
"""

from __future__ import annotations

from typing import cast

import msgspec

from ..domain.entry import Entry, EntryKind, StoredEntry
from ..domain.errors import Conflict, Rejected
from ..domain.fork import Past, Seed
from ..domain.message import Message
from ..journal.codec import NIL, Raw, decode_entry, decode_message, encode, encode_entry
from ..journal.replay import Replay
from . import branches
from .call import post
from .context import Context
from .definition import HandlerSpec
from .state import keep, row_of
from .turn import Turn

FORK = "holdfast.fork"
"""The handler that every agent has; only the operation ``fork`` can make a message that means anything to it."""
FORKED = "fork"
"""The verb of the note that says what a turn was forked from."""
_WRITES = ("set", "delete")


async def plant(ctx: Context) -> None:
    """Begin with another agent's state, and with its turn if there is one to run again."""
    turn = ctx.turn
    if not turn.item.message.past:
        raise Rejected("agent.reserved", f"{FORK} is Holdfast's own. `holdfast fork` is how an agent is forked.")
    seed = msgspec.msgpack.decode(turn.item.message.past, type=Seed)
    if turn.item.id == 0:
        await turn.accept()
    if (turn.number or turn.active.seq + 1) != 1:
        raise Conflict(
            "fork.exists",
            f"{turn.active.address} has a journal of its own, so it cannot begin with another's. Nothing was copied. "
            "Fork to an address that nobody has used.",
            address=turn.active.address,
        )
    # from here on nothing is awaited: state, message and the turn's end are one commit
    turn.journal(EntryKind.NOTE, "", FORKED, seed.origin.agent, detail=seed.origin)
    for place, kept in enumerate(seed.state, 1):
        turn.journal(EntryKind.STEP, str(place), "set", kept.key, Raw(kept.value), None, kept.labels)
        keep(turn, kept.key, kept.value, kept.labels)
    if seed.message:
        message = decode_message(seed.message)
        detail = {"to": message.to, "args": Raw(message.payload)}
        turn.journal(EntryKind.STEP, str(len(seed.state) + 1), "send", message.name, detail=detail)
        post(turn, message)


PLANT = HandlerSpec(plant, name=FORK, shared=False, timeout_seconds=0.0)


def version_of(message: Message) -> str:
    """The version of the code that the turn of this message is to run on, ``""`` for the newest."""
    return _past(message).version if goes_on(message) else ""


def goes_on(message: Message) -> bool:
    """Whether the turn of this message begins with entries of another one."""
    return bool(message.past) and message.name != FORK


async def take_up(turn: Turn) -> None:
    """Give a turn that begins the entries that it is answered from. What they wrote to the state is written again, for the
    new agent; nothing else of them happens."""
    past = _past(turn.item.message)
    entries = [decode_entry(body) for body in past.entries]
    written = [e for e in entries if e.verb in _WRITES and e.kind == EntryKind.STEP and e.failure is None]
    with branches.away():
        for entry in written:
            await row_of(turn, entry.name)
    turn.journal(EntryKind.NOTE, "", FORKED, past.origin.agent, detail=past.origin)
    for body in past.entries:
        turn.size += turn.active.append_body(turn.number, body)
    for entry in written:
        keep(turn, entry.name, None if entry.verb == "delete" else bytes(entry.value), entry.labels)
    detail = Raw(encode(past.origin))
    note = StoredEntry(EntryKind.NOTE, "", FORKED, past.origin.agent, turn.clock.now_ms(), Raw(NIL), None, (), detail)
    note.begin = turn.beginning
    turn.begin_with(Replay.of([note, *entries]))


def without_beginning(entry: StoredEntry) -> bytes:
    """An entry as a fork's turn has it: that turn has a beginning of its own."""
    return encode_entry(cast("Entry", msgspec.structs.replace(entry, begin=None)))


def _past(message: Message) -> Past:
    return msgspec.msgpack.decode(message.past, type=Past)


__all__ = ["FORK", "FORKED", "PLANT", "goes_on", "plant", "take_up", "version_of", "without_beginning"]
