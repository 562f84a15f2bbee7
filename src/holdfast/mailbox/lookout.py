"""``Lookout``: sees when what turns wait for outside answers again (a server of tools), and lets them all go on.

A waiting turn is a row of the verb ``source`` and knows nothing. For each source that a turn of this worker waits for there
is one look-out, however many turns wait: it asks again and again, ever more seldom. Turns that began to wait before this
process did, or whose worker is gone, have nobody who asks for them: of those one is let in now and then to try, and the
others when that went well.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import TYPE_CHECKING

from ..domain.errors import HoldfastError
from ..ports.store import Wait
from .letting import let_on

if TYPE_CHECKING:
    from .worker import Worker

log = logging.getLogger("holdfast")

SOURCE = "source"
"""The verb of the wait for a source of tools that answers."""
_FIRST_SECONDS = 0.2
_LONGEST_SECONDS = 5.0
_AGAIN_SECONDS = 1.0
_WAVE_SECONDS = 0.5
_SWEEP_SECONDS = 10.0
_PAGE = 500

Probe = Callable[[], Awaitable[bool]]
"""Whether it answers; never raises."""


class Lookout:
    """One worker's."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._watched: dict[tuple[str, Hashable], Probe] = {}
        self._sweeping = False
        self._tried: dict[str, set[tuple[str, int]]] = {}
        """Turns of unwatched sources that were let in to try, and how many at the last time."""

    def needed(self, name: str, key: Hashable, probe: Probe) -> None:
        """A turn is about to wait for the source of this name. ``key`` tells sources of one name apart."""
        if (name, key) not in self._watched and not self._worker.draining:
            self._watched[name, key] = probe
            self._worker.spawn(self._watch(name, key))

    def start(self) -> None:
        """Look for turns that nobody looks out for, now and from then on now and then."""
        if not self._sweeping and self._worker.models is not None:  # without models nobody thinks, and needs tools
            self._sweeping = True
            self._worker.spawn(self._sweep())

    def _looks_for(self, name: str) -> bool:
        return any(watched == name for watched, _ in self._watched)

    async def _watch(self, name: str, key: Hashable) -> None:
        worker, wait = self._worker, _FIRST_SECONDS
        try:
            while True:
                await worker.clock.sleep(wait * (0.75 + worker.random.uniform() / 2))
                if worker.draining:
                    return
                if await self._watched[name, key]():
                    break
                wait = min(wait * 2, _LONGEST_SECONDS)
        finally:
            del self._watched[name, key]
        log.info("%s answers again", name)
        # A turn that was about to wait when the source came back may not be a row yet: look until there is none.
        while not worker.draining and not self._looks_for(name) and await self._let_in(name):
            await worker.clock.sleep(_AGAIN_SECONDS)

    async def _let_in(self, name: str) -> bool:
        """Every turn that waits for this name; whether there was any."""
        try:
            found = [wait for wait in await self._waiting() if wait.name == name]
            for place in range(0, len(found), _PAGE):
                await asyncio.gather(*(let_on(self._worker, wait) for wait in found[place : place + _PAGE]))
        except HoldfastError as error:  # the store does not answer
            log.warning("turns that wait for %s could not be told that it is back, trying again: %s", name, error)
            return True
        return bool(found)

    async def _waiting(self) -> list[Wait]:
        found: list[Wait] = []
        after: tuple[str, int, str] | None = None
        while True:
            page = await self._worker.store.waits(verb=SOURCE, after=after, limit=_PAGE)
            found += page
            if len(page) < _PAGE:
                return sorted(found, key=lambda wait: wait.since)
            after = page[-1].address, page[-1].turn, page[-1].path

    async def _sweep(self) -> None:
        worker = self._worker
        try:
            while not worker.draining:
                moved = False
                with suppress(HoldfastError):  # the store does not answer: at the next sweep
                    moved = await self._try_unwatched()
                await worker.clock.sleep(_WAVE_SECONDS if moved else _SWEEP_SECONDS)
        finally:
            self._sweeping = False

    async def _try_unwatched(self) -> bool:
        """Let in the oldest turn of every name that nobody looks out for here, twice as many as before if those went on.
        Whether there may soon be more to do."""
        lines: dict[str, list[Wait]] = {}
        for wait in await self._waiting():
            if not self._looks_for(wait.name):
                lines.setdefault(wait.name, []).append(wait)
        tried, self._tried = self._tried, {}
        for name, line in lines.items():
            before = tried.get(name, set())
            went_on = before and not any((wait.address, wait.turn) in before for wait in line)
            room = min(len(before) * 2, _PAGE) if went_on else 1
            self._tried[name] = {(wait.address, wait.turn) for wait in line[:room]}
            await asyncio.gather(*(let_on(self._worker, wait) for wait in line[:room]))
        return any(name not in tried or tried[name].isdisjoint(now) for name, now in self._tried.items())


__all__ = ["SOURCE", "Lookout", "Probe"]
