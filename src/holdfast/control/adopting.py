"""Letting a turn go on with another version of its code than it began with; its replay says whether that fits."""

from __future__ import annotations

from ..domain.address import name_of
from ..domain.errors import Conflict
from ..domain.message import Status
from ..mailbox.worker import Worker
from ..ports.store import Commit, Mark, Stored
from ..turn.definition import Registry


async def adopt(worker: Worker, registry: Registry, address: str, stored: Stored, version: str) -> None:
    """Give an open turn another version. Raises ``Conflict(turn.running)`` for one that runs at this moment."""
    active = worker.holdings.actives.get(address)
    if active is not None:
        if active.running:
            raise Conflict(
                "turn.running",
                f"{address} runs at this moment. Try again when it waits, or pause it first (holdfast pause).",
                address=address,
            )
        await worker.holdings.let_go(active)
    # it begins again from its journal as soon as somebody has the agent, as after a restart
    mark = Mark(stored.id, Status.RUNNING, stored.turn, version)
    await worker.committer.submit_commit(Commit(marks=[mark]))
    await _forget_need(worker, registry, address, stored.version)
    worker.claims.claim_soon()


async def _forget_need(worker: Worker, registry: Registry, address: str, old: str) -> None:
    """Whoever held the agent last may have said that it needs the old version. Only one who serves that version can take
    it and release it without a need, so for this moment we say that we do."""
    serves = registry.serves()
    name = name_of(address)
    await worker.store.serve(worker.session, {**serves, name: (*serves.get(name, ()), old)})
    try:
        [lease] = await worker.store.lease(worker.session, [address])
        if lease is not None and address not in worker.holdings.actives:
            await worker.store.release(worker.session, [lease])
    finally:
        await worker.store.serve(worker.session, serves)
