"""Forgetting images and files that no message, journal or state refers to any more.

Nobody counts references: a value may carry one anywhere, and a count that is wrong once loses somebody's picture. Instead,
now and then, everything that is kept is read and searched for the keys of old artifacts: whatever looks like one counts. It
reads the store once, in pieces, and only if there is something old enough to be judged.

States are read first, then messages, then journals: that is the way on which a value goes on, so that one which moves
meanwhile is met behind the reader at the latest. What somebody keeps again meanwhile is young again, and stays.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable

from ..domain.message import Status
from ..mailbox.worker import Worker
from ..ports.store import Store

_KEYS = re.compile(rb"[0-9a-f]{64,}")
_LENGTH = 64
_PAGE = 200
YOUNG_SECONDS = 3600.0
"""An artifact is never judged before it is that old: whoever kept it needs a moment to write what refers to it."""


async def sweep(store: Store, worker: Worker, before: int) -> int:
    """Remove the artifacts that were last wanted ``before`` (milliseconds) and that nothing refers to; how many."""
    old: set[bytes] = set()
    after = ""
    while page := await store.artifacts(before, after):
        old.update(key.encode() for key, _ in page)
        after = page[-1][0]
    if not old:
        return 0

    def named(body: bytes | None) -> set[bytes]:
        return _named_in(worker.seal.open(body) if worker.seal is not None and body else body or b"", old)

    async for found in _references(store, named):
        old -= found
        if not old:
            return 0
        await worker.clock.sleep(0)
    return await store.drop(sorted(key.decode() for key in old), before)


async def _references(store: Store, named: Callable[[bytes | None], set[bytes]]) -> AsyncIterator[set[bytes]]:
    """The keys that are referred to, as they are found."""
    place = ("", "")
    before: dict[tuple[str, int], set[bytes]] = {}
    while states := await store.states(place, _PAGE):
        for address, _, read in states:
            if found := named(read.prior):
                before.setdefault((address, read.turn), set()).update(found)
        yield set().union(*(named(read.value) for *_, read in states))
        place = states[-1][:2]
    id = 0
    while messages := await store.messages(statuses=list(Status), after=id, limit=_PAGE):
        yield set().union(*(named(message.body) for message in messages))
        for message in messages:  # what a value was before a turn is there for that turn, until it ends
            if message.status < Status.DONE and (message.address, message.turn) in before:
                yield before[message.address, message.turn]
        id = messages[-1].id
    waiting = None
    while waits := await store.waits(after=waiting, limit=_PAGE):
        yield set().union(*(named(wait.detail) for wait in waits))
        waiting = (waits[-1].address, waits[-1].turn, waits[-1].path)
    row = 0
    while rows := await store.history(row, _PAGE * 5):
        yield set().union(*(named(entry.body) for entry in rows))
        row = rows[-1].id


def _named_in(body: bytes, keys: set[bytes]) -> set[bytes]:
    """Those of these keys that stand anywhere in it, even within a longer row of digits."""
    found: set[bytes] = set()
    for match in _KEYS.finditer(body):
        run = match.group()
        found.update(run[n : n + _LENGTH] for n in range(len(run) - _LENGTH + 1))
    return found & keys


__all__ = ["YOUNG_SECONDS", "sweep"]
