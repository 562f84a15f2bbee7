"""``Relay``: what happens inside turns is heard on other workers, too, where somebody listens there.

Who listens says so to all workers, again every few seconds; a worker that was told carries what happens in that agent's
turns to whoever said it, in batches, and forgets them when they fall silent. So nothing is kept, nothing is waited for, and
where nobody listens nothing is said.

Notes can be lost, and a worker can die in the middle of an answer. Pieces of an answer are numbered from its beginning on:
where a number is missing nothing more of that answer is passed on, and the listener is told (``LOST``). A listener never
gets an answer with a hole in it, nor one put together of two.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from ..domain.address import name_of
from ..domain.conversation import PartGrew
from ..domain.errors import HoldfastError
from ..ports.notes import NOTE_BYTES, Note
from ..ports.store import Signal
from . import carried
from .carried import Carried, Pieces, Watched, WhoListens
from .feed import LOST

if TYPE_CHECKING:
    from .worker import Worker

log = logging.getLogger("holdfast")

RENEW_SECONDS = 3.0
FORGET_SECONDS = 10.0
"""For so long a listener elsewhere is believed; it renews three times in that."""
BATCH_SECONDS = 0.05
_BATCH_CHARS = 500_000
"""More than so much is not kept for a store that is slow to tell it."""
_COUNTED = 10_000
"""Answers whose pieces are counted, on either side."""

Step = tuple[str, str, str]
"""An agent's address, a message's trace, a step's path."""


class _Heard(msgspec.Struct):
    """How far an answer of another worker was heard. ``due`` is the number that comes next, -1 if one was missing;
    ``before`` are the sessions that answered this step before ``sender`` did."""

    sender: str
    due: int = 1
    before: frozenset[str] = frozenset()


class Relay:
    """See the module."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._feed = worker.feed
        self._feed.carry = self._take
        self._listened: dict[str, int] = {}
        self._heard: OrderedDict[Step, _Heard] = OrderedDict()
        self._renewing = False
        self._watchers: dict[str, dict[str, float]] = {}
        self._feed.afar = self._watchers
        self._counts: OrderedDict[Step, int] = OrderedDict()
        self._batch: dict[str, list[tuple[str, str, Any]]] = {}
        self._chars = 0
        self._sending = False

    # -- listening here to what happens elsewhere ---------------------------------------------------------------

    async def listen(self, address: str) -> Callable[[], None]:
        """Let what happens in an agent's turns come here, wherever they run. When this returns, every worker that takes a
        message which is sent from here on has been told; the function returned ends it."""
        self._listened[address] = self._listened.get(address, 0) + 1
        if not self._renewing:
            self._renewing = True
            self._worker.spawn(self._renew())
        try:
            await self._announce([address])
        except asyncio.CancelledError:
            self._stop(address)
            raise
        return partial(self._stop, address)

    def _stop(self, address: str) -> None:
        left = self._listened[address] = self._listened[address] - 1
        if not left:
            del self._listened[address]
            for step in [step for step in self._heard if step[0] == address]:
                del self._heard[step]

    async def _renew(self) -> None:
        try:
            while self._listened:
                await self._worker.clock.sleep(RENEW_SECONDS)
                await self._announce(list(self._listened))
        finally:
            self._renewing = False

    async def begin(self) -> None:
        """A new session has begun: it does not know who listens, and nobody knows that it does."""
        await self._tell([(carried.encode(WhoListens()), ())])
        await self._announce(list(self._listened))

    async def _announce(self, addresses: list[str], to: tuple[str, ...] = ()) -> None:
        if addresses:
            await self._tell([(body, to) for body in carried.pack_watched(addresses)])

    # -- what happens here, for who listens elsewhere -----------------------------------------------------------

    def _take(self, address: str, trace: str, path: str, what: Any) -> None:
        batch = self._batch.setdefault(address, [])
        if isinstance(what, PartGrew):
            self._chars += len(what.text)
            if batch and _continues(batch[-1], trace, path, what):
                batch[-1] = (trace, path, PartGrew(what.index, batch[-1][2].text + what.text, what.signature))
                what = None
        if what is not None:
            batch.append((trace, path, what))
            self._chars += 100
        if self._chars > _BATCH_CHARS:
            self._drop()
        elif not self._sending:
            self._sending = True
            self._worker.spawn(self._send())

    def _drop(self) -> None:
        """Too much: what is left out shows in the numbers."""
        for address, batch in self._batch.items():
            for step in {(address, trace, path) for trace, path, _ in batch}:
                self._counts[step] = self._counts.get(step, 1) + 1
        self._batch, self._chars = {}, 0

    async def _send(self) -> None:
        try:
            while self._batch:
                batches, self._batch, self._chars = self._batch, {}, 0
                notes: list[tuple[bytes, tuple[str, ...]]] = []
                for address, batch in batches.items():
                    if to := self._who_listens(address):
                        items = [item for trace, path, what in batch for item in self._counted(address, trace, path, what)]
                        notes += [(body, to) for body in carried.pack(address, items)]
                await self._tell(notes)
                await self._worker.clock.sleep(BATCH_SECONDS)
        finally:
            self._sending = False

    def _who_listens(self, address: str) -> tuple[str, ...]:
        now = self._worker.clock.monotonic()
        known = self._watchers.get(address, {})
        for session in [session for session, until in known.items() if until <= now]:
            del known[session]
        if not known and self._watchers.pop(address, None) is not None:
            for step in [step for step in self._counts if step[0] == address]:
                self._counts[step] += 1  # what comes until somebody listens again is missing, and must be missed
        return tuple(known)

    def _counted(self, address: str, trace: str, path: str, what: Any) -> list[Carried]:
        if not path:
            return [Carried(trace, path, -1, piece) for piece in carried.carried(what)]
        step = (address, trace, path)
        number = 0 if carried.begins(what) else self._counts.get(step, 1)
        items = [Carried(trace, path, number + n, piece) for n, piece in enumerate(carried.carried(what))]
        _remember(self._counts, step, number + len(items))
        return items

    # -- notes --------------------------------------------------------------------------------------------------

    async def _tell(self, bodies: list[tuple[bytes, tuple[str, ...]]]) -> None:
        notes = [Note(self._worker.sealed(body), to) for body, to in bodies]
        notes = [note for note in notes if len(note.body) <= NOTE_BYTES]
        if notes and self._worker.session:
            try:
                await self._worker.store.tell(self._worker.session, notes)
            except HoldfastError as error:
                log.debug("other workers could not be told: %s", error)

    def told(self, signal: Signal) -> None:
        """A note of another worker."""
        seal = self._worker.seal
        try:
            note = carried.decode(seal.open(signal.body) if seal is not None else signal.body)
        except (HoldfastError, msgspec.DecodeError, ValueError) as error:
            log.debug("a note of %s was not understood: %s", signal.sender, error)
            return
        if isinstance(note, Watched):
            self._watched(signal.sender, note.addresses)
        elif isinstance(note, WhoListens):
            if self._listened:
                self._worker.spawn(self._announce(list(self._listened), (signal.sender,)))
        elif note.address in self._listened:
            for item in note.items:
                self._arrived(signal.sender, note, item)

    def _watched(self, sender: str, addresses: list[str]) -> None:
        now = self._worker.clock.monotonic()
        if sum(map(len, self._watchers.values())) > _COUNTED:
            for address in list(self._watchers):
                self._who_listens(address)
        for address in addresses:
            if name_of(address) in self._worker.served:
                self._watchers.setdefault(address, {})[sender] = now + FORGET_SECONDS

    def _arrived(self, sender: str, note: Pieces, item: Carried) -> None:
        step = (note.address, item.trace, item.path)
        tell = partial(self._feed.repeat, *step)
        if item.number < 0:
            tell(carried.arrived(item.what))
            return
        heard = self._heard.get(step)
        if item.number and heard is not None and sender in heard.before:
            return  # it lost the agent, and does not know it yet
        before = (heard.before | {heard.sender}) - {sender} if heard is not None else frozenset[str]()
        if item.number == 0:
            _remember(self._heard, step, _Heard(sender, 1, before))
            tell(carried.arrived(item.what))
        elif heard is not None and heard.sender == sender and heard.due == item.number:
            heard.due += 1
            tell(carried.arrived(item.what))
        elif heard is None or heard.sender != sender:
            _remember(self._heard, step, _Heard(sender, -1, before))
            tell(LOST)
        elif heard.due > 0:
            heard.due = -1
            tell(LOST)


def _continues(last: tuple[str, str, Any], trace: str, path: str, what: PartGrew) -> bool:
    grown = last[2]
    same = last[:2] == (trace, path) and isinstance(grown, PartGrew) and grown.index == what.index
    return same and not grown.signature


def _remember(known: OrderedDict[Step, Any], step: Step, what: Any) -> None:
    known[step] = what
    known.move_to_end(step)
    if len(known) > _COUNTED:
        known.popitem(last=False)


__all__ = ["BATCH_SECONDS", "FORGET_SECONDS", "RENEW_SECONDS", "Relay"]
