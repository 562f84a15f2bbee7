"""Images and files by what refers to them: forgetting those that nothing in their tenant names any more,
and finding out whose those are that were kept before they were a tenant's own.

Nobody counts references: a value may carry one anywhere, and a count that is wrong once loses somebody's picture. Instead,
now and then, everything that is kept is read and searched for the keys of old artifacts: whatever looks like one counts. It
reads the store once, in pieces, and only if there is something old enough to be judged.

States are read first, then messages, then journals: that is the way on which a value goes on, so that one which moves
meanwhile is met behind the reader at the latest. What somebody keeps again meanwhile is young again, and stays. Only a
tenant's own words count: what another tenant says of a key keeps nothing.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from ..domain.address import tenant_of
from ..domain.message import Status
from ..mailbox.worker import Worker
from ..ports.store import UNCLAIMED, Store

Named = tuple[str, bytes]
"""A tenant, and a key that it named."""

_KEYS = re.compile(rb"[0-9a-f]{64,}")
_LENGTH = 64
_PAGE = 200
_EVER = 1 << 62
YOUNG_SECONDS = 3600.0
"""An artifact is never judged before it is that old: whoever kept it needs a moment to write what refers to it."""


async def sweep(store: Store, worker: Worker, before: int) -> int:
    """Remove the artifacts that were last wanted ``before`` (milliseconds) and that nothing refers to; how many."""
    old = await _old(store, before)
    if not old:
        return 0
    async for found in _references(store, worker, {key for _, key in old}):
        old -= found
        if not old:
            return 0
        await worker.clock.sleep(0)
    dropped = 0
    for tenant in sorted({tenant for tenant, _ in old}):
        dropped += await store.drop(tenant, sorted(key.decode() for whose, key in old if whose == tenant), before)
    return dropped


async def claim_kept(store: Store, worker: Worker) -> int:
    """Give what is nobody's yet to the tenants that refer to it; how many had to be looked for.

    Only a store with several tenants that was written before blobs were a tenant's own has any. It may be done twice, also
    by two at once: a blob is its tenants' before it is nobody's any more.
    """
    if not (keys := {key for _, key in await _old(store, _EVER, UNCLAIMED)}):
        return 0
    async for found in _references(store, worker, keys):
        for tenant, key in found:
            if (body := await store.artifact(UNCLAIMED, key.decode())) is not None:
                await store.keep(tenant, {key.decode(): body}, worker.clock.now_ms())
        await worker.clock.sleep(0)
    await store.drop(UNCLAIMED, sorted(key.decode() for key in keys), _EVER)
    return len(keys)


async def _old(store: Store, before: int, tenant: str = "") -> set[Named]:
    """What was last wanted before a moment, of one tenant or of all."""
    old: set[Named] = set()
    after = (tenant, "")
    while page := [row for row in await store.artifacts(before, after) if tenant in ("", row[0])]:
        old.update((whose, key.encode()) for whose, key, _ in page)
        after = page[-1][:2]
    return old


async def _references(store: Store, worker: Worker, keys: set[bytes]) -> AsyncIterator[set[Named]]:
    """Which tenant refers to which of these keys, as it is found."""

    def named(address: str, body: bytes | None) -> set[Named]:
        plain = worker.seal.open(body) if worker.seal is not None and body else body or b""
        return {(tenant_of(address), key) for key in _named_in(plain, keys)}

    place = ("", "")
    before: dict[tuple[str, int], set[Named]] = {}
    while states := await store.states(place, _PAGE):
        for address, _, read in states:
            if found := named(address, read.prior):
                before.setdefault((address, read.turn), set()).update(found)
        yield set().union(*(named(address, read.value) for address, _, read in states))
        place = states[-1][:2]
    id = 0
    while messages := await store.messages(statuses=list(Status), after=id, limit=_PAGE):
        yield set().union(*(named(message.address, message.body) for message in messages))
        for message in messages:  # what a value was before a turn is there for that turn, until it ends
            if message.status < Status.DONE and (message.address, message.turn) in before:
                yield before[message.address, message.turn]
        id = messages[-1].id
    waiting = None
    while waits := await store.waits(after=waiting, limit=_PAGE):
        yield set().union(*(named(wait.address, wait.detail) for wait in waits))
        waiting = (waits[-1].address, waits[-1].turn, waits[-1].path)
    row = 0
    while rows := await store.history(row, _PAGE * 5):
        yield set().union(*(named(entry.address, entry.body) for entry in rows))
        row = rows[-1].id


def _named_in(body: bytes, keys: set[bytes]) -> set[bytes]:
    """Those of these keys that stand anywhere in it, even within a longer row of digits."""
    found: set[bytes] = set()
    for match in _KEYS.finditer(body):
        run = match.group()
        found.update(run[n : n + _LENGTH] for n in range(len(run) - _LENGTH + 1))
    return found & keys


__all__ = ["YOUNG_SECONDS", "claim_kept", "sweep"]
