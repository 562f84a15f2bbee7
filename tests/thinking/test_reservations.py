"""A hundred thousand reservations over four workers of one store (twenty thousand on PostgreSQL), and exactly the limit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.adapters.postgres import PostgresStore
from holdfast.adapters.system import SystemClock, SystemRandom
from holdfast.bootstrap.stores import make_store
from holdfast.domain.errors import LimitExceeded
from holdfast.domain.limits import Limits
from holdfast.mailbox.worker import Worker
from holdfast.ports import store as ports
from holdfast.ports.ledger import Amounts, Bounds, Budget
from holdfast.ports.store import Commit, Store


async def worker(store: Store, name: str) -> Worker:
    made = Worker(store, SystemClock(), SystemRandom(), Limits(), None)
    session = await store.enlist(ports.Worker(name, {}, lease_seconds=60.0), lambda signal: None)
    made.begin_session(session, frozenset())
    return made


async def spend(one: Worker, times: int) -> int:
    """Reserve, settle for less, again and again; how often it was allowed."""
    allowed = 0
    amounts = Amounts(10, 10, 1)
    for n in range(times):
        try:
            reservation = one.budgets.reserve_at_once(("system",), "", amounts)
            if reservation is None or not reservation.held:
                reservation = await one.budgets.reserve(("system",), "", amounts)
        except LimitExceeded:
            continue
        assert reservation is not None
        allowed += 1
        charges = one.budgets.settle(reservation, Amounts(10, 10, 1))
        written = one.committer.submit_commit(Commit(charges=charges))
        if n % 50 == 0:
            await written
    await one.committer.drain()
    return allowed


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_they_never_overshoot(kind: str, tmp_path: Any, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    if kind == "postgres":
        url = f"{request.getfixturevalue('postgres_url')}?schema=reservations"
    store = make_store(url, Limits())
    await store.open()
    stores = [store, *(make_store(url, Limits()) for _ in range(3))] if kind == "postgres" else [store] * 4
    try:
        for other in stores[1:]:
            if isinstance(other, PostgresStore):
                await other.open()
        times = 25_000 if kind == "sqlite" else 5_000
        limit = times * 4 * 6 // 10
        await store.set_budget(Budget("b", "system", "ever", Bounds(calls=limit)))
        workers = [await worker(s, f"w{n}") for n, s in enumerate(stores)]
        allowed = await asyncio.gather(*(spend(w, times) for w in workers))
        (row,) = await store.spending("b")
        assert row.spent.calls == sum(allowed) == limit
        assert row.outstanding.calls == 0
    finally:
        for s in dict.fromkeys(stores):
            await s.close()
