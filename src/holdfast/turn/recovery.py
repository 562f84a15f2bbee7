"""Going on after a crash: a turn that was in the hands of a worker that died may be what killed it.

Before such a turn runs, its journal says so, durably. The first time many turns are suspected at once, so they go on
together; one that comes back without having got any further runs alone, so that the next crash can only be its own. After
``limits.crashes`` of them in a row it is set aside for a person. It is alone only until it gets further, or until it waits
for something that is not its own code: a model.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ..domain.entry import EntryKind
from ..domain.errors import LimitExceeded
from ..journal.replay import RECOVER
from .handler import call_handler
from .turn import Turn

_ALONE_SECONDS = 10.0


class Poison(LimitExceeded):
    """The turn keeps killing its workers."""


async def call_suspect(turn: Turn) -> Any:
    """``call_handler`` for a suspect. Raises ``Poison(turn.poison)`` instead of running it once too often."""
    crashes = turn.replay.crashes if turn.replay is not None else 0
    if crashes >= turn.limits.crashes:
        raise Poison(
            "turn.poison",
            f"{crashes + 1} workers in a row died while this turn ran, and it never got any further. Look into "
            f"{turn.definition.name}.{turn.spec.name} for what can kill a process (memory, native code), then run it again "
            "(holdfast turns retry) or end it (holdfast kill).",
            crashes=crashes + 1,
        )
    turn.item.suspect = False
    lock = turn.worker.alone
    if crashes:
        await lock.acquire()
    alone = asyncio.Event()
    try:
        turn.journal(EntryKind.NOTE, "", RECOVER, "", detail={"crashes": crashes + 1})
        await turn.active.flush()
        turn.entered = True
        turn.suspected = True
        if crashes:
            turn.on_progress = lambda: _let_others(lock, alone)
            turn.worker.call_later(_ALONE_SECONDS, turn.on_progress)
        return await call_handler(turn)
    finally:
        if crashes:
            _let_others(lock, alone)


def _let_others(lock: asyncio.Lock, released: asyncio.Event) -> None:
    if not released.is_set():
        released.set()
        lock.release()
