"""The answer of a model as the journal has it, for whoever was told of it while it grew."""

from __future__ import annotations

import msgspec

from ..domain.conversation import Answer
from ..domain.entry import EntryKind, StoredEntry
from ..domain.errors import HoldfastError
from ..journal.codec import decode_entry, decode_message
from ..mailbox.feed import Asked
from ..mailbox.worker import Worker
from ..ports.store import EntryRow

_PAGE = 200
_ANSWER = msgspec.msgpack.Decoder(Answer)
_DETAIL = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])


class NoAnswer(msgspec.Struct):
    """The step is over, and there is no answer: it failed, or was never streamed."""

    code: str


class Kept:
    """Looks for the answer of one step behind the place where the journal ended when it was asked for; what was looked at is
    not looked at again."""

    def __init__(self, worker: Worker, address: str, trace: str, path: str, asked: Asked) -> None:
        self._worker = worker
        self._address = address
        self._trace = trace
        self._path = path
        self._digest = asked.digest
        self._after = asked.after

    async def answer(self) -> Answer | NoAnswer | None:
        """The answer, or None while the journal has nothing. Raises ``Unavailable``."""
        while True:
            try:
                rows = await self._worker.store.entries(self._address, self._after, _PAGE)
            except HoldfastError as error:
                if error.code == "agent.unknown":
                    return None
                raise
            for row in rows:
                entry = self._opened(row.body)
                its = entry.kind == EntryKind.STEP and (entry.verb, entry.path) == ("model", self._path)
                if its and await self._is_it(row, entry):
                    return self._of(entry)
                self._after = row.seq
            if len(rows) < _PAGE:
                return None

    def _of(self, entry: StoredEntry) -> Answer | NoAnswer:
        if entry.failure is not None:
            return NoAnswer(entry.failure.code)
        if msgspec.msgpack.decode(_DETAIL.decode(entry.detail)["dialect"], type=str):
            return NoAnswer("whole")  # it is in a vendor's own words
        return _ANSWER.decode(entry.value)

    async def _is_it(self, row: EntryRow, entry: StoredEntry) -> bool:
        """Whether the step belongs to the turn of our message, not to one beside it."""
        begin, worker = entry.begin, self._worker
        if begin is None:
            first = await worker.store.entries(self._address, row.turn - 1, 1, row.turn)
            begin = self._opened(first[0].body).begin if first else None
        if begin is None or (self._digest and begin.digest != self._digest):
            return False
        stored = await worker.store.message(begin.message) if begin.message else None
        if stored is None:  # it became durable together with the answer, or is forgotten
            return bool(self._digest)
        body = worker.seal.open(stored.body) if worker.seal is not None else stored.body
        return decode_message(body).trace == self._trace

    def _opened(self, body: bytes) -> StoredEntry:
        return decode_entry(self._worker.seal.open(body) if self._worker.seal is not None else body)


__all__ = ["Kept", "NoAnswer"]
