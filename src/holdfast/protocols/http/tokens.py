"""Whose token it is: looked up in the store, remembered for a moment."""

from __future__ import annotations

import msgspec

from ...control.outside import PREFIX, Held, address_of, id_of
from ...journal.codec import Shape
from ...mailbox.worker import Worker
from ...ports.store import Store

_SECONDS = 5.0
_MOST = 10_000
_SHAPE = Shape(Held)


class Tokens:
    """See the module. A revoked token is refused everywhere after at most five seconds."""

    def __init__(self, store: Store, worker: Worker) -> None:
        self._store = store
        self._worker = worker
        self._known: dict[str, tuple[float, Held | None]] = {}

    async def whose(self, secret: str) -> Held | None:
        """What a token stands for; None if nothing."""
        now = self._worker.clock.monotonic()
        found = self._known.get(secret)
        if found is not None and now - found[0] < _SECONDS:
            return found[1]
        held = await self._read(secret) if secret.startswith(PREFIX) else None
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[secret] = now, held
        return held

    async def _read(self, secret: str) -> Held | None:
        rows = await self._store.state(address_of(id_of(secret)))
        row = rows.get("held")
        if row is None or row.value is None:
            return None
        body = self._worker.seal.open(row.value) if self._worker.seal is not None else row.value
        return _SHAPE.decode(msgspec.Raw(body), "token")
