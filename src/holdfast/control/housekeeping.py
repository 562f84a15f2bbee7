"""Operations on the process and its store: what it is, who works, draining, copies, forgetting."""

from __future__ import annotations

import os
import socket
from typing import Protocol

from ..domain.errors import NotFound
from ..domain.principal import EVERY_TENANT, Principal
from ..mailbox.worker import Worker
from ..ports.store import Store
from ..sdk.declared import Document
from ..secrets import masked
from ..turn.definition import Registry
from .holds import held_in
from .registry import operation
from .sweeping import YOUNG_SECONDS, sweep
from .views import Done, ServerView, WorkerView


class Host(Protocol):
    """What only the process around the operations can tell and do."""

    name: str

    def drain(self) -> None:
        """Let this process finish and end."""
        ...

    def try_agent(self, document: Document) -> None:
        """Whether an agent that is to be declared can be made here: raises what is wrong with it."""
        ...


class HousekeepingOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    registry: Registry
    principal: Principal
    host: Host | None

    @operation(path="GET /now", command="version", changes=False)
    async def now(self) -> int:
        """Tell the server's time, in milliseconds since 1970."""
        return self.worker.clock.now_ms()

    @operation(path="GET /server", command="version", changes=False)
    async def info(self) -> ServerView:
        """Tell what this process is."""
        from .. import __version__

        name, serves = self.host.name if self.host else "", sorted(self.registry.latest)
        if self.principal.tenant != EVERY_TENANT:  # where it runs and what else it does is its owner's business
            return ServerView(version=__version__, name=name, pid=0, host="", store="", serves=serves, warm=0, in_memory=0)
        return ServerView(
            version=__version__,
            name=name,
            pid=os.getpid(),
            host=socket.gethostname(),
            store=masked(self.store.url),
            serves=serves,
            warm=len(self.worker.holdings.actives),
            in_memory=sum(len(a.running) for a in self.worker.holdings.actives.values()),
        )

    @operation(path="GET /workers", command="workers", changes=False)
    async def workers(self) -> list[WorkerView]:
        """List the processes that run turns on this store."""
        return [
            WorkerView(
                name=w.name,
                session=session,
                host=w.host,
                pid=w.pid,
                serves=sorted(w.serves),
                here=session == self.worker.session,
            )
            for session, w in await self.store.workers()
        ]

    @operation(path="POST /workers/drain", command="drain", destroys=True, errors=("worker.unknown",))
    async def drain(self, name: str = "") -> Done:
        """Let a worker (this server, if none is named) take no more work, finish what it does, and end."""
        if self.host is not None and name in ("", self.host.name):
            self.host.drain()
            return Done(note="the server drains", count=1)
        told = await self.store.drain(name) if name else 0
        if not told:
            raise NotFound(
                "worker.unknown", f"No worker is called {name!r} here. `holdfast workers` shows those that are.", worker=name
            )
        return Done(note=f"{name} drains", count=told)

    @operation(path="POST /backup", command="backup", again=False, errors=("backup.exists", "store.no_backup"))
    async def backup(self, target: str) -> Done:
        """Write a consistent copy of the store to a file, while everything runs."""
        await self.store.backup(target)
        return Done(note=f"wrote {target}")

    @operation(path="POST /compact", command="compact", destroys=True)
    async def compact(self, older_than_seconds: float = 0) -> Done:
        """Forget turns that ended longer ago than this, and images and files (an hour old at least) that nothing refers to
        any more."""
        now = self.worker.clock.now_ms()
        before = now - int(older_than_seconds * 1000)
        await self._sign_before_forgetting()
        total = 0
        while True:
            removed = await self.store.compact(before, 1_000, await held_in(self.store))
            total += removed
            if not removed:
                swept = await sweep(self.store, self.worker, min(before, now - int(YOUNG_SECONDS * 1000)))
                kept = f" and {swept} images and files" if swept else ""
                return Done(note=f"removed {total} rows{kept}", count=total)
            await self.worker.clock.sleep(0)

    async def _sign_before_forgetting(self) -> None:
        """See ``AuditOperations``."""
        raise NotImplementedError
