"""``Usher``: lets turns that wait for a model vendor back in, oldest first, a few at the beginning and more as it goes well.

A waiting turn is a row and knows nothing. The usher looks at those rows only while there are any: one is let in when a
target of its route may be tried again, and if that goes well, twice as many every time.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ..domain.errors import Conflict, HoldfastError
from ..domain.message import Kind, Message, Outcome
from ..journal.codec import encode_message, encode_outcome
from ..ports.store import Commit, Send, Wait

if TYPE_CHECKING:
    from .worker import Worker

_WAVE_SECONDS = 0.1
_SWEEP_SECONDS = 5.0
_PAGE = 10_000


class Usher:
    """One worker's."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._at = 0.0
        self._running = False
        self._wave = 1
        self._line: list[Wait] = []

    def needed(self, route: str, seconds: float) -> None:
        """A turn is about to wait for this route, which may be tried again after so long."""
        self._wave = 1
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

    async def _let_in(self) -> float:
        """Let a wave in; how long until the next look."""
        worker, models = self._worker, self._worker.models
        assert models is not None
        if not self._line:
            self._line = await worker.store.waits(verb="provider", limit=_PAGE)
            self._line.sort(key=lambda w: (w.since, w.address, w.turn))
            if not self._line:
                self._wave = 1
                return _SWEEP_SECONDS
        free_in: dict[str, float] = {}
        sends: list[Send] = []
        later: list[Wait] = []
        room = min(self._wave, max(1, worker.limits.turns - worker.scheduler.running))
        for wait in self._line:
            seconds = free_in.get(wait.name)
            if seconds is None:
                seconds = free_in[wait.name] = models.free_in(wait.name)
            if seconds > 0 or len(sends) >= room:
                later.append(wait)
                continue
            sends.append(self._word(wait))
            if models.ailing(wait.name):
                free_in[wait.name] = _WAVE_SECONDS * 2  # one probe tells
        self._line = later
        if sends:
            for send in sends:
                worker.spawn(self._tell(send))
            self._wave = min(self._wave * 2, worker.limits.turns)
            return _WAVE_SECONDS
        return min(free_in.values(), default=_SWEEP_SECONDS)

    async def _tell(self, send: Send) -> None:
        with suppress(Conflict):  # another worker's usher was first
            await self._worker.outcomes.deliver(Commit(sends=[send]), None)

    def _word(self, wait: Wait) -> Send:
        worker = self._worker
        message = Message(
            wait.address,
            Kind.ANSWER,
            wait.path,
            encode_outcome(Outcome()),
            key=f"provider:{wait.turn}:{wait.path}:{wait.since}",
            turn=wait.turn,
            created=worker.clock.now_ms(),
        )
        return Send(message, worker.sealed(encode_message(message)))
