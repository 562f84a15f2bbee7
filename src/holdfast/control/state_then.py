"""An agent's state as it was: read off what it is now, what it was before its last writer, and the journal.

A store keeps one value of each key and the one before. What was not written since then is as it is now; for the rest the
journal says what was written last before. Where retention took the entries that would say so, nothing is guessed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from ..domain.address import Address, short
from ..domain.entry import EntryKind, StoredEntry
from ..domain.errors import Rejected
from ..domain.fork import Kept
from ..journal.codec import decode_entry
from ..mailbox.worker import Worker
from ..ports.store import EntryRow, StateRead, Store

PAGE = 5_000
_WRITES = ("set", "delete")


async def state_now(store: Store, worker: Worker, address: Address) -> dict[str, Kept]:
    """The state as it stands."""
    return {key: _kept(key, row, worker) for key, row in (await store.state(address)).items() if row.value is not None}


async def state_then(store: Store, worker: Worker, address: Address, seq: int) -> dict[str, Kept]:
    """The state before the journal's entry ``seq`` was written. Raises ``Rejected(fork.forgotten)``."""
    since = await _written_since(store, worker, address, seq)
    rows = await store.state(address)
    found: dict[str, Kept] = {}
    missing = set(since.first)
    if not since.wiped:
        for key, row in rows.items():
            if key not in since.first:
                found[key] = _kept(key, row, worker)
            elif row.turn == since.first[key] and row.turn >= seq:  # its only writer since then
                missing.discard(key)
                if row.prior is not None:
                    found[key] = Kept(key, _open(row.prior, worker), row.prior_labels)
    if missing or since.wiped:
        before, whole = await _written_before(store, worker, address, seq)
        if not whole and (since.wiped or not missing <= before.keys()):
            raise forgotten(address, "what it wrote to its state before that")
        for key in before.keys() if since.wiped else missing & before.keys():
            if (kept := before[key]) is not None:
                found[key] = kept
    return dict(sorted(found.items()))


class _Since:
    """What happened to a state from some entry on: the first turn that wrote each key, and whether the agent retired."""

    def __init__(self) -> None:
        self.first: dict[str, int] = {}
        self.wiped = False


async def _written_since(store: Store, worker: Worker, address: Address, seq: int) -> _Since:
    since, retiring = _Since(), set[int]()
    async for row, entry in entries_of(store, worker, address, seq - 1):
        if entry.kind == EntryKind.STEP and entry.verb in _WRITES and entry.failure is None:
            since.first.setdefault(entry.name, row.turn)
        elif entry.verb == "retire":
            retiring.add(row.turn)
        elif entry.kind == EntryKind.END:
            since.wiped |= row.turn in retiring or (row.turn < seq and await _retired(store, worker, address, row.turn))
    return since


async def _retired(store: Store, worker: Worker, address: Address, turn: int) -> bool:
    return any([entry.verb == "retire" async for _, entry in entries_of(store, worker, address, turn - 1, turn=turn)])


async def _written_before(store: Store, worker: Worker, address: Address, seq: int) -> tuple[dict[str, Kept | None], bool]:
    """The last values written (None where it was deleted), and whether nothing else was ever written."""
    found: dict[str, Kept | None] = {}
    retiring: set[int] = set()
    first = 0
    whole = seq <= 1
    async for row, entry in entries_of(store, worker, address, 0, until=seq):
        first = first or row.seq
        whole = whole or first == 1
        if entry.kind == EntryKind.STEP and entry.verb in _WRITES and entry.failure is None:
            deleted = entry.verb == "delete"
            found[entry.name] = None if deleted else Kept(entry.name, bytes(entry.value), entry.labels)
        elif entry.verb == "retire":
            retiring.add(row.turn)
        elif entry.kind == EntryKind.END and row.turn in retiring:
            found.clear()
            whole = True
    return found, whole


async def entries_of(
    store: Store, worker: Worker, address: Address, after: int, *, until: int = 0, turn: int = 0
) -> AsyncIterator[tuple[EntryRow, StoredEntry]]:
    """Journal rows with ``seq > after`` and before ``until``, of one turn if given, page by page."""
    while rows := await store.entries(address, after, PAGE, turn):
        for row in rows:
            if until and row.seq >= until:
                return
            yield row, decode_entry(_open(row.body, worker))
        if len(rows) < PAGE:
            return
        after = rows[-1].seq
        await worker.clock.sleep(0)


def forgotten(address: Address, what: str) -> Rejected:
    """The error for what retention took."""
    return Rejected(
        "fork.forgotten",
        f"The journal of {short(address)} does not reach back that far any more: retention has removed {what}. Fork it as "
        "it stands now, or from a later turn.",
        address=address,
    )


def _kept(key: str, row: StateRead, worker: Worker) -> Kept:
    assert row.value is not None
    return Kept(key, _open(row.value, worker), row.labels)


def _open(body: bytes, worker: Worker) -> bytes:
    return worker.seal.open(body) if worker.seal is not None else body


__all__ = ["PAGE", "entries_of", "forgotten", "state_now", "state_then"]
