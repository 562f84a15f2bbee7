"""Names a handler that blocks the event loop: a thread looks at the loop's stack when it has not moved for too long.

The thread sleeps while no turn runs, so an idle process stays idle.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .worker import Worker

log = logging.getLogger("holdfast")


class Watchdog:
    """Watches one loop."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._limit = worker.limits.block_warning_ms / 1000
        self._armed = threading.Event()
        self._stopping = False
        self._moved = 0.0
        self._thread: threading.Thread | None = None
        self._loop_thread = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin watching; a limit of 0 means never."""
        if not self._limit:
            return
        self._loop_thread = threading.get_ident()
        self._thread = threading.Thread(target=self._watch, name="holdfast-watchdog", daemon=True)
        self._thread.start()
        self._worker.scheduler.on_busy = self._arm

    def _arm(self) -> None:
        if not self._armed.is_set() and not self._stopping:
            self._moved = self._worker.clock.monotonic()
            self._armed.set()
            self._timer = self._worker.call_later(self._limit / 2, self._tick)

    def _tick(self) -> None:
        self._moved = self._worker.clock.monotonic()
        if self._worker.scheduler.running and not self._stopping:
            self._timer = self._worker.call_later(self._limit / 2, self._tick)
        else:
            self._armed.clear()

    def _watch(self) -> None:
        told = 0.0
        while not self._stopping:
            self._armed.wait()
            if self._stopping:
                return
            threading.Event().wait(self._limit)
            still = self._worker.clock.monotonic() - self._moved
            if still > self._limit * 1.5 and self._moved != told and self._armed.is_set():
                told = self._moved
                self._tell(still)

    def _tell(self, seconds: float) -> None:
        frame = sys._current_frames().get(self._loop_thread)  # pyright: ignore[reportPrivateUsage]
        if frame is None:
            return
        where = "".join(traceback.format_stack(frame)[-8:])
        log.warning(
            "The event loop has been blocked for %.1f s; no other agent of this worker can move. Make the handler `def` "
            "instead of `async def`, or run the blocking call with ctx.run. It is here:\n%s",
            seconds,
            where,
        )

    def stop(self) -> None:
        """Stop watching."""
        self._stopping = True
        self._armed.set()
        if self._timer is not None:
            self._timer.cancel()
