"""A process for the fault tests: enlists at a PostgreSQL store, takes an agent, beats, and commits when it is told to.

Run as ``python postgres_worker.py URL LEASE_SECONDS``. It prints ``holding`` and then, for every line on its standard input,
tries one commit and prints ``committed`` or the code that refused it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from holdfast.adapters.postgres import PostgresStore
from holdfast.domain.errors import HoldfastError
from holdfast.domain.limits import Limits
from holdfast.domain.message import Kind, Message, Status
from holdfast.ports.store import Commit, EntryRow, Send, Worker

AGENT = "default/counter/victim"


async def work(url: str, lease_seconds: float) -> None:
    """See the module."""
    store = PostgresStore(url, Limits())
    await store.open()
    session = await store.enlist(Worker("child", {"counter": ("v1",)}, "", os.getpid(), lease_seconds), lambda _: None)
    [lease] = await store.lease(session, [AGENT])
    assert lease is not None
    running = Send(Message(AGENT, Kind.REQUEST, "add", b""), b"", Status.RUNNING, 1, "v1")
    await store.commit(session, [Commit(lease=lease, entries=[EntryRow(1, 1, b"begun", b"1")], sends=[running])])
    print("holding", flush=True)
    beating = asyncio.create_task(beat(store, session))
    seq = 1
    while await asyncio.to_thread(sys.stdin.readline):
        seq += 1
        [receipt] = await store.commit(session, [Commit(lease=lease, entries=[EntryRow(seq, 1, b"late", b"2")])])
        print(receipt.error.code if receipt.error else "committed", flush=True)
    beating.cancel()


async def beat(store: PostgresStore, session: str) -> None:
    """Once a second, for as long as it goes."""
    while True:
        with contextlib.suppress(HoldfastError):
            await store.beat(session)
        await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], float(sys.argv[2])))
