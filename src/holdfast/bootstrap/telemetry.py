"""``Telemetry``: sends what happens to an OTLP receiver, from the journal, after it was committed.

It begins with what happens after its start and reads the whole store, so let one server of a store have it. A receiver that
does not answer costs nothing but its data: after a while what it did not take is given up, and the log says so.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

from .. import __version__
from ..domain.entry import StoredEntry
from ..domain.errors import HoldfastError, Unavailable
from ..domain.message import Message
from ..insight.tailing import Tail
from ..insight.telemetry.spans import Span, Spans
from ..journal.codec import decode_entry
from ..mailbox.worker import Worker
from ..ports.store import Store

log = logging.getLogger("holdfast.telemetry")

_LOOK_SECONDS = 1.0
_SEND_SECONDS = 10.0


class Telemetry:
    """See the module. ``endpoint``: ``http://collector:4318``. Raises ``Unavailable(otel.not_installed)``."""

    def __init__(self, store: Store, worker: Worker, endpoint: str, service: str = "holdfast") -> None:
        try:
            from ..adapters.otlp import Otlp
        except ImportError as error:
            raise Unavailable(
                "otel.not_installed",
                f"Telemetry needs OpenTelemetry's SDK, which is not installed ({error}). "
                "Install it: pip install 'holdfast[otel]'.",
            ) from error
        about: dict[str, Any] = {
            "service.name": service,
            "service.version": __version__,
            "host.name": socket.gethostname(),
        }
        self._otlp = Otlp(endpoint, about, _SEND_SECONDS)
        self._store = store
        self._worker = worker
        self._tail = Tail(store, worker.clock, worker.seal)
        self._spans = Spans(self._message, self._begin)
        self.sent = self.lost = 0

    async def begin(self) -> None:
        """Send what happens from now on."""
        await self._tail.to_the_end()

    async def run(self) -> None:
        """Read and send until it is cancelled."""
        while True:
            try:
                more = await self.step()
            except HoldfastError as error:
                log.warning("telemetry could not read the store: %s", error)
                more = False
            if not more:
                await self._worker.clock.sleep(_LOOK_SECONDS)

    async def step(self) -> bool:
        """One page of the journal; whether there may be more."""
        page = await self._tail.page()
        spans = [span for seen in page for span in await self._spans.of(seen)]
        if spans:
            await self._send(spans)
        return bool(page)

    async def _send(self, spans: list[Span]) -> None:
        try:
            taken = await asyncio.to_thread(self._otlp.send, spans)
        except Exception as error:  # whatever a transport raises: the runtime goes on without its telemetry
            log.debug("the receiver failed", exc_info=error)
            taken = False
        if taken:
            self.sent += len(spans)
        else:
            self.lost += len(spans)
            log.warning("%d spans were not taken by the receiver and are given up", len(spans))

    async def _message(self, id: int) -> Message | None:
        row = await self._store.message(id)
        return self._worker.loader.item(row).message if row is not None else None

    async def _begin(self, address: str, turn: int) -> StoredEntry | None:
        rows = await self._store.entries(address, turn - 1, 1, turn)
        if not rows:
            return None
        seal = self._worker.seal
        return decode_entry(seal.open(rows[0].body) if seal is not None else rows[0].body)

    def close(self) -> None:
        """Let go of the connection."""
        self._otlp.close()


__all__ = ["Telemetry"]
