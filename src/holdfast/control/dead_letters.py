"""Operations on dead letters: messages whose turns failed with nobody to tell."""

from __future__ import annotations

import msgspec

from ..domain.address import tenant_of
from ..domain.errors import NotFound
from ..domain.message import Message, Status
from ..domain.principal import Principal
from ..journal.codec import encode_message
from ..mailbox.worker import Worker
from ..ports.store import Commit, Mark, Send, Store, Stored
from . import reading
from .registry import Arguments, operation
from .views import DeadLetter, Delivered, Done


class DeadLetterOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    principal: Principal

    @operation(
        path="GET /dead-letters",
        command="dead list",
        changes=False,
        page="id",
        next=(("redeliver", "send one again"), ("discard", "take one off the list")),
    )
    async def dead(self, address: str = "", after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """List messages whose turns failed with nobody to tell."""
        who = self.principal
        where = who.place(address) if address else ""
        rows = await self.store.messages(
            statuses=(Status.DEAD,), address=where, after=after, limit=limit, like="" if where else who.within
        )
        return [await reading.dead_letter(row, self.store, self.worker) for row in rows]

    @operation(
        path="POST /dead-letters/{id}/redeliver",
        command="dead retry",
        again=False,
        errors=("dead.unknown", "handler.bad_argument"),
        next=(("dead", "whether it failed again"),),
    )
    async def redeliver(self, id: int, payload: Arguments = b"") -> Delivered:
        """Send a dead letter again, with other arguments if given; it leaves the list."""
        row = await self._dead(id)
        old = self.worker.loader.item(row).message
        message = msgspec.structs.replace(
            old,
            to=row.address,
            payload=payload or old.payload,
            key="",
            origin="",
            due=0,
            created=self.worker.clock.now_ms(),
        )
        await self._check(message)
        send = Send(message, self.worker.sealed(encode_message(message)))
        mark = Mark(id, Status.FAILED, row.turn, row.version, row.ended)
        receipt = await self.worker.committer.submit_commit(Commit(sends=[send], marks=[mark]))
        return Delivered(id=receipt.ids[0])

    async def _dead(self, id: int) -> Stored:
        row = await self.store.message(id)
        if row is None or row.status != Status.DEAD or not self.principal.reaches(tenant_of(row.address)):
            raise NotFound("dead.unknown", f"There is no dead letter {id}. `holdfast dead` lists them.", id=id)
        return row

    @operation(path="DELETE /dead-letters/{id}", command="dead discard", destroys=True, errors=("dead.unknown",))
    async def discard(self, id: int) -> Done:
        """Take a dead letter off the list without sending it again."""
        row = await self._dead(id)
        mark = Mark(id, Status.FAILED, row.turn, row.version, row.ended)
        await self.worker.committer.submit_commit(Commit(marks=[mark]))
        return Done(note=f"discarded {id}")

    async def _check(self, message: Message) -> None:
        raise NotImplementedError
