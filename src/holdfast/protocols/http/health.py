"""Health: ``/healthz`` says that the process answers, ``/readyz`` that it can do its work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ...domain.errors import HoldfastError
from ...mailbox.worker import Worker
from ...ports.store import Store
from .requests import Request

_STORE_SECONDS = 2.0


class Health:
    """See the module. Nothing here needs a token: it tells nothing that a load balancer may not know."""

    def __init__(self, store: Store, worker: Worker, stopping: Callable[[], bool]) -> None:
        self._store = store
        self._worker = worker
        self._stopping = stopping

    async def alive(self, request: Request) -> None:
        """``GET /healthz``."""
        await request.json(200, {"ok": True})

    async def ready(self, request: Request) -> None:
        """``GET /readyz``: 503 with what is wrong."""
        wrong = await self.wrong()
        body: dict[str, Any] = {"ready": not wrong, "wrong": wrong}
        await request.json(503 if wrong else 200, body, [(b"retry-after", b"5")] if wrong else [])

    async def wrong(self) -> list[str]:
        """What keeps this process from doing its work."""
        found: list[str] = []
        if self._stopping() or self._worker.draining:
            found.append("draining: it takes no more work")
        if not self._worker.session:
            found.append("session lost: it is not enlisted at the store")
        if self._worker.committer.stalled is not None:
            found.append(f"commits stalled: {self._worker.committer.stalled.code}")
        try:
            async with asyncio.timeout(_STORE_SECONDS):
                await self._store.message(0)
        except TimeoutError:
            found.append(f"store silent for {_STORE_SECONDS:g} s")
        except HoldfastError as error:
            found.append(f"store unreachable: {error.code}")
        return found
