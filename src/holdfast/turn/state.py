"""``state``: an agent's own values, kept between turns.

Writes ride in the turn's next commit. Reads cost nothing on replay: a row keeps what its value was before the present turn
first wrote it, so a replay reads what the first run read, and its own writes happen again in memory.
"""

from __future__ import annotations

from typing import Any

from ..domain import labels as provenance
from ..domain.entry import EntryKind
from ..domain.errors import Rejected
from ..journal.codec import NIL, Raw, Shape, encode
from ..ports.store import StateRead, StateRow
from . import branches
from .turn import Turn


async def read(turn: Turn, key: str, shape: Shape, default: Any) -> Any:
    """The value of ``key``, ``default`` if it has none."""
    if turn.dead:
        turn.give_up()
    if turn.spec.shared:
        return await _read_shared(turn, key, shape, default)
    mine = turn.written.get(key)
    if mine is not None:
        return shape.decode(mine, f"state {key!r}") if mine != NIL_MARK else default
    row = await row_of(turn, key)
    if row is None:
        return default
    value, labels = (row.prior, row.prior_labels) if row.turn == turn.number and turn.number else (row.value, row.labels)
    if value is None:
        return default
    turn.labels = provenance.read(turn.labels, labels)
    if turn.sources is not None:
        turn.sources.add(value, labels)
    return shape.decode(value, f"state {key!r}")


async def _read_shared(turn: Turn, key: str, shape: Shape, default: Any) -> Any:
    """A shared handler may be overtaken by a writer between two runs, so what it read is journaled."""
    path, recorded = await turn.step("get", key)
    if recorded is not None and recorded.result is not None:
        found, value = shape_pair(recorded.result.value)
        return shape.decode(value, f"state {key!r}") if found else default
    row = await row_of(turn, key)
    body = row.value if row is not None else None

    def write() -> None:
        turn.journal(EntryKind.STEP, path, "get", key, [body is not None, Raw(body or NIL)])

    if turn.item.id:
        write()
    else:
        turn.deferred.append(write)
    return shape.decode(body, f"state {key!r}") if body is not None else default


def shape_pair(value: Raw) -> tuple[bool, Raw]:
    """A journaled read: whether there was a value, and the value."""
    found, body = _PAIR.decode(value, "recorded read")
    return found, body


_PAIR = Shape(tuple[bool, Raw])
NIL_MARK = b""
"""Stands for a deleted key among a turn's own writes."""


async def row_of(turn: Turn, key: str) -> StateRead | None:
    """The stored row, cached while this worker holds the agent."""
    active = turn.active
    cache = active.state
    if cache is None:
        cache = active.state = {}
    elif key in cache or active.lease.fresh:
        return cache.get(key)
    with branches.away():  # a driver that makes tasks (a new connection) makes no branches of the turn
        row = await turn.worker.insist(lambda: turn.worker.store.read_state(active.lease, key))
    if row is not None and turn.worker.seal is not None:
        opened = turn.worker.seal.open
        row.value = opened(row.value) if row.value is not None else None
        row.prior = opened(row.prior) if row.prior is not None else None
    return cache.setdefault(key, row)


async def write(turn: Turn, key: str, value: Any, *, delete: bool = False, labels: tuple[str, ...] | None = None) -> None:
    """Set or delete a key. ``labels`` of the value are else those of all that the turn has read."""
    if turn.spec.shared:
        raise Rejected(
            "state.read_only",
            f"The handler {turn.spec.name!r} is shared and may only read state. Make it exclusive, or send a message to an "
            "exclusive handler.",
            key=key,
        )
    verb = "delete" if delete else "set"
    path, recorded = await turn.step(verb, key)
    body = None if delete else encode(value, f"state {key!r}", turn.limits.payload_bytes)
    if recorded is not None:
        kept = recorded.result.value if recorded.result is not None and not delete else body
        turn.written[key] = NIL_MARK if kept is None else bytes(kept)
        return
    given = await turn.admit(verb, key, path, value)
    if given is not value:
        body = encode(given, f"state {key!r}", turn.limits.payload_bytes)
    turn.written[key] = NIL_MARK if body is None else body
    await row_of(turn, key)
    if turn.item.id:
        _put(turn, path, verb, key, body, labels)
    else:
        turn.deferred.append(lambda: _put(turn, path, verb, key, body, labels))


def _put(turn: Turn, path: str, verb: str, key: str, body: bytes | None, given: tuple[str, ...] | None) -> None:
    labels = tuple(sorted(turn.labels)) if given is None else given
    turn.journal(EntryKind.STEP, path, verb, key, Raw(body) if body is not None else None, None, labels)
    keep(turn, key, body, labels)


def keep(turn: Turn, key: str, body: bytes | None, labels: tuple[str, ...]) -> None:
    """Write a row in the turn's next commit. ``row_of`` knows the row before, if there may be one."""
    active = turn.active
    sealed = turn.worker.sealed(body) if body is not None else None
    active.write().state.append(StateRow(key, sealed, turn.number, labels))
    cache = active.state
    if cache is None:
        cache = active.state = {}
    row = cache.get(key)
    if row is None:
        cache[key] = StateRead(body, labels, turn.number, None)
        return
    if row.turn != turn.number:
        row.prior, row.prior_labels, row.turn = row.value, row.labels, turn.number
    row.value, row.labels = body, labels
