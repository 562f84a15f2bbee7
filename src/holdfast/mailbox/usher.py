"""``Usher``: lets turns that wait for a model vendor back in, oldest first, a few at the beginning and more as it goes well.

A waiting turn is a row and knows nothing. The usher looks at those rows only while there are any: one is let in when a
target of its route may be tried again, and if that goes well, twice as many every time. Each route has a line of its own,
read from its front, so that neither a longer line nor one that does not move holds up another.
"""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING

from ..domain.errors import HoldfastError
from ..ports.store import Wait
from .letting import let_on

if TYPE_CHECKING:
    from .worker import Worker

_WAVE_SECONDS = 0.1
_SWEEP_SECONDS = 5.0
_PAGE = 4_000
"""As far as a line is read at once; more than are let in before the next look."""


class Usher:
    """One worker's."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._at = 0.0
        self._running = False
        self._wave = 1
        self._lines: dict[str, list[Wait]] = {}
        self._read_at = 0.0
        self._short = True
        """A line ended here, but perhaps not in the store."""
        self._told: set[tuple[str, int, str, int]] = set()
        """Who was let in since the lines were read, and whose row may still be there."""

    def needed(self, route: str, seconds: float) -> None:
        """A turn is about to wait for this route, which may be tried again after so long."""
        self._wave = 1
        self._short = self._short or route not in self._lines
        self._look_in(seconds)

    def recovered(self) -> None:
        """A target answers again."""
        self._look_in(0.0)

    def start(self) -> None:
        """Look for turns that waited before this process began, and from then on now and then."""
        self._look_in(_SWEEP_SECONDS / 10)

    def _look_in(self, seconds: float) -> None:
        worker = self._worker
        if worker.models is None or worker.draining:
            return
        at = worker.clock.monotonic() + seconds
        if not self._running:
            self._running, self._at = True, at
            worker.spawn(self._run())
        else:
            self._at = min(self._at, at)

    async def _run(self) -> None:
        worker = self._worker
        try:
            while not worker.draining:
                while (left := self._at - worker.clock.monotonic()) > 0:
                    await worker.clock.sleep(min(left, _WAVE_SECONDS))
                self._at = worker.clock.monotonic() + _SWEEP_SECONDS
                try:
                    wait = await self._let_in()
                except HoldfastError:
                    continue  # the store does not answer: at the next sweep
                self._at = min(self._at, worker.clock.monotonic() + wait)
        finally:
            self._running = False

    async def _read(self) -> None:
        """Read the front of every line, if that may say anything new."""
        now = self._worker.clock.monotonic()
        if not self._short and now < self._read_at:
            return
        found: dict[str, list[Wait]] = {}
        seen: set[tuple[str, int, str, int]] = set()
        for wait in await self._worker.store.longest("provider", _PAGE):
            if _who(wait) in self._told:
                seen.add(_who(wait))
            else:
                found.setdefault(wait.name, []).append(wait)
        self._lines, self._told = found, seen
        self._read_at = now + _SWEEP_SECONDS
        self._short = False

    async def _let_in(self) -> float:
        """Let a wave in; how long until the next look."""
        worker, models = self._worker, self._worker.models
        assert models is not None
        await self._read()
        if not self._lines:
            self._wave = 1
            self._short = True
            return _SWEEP_SECONDS
        room = min(self._wave, max(1, worker.limits.turns - worker.scheduler.running))
        free_in = {name: models.free_in(name) for name in self._lines}
        open_ = [line[:1] if models.ailing(name) else line for name, line in self._lines.items() if free_in[name] <= 0]
        wave = [wait for wait, _ in zip(merge(*open_, key=_age), range(room), strict=False)]
        if not wave:
            return min(max(seconds, _WAVE_SECONDS) for seconds in free_in.values())
        for wait in wave:
            self._told.add(_who(wait))
            worker.spawn(self._tell(wait))
        for name in {wait.name for wait in wave}:
            self._lines[name] = [wait for wait in self._lines[name] if _who(wait) not in self._told]
            if not self._lines[name]:
                del self._lines[name]
                self._short = True
        self._wave = min(self._wave * 2, worker.limits.turns)
        return _WAVE_SECONDS

    async def _tell(self, wait: Wait) -> None:
        try:
            await let_on(self._worker, wait)
        except HoldfastError:
            self._told.discard(_who(wait))  # nobody told it: it is still in the line
            raise


def _who(wait: Wait) -> tuple[str, int, str, int]:
    return wait.address, wait.turn, wait.path, wait.since


def _age(wait: Wait) -> tuple[int, str, int]:
    return wait.since, wait.address, wait.turn
