"""A turn that cannot go on without a person: its handler diverged from its journal, or it kills its workers."""

from __future__ import annotations

import logging

from ..domain.errors import HoldfastError
from ..domain.message import Status
from ..journal.codec import encode
from ..ports.store import Wait
from .turn import Turn

log = logging.getLogger("holdfast")

VERB = "diverged"


def hold_for_a_person(turn: Turn, error: HoldfastError) -> None:
    """Park the turn with the error as what it waits for. `holdfast turns retry` runs it again, `kill` ends it."""
    log.error("%s stopped: %s", turn.active.address, error)
    detail = encode({"error": error.message, **error.details})
    park(turn, VERB, 0, detail)


def park(turn: Turn, verb: str, due: int, detail: bytes) -> None:
    """Leave memory to run again later, or when a person says so. Whatever else the turn waited for it will ask for anew."""
    turn.drop_waits()
    turn.write_wait(Wait(turn.number, "", verb, "", due, turn.worker.sealed(detail), turn.clock.now_ms()))
    turn.mark(Status.WAITING)
    turn.worker.claims.timers.add(due)
    turn.leave([Wait(turn.number, "", verb, "", due)])
