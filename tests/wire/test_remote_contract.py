"""The public store contract over the store of a running server, reached through its wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest

from holdfast.adapters.remote import RemoteStore
from holdfast.adapters.sqlite import SqliteStore
from holdfast.domain.errors import NotFound
from holdfast.domain.limits import Limits
from holdfast.link import Endpoint, Listener, Peer
from holdfast.link.frames import Hello, Raw
from holdfast.ports.store import Store
from holdfast.protocols.wire.hub import Hub
from holdfast.testing.contracts import StoreContract


class Served:
    """A store behind a listener, with no worker of its own."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.hub = Hub(store, self._spawn)
        self.listener = Listener(Endpoint(port=0), self, Hello("test", "served"))
        self._tasks: set[asyncio.Task[None]] = set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def begin(self, peer: Peer) -> None: ...

    async def request(self, peer: Peer, name: str, body: Raw) -> Any:
        return await self.hub.request(peer, name, body)

    def stream(self, peer: Peer, name: str, body: Raw) -> AsyncIterator[Any]:
        raise NotFound("operation.unknown", "This server has no streams.")

    def end(self, peer: Peer) -> None:
        self.hub.gone(peer)

    async def stop(self) -> None:
        self.listener.hang_up()
        await asyncio.sleep(0.01)
        await asyncio.gather(*self._tasks)
        await self.store.close()


class ServedStore(RemoteStore):
    """A remote store that takes its server along when it is closed."""

    served: Served
    mine = False

    async def close(self) -> None:
        await super().close()
        if self.mine:
            await self.served.stop()


class TestRemote(StoreContract):
    """holdfast://, a worker of another process at a server's SQLite store."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    async def _serve(self, inner: Store, limits: Limits) -> ServedStore:
        await inner.open()
        served = Served(inner)
        at = await served.listener.start()
        store = ServedStore(at.url, limits)
        store.served, store.mine = served, True
        await store.open()
        return store

    async def make(self, limits: Limits) -> Store:
        return await self._serve(SqliteStore(f"sqlite:///{self.folder}/store.db", limits), limits)

    async def reopen(self, store: Store) -> Store:
        assert isinstance(store, ServedStore)
        await store.close()
        return await self._serve(store.served.store, store.limits)

    async def another(self, store: Store) -> Store:
        assert isinstance(store, ServedStore)
        other = ServedStore(store.url, store.limits)
        other.served = store.served
        await other.open()
        return other
