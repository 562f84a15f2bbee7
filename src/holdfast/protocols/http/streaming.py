"""One answer of the model endpoints on its way out, piece by piece.

The pieces come from the turn as it happens, on whichever worker. What did not get here of them comes from the journal when
the answer is whole; if what was given turns out not to belong to that answer, the client gets an error and no end.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ...control.kept import Kept
from ...control.outside import Asked as Question
from ...control.outside import shown
from ...domain.conversation import Answer, Ended, Event, PartBegan, PartGrew, events_of
from ...domain.errors import HoldfastError, Unavailable
from ...domain.message import Outcome
from ...domain.remainder import remainder
from ...mailbox.feed import LOST, Asked
from ...mailbox.worker import Worker
from ...models.dialects.dialect import Dialect
from ...models.job import Facts
from .requests import Request
from .telling import headers_of, kind_of, result_of, send_problem
from .waiting import Waiting

_PIECES = 10_000


class Streaming:
    """See the module."""

    def __init__(self, waiting: Waiting, worker: Worker, request: Request, dialect: Dialect, asked: Question) -> None:
        self._waiting = waiting
        self._worker = worker
        self._request = request
        self._dialect = dialect
        self._message = message = waiting.message
        options: Any = asked.body.get("stream_options")  # as it came: nobody has looked at its shape yet
        usage = dialect.name != "openai-chat" or (isinstance(options, dict) and bool(options.get("include_usage")))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        self._writer = dialect.writer(
            str(asked.body["model"]), id=f"hf-{message.trace[:24]}", created=message.created // 1000, include_usage=usage
        )
        self._head: list[tuple[bytes, bytes]] = []
        self._begun = False
        self._asked: tuple[str, Asked] | None = None
        """The step whose answer is given, and since when."""
        self._given: list[Event] = []
        self._sent = 0
        self._missed = False
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Send it."""
        worker, request = self._worker, self._request
        stop = worker.feed.listen(self._message.to, self._heard)
        turn: asyncio.Task[Outcome] = asyncio.Task(self._waiting.outcome(), loop=worker.loop)
        left = asyncio.Task(request.hung_up(), loop=worker.loop)
        for task in (turn, left):
            task.add_done_callback(lambda _: self._news.set())
        try:
            while True:
                self._news.clear()
                if self._sent < len(self._given):
                    await self._send()
                elif turn.done() or left.done():
                    break
                else:
                    await self._news.wait()
            if not turn.done():
                self._waiting.call_off()
                return
            await self._end(await turn)
        except HoldfastError as error:
            await self._fail(error)
        finally:
            stop()
            for task in (turn, left):
                task.cancel()

    def _heard(self, trace: str, path: str, what: Any) -> None:
        if trace != self._message.trace:
            return
        if isinstance(what, Facts):  # the attempt that answers is none of those that are over
            self._head = headers_of({**shown(what), "attempts": len(what.attempts) + 1})
        elif isinstance(what, Asked):
            if self._given:  # another worker begins anew; what was given is not taken back
                self._missed = True
            else:
                self._asked, self._missed = (path, what), False
        elif what == LOST:
            self._missed = True
        elif self._asked is None or len(self._given) - self._sent >= _PIECES:
            self._missed = True  # it had begun before, or the client does not read
        elif isinstance(what, (PartBegan, PartGrew, Ended)) and not self._missed:
            self._given.append(what)
            self._news.set()

    async def _send(self) -> None:
        new, self._sent = self._given[self._sent :], len(self._given)
        await self._write(self._written(new))

    async def _write(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            await self._request.begin_stream(self._head)
        if data:
            await self._request.piece(data)

    async def _end(self, outcome: Outcome) -> None:
        found = result_of(outcome)
        if not self._given:  # nothing was heard of the turn in time, or it was answered from memory
            self._head = headers_of(found["facts"])
            await self._write(self._written(events_of(self._dialect.read_answer(found["body"]))))
        elif self._missed or self._waiting.afar or not isinstance(self._given[-1], Ended):
            await self._write(self._written(await self._rest()))
        await self._request.end_stream()

    def _written(self, events: list[Event]) -> bytes:
        return b"".join(self._writer.write(event) for event in events)

    async def _rest(self) -> list[Event]:
        """What was not given of the answer that is kept."""
        assert self._asked is not None, "nothing is given before it is asked for"
        path, asked = self._asked
        answer = await Kept(self._worker, self._message.to, self._message.trace, path, asked).answer()
        rest = remainder(self._given, answer) if isinstance(answer, Answer) else None
        if rest is None:
            raise Unavailable(
                "model.cut_off",
                "The worker that was answering is gone, and another one got a different answer. What had arrived was given "
                "on already, so it was not begun anew. Ask again.",
            )
        return rest

    async def _fail(self, error: HoldfastError) -> None:
        if not self._begun:
            await send_problem(self._request, self._dialect, error)
            return
        await self._request.piece(self._writer.error(kind_of(error), error.message))
        await self._request.end_stream()


__all__ = ["Streaming"]
