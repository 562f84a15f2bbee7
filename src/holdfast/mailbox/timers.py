"""One timer per worker: it knows only the earliest due time; what is due is asked of the store's index when it comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .worker import Worker

_LONGEST_SECONDS = 3600.0
"""The wall clock may jump while we sleep on the monotonic one, so never sleep longer than this at a time."""


class Timers:
    """The earliest due time of everything this worker knows of."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._next = 0
        self._handle: asyncio.TimerHandle | None = None

    def add(self, due: int) -> None:
        """Something falls due at ``due`` (milliseconds)."""
        if due and (not self._next or due < self._next):
            self._arm(due)

    def next_is(self, due: int) -> None:
        """The store said what is due next (0 for nothing); what was added since may be earlier, and may be due already."""
        if self._next and (not due or self._next <= due):
            return
        self._next = 0
        if due:
            self._arm(due)

    def look_again(self) -> None:
        """The wall clock may have jumped since."""
        if self._next:
            self._arm(self._next)

    def _arm(self, due: int) -> None:
        self._next = due
        if self._handle is not None:
            self._handle.cancel()
        seconds = min(max((due - self._worker.clock.now_ms()) / 1000, 0), _LONGEST_SECONDS)
        self._handle = self._worker.call_later(seconds, self._due)

    def _due(self) -> None:
        self._handle = None
        if self._next > self._worker.clock.now_ms():
            self._arm(self._next)
        else:
            self._next = 0
            self._worker.claims.claim_soon()

    def stop(self) -> None:
        """Forget everything."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._next = 0
