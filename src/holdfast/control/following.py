"""``Following``: what one watcher is given of an agent: pieces as they come, and in sum of every answer exactly what the
journal has.

Of an answer of which something was missed, nothing more is given until it is in the journal; then the rest of it comes at
once. An answer that fell silent, and one that has ended, are looked up there too: its worker may have died, and another one
have answered instead. Where what was given is not how the answer begins, the watcher is told to begin anew.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from typing import Any

from ..domain.conversation import Answer, Ended, Event, PartBegan, PartGrew, Thinking, ToolCall, events_of
from ..domain.errors import Unavailable
from ..domain.remainder import remainder
from ..mailbox.feed import LOST, RESTART, Asked
from ..mailbox.worker import Worker
from ..models.job import Facts
from .kept import Kept
from .views import Piece

LOOK_SECONDS = 0.5
"""How soon an answer with a hole is looked for in the journal."""
SILENT_SECONDS = 3.0
_LONGEST_SECONDS = 60.0
_PIECES = 10_000
_ANSWERS = 1_000


class _Given:
    """What was given of one answer."""

    def __init__(self, kept: Kept, now: float) -> None:
        self.kept = kept
        self.events: list[Event] = []
        self.missed = False
        self.wait = SILENT_SECONDS
        self.look_at = now + SILENT_SECONDS

    def miss(self, now: float) -> None:
        """Something did not come."""
        if not self.missed:
            self.missed = True
            self.wait = LOOK_SECONDS
            self.look_at = now + LOOK_SECONDS

    def later(self, now: float) -> None:
        """It is not in the journal yet."""
        self.look_at = now + self.wait
        self.wait = min(self.wait * 2, _LONGEST_SECONDS)


class Following:
    """See the module. ``trace`` picks the turns of one request; ``seq`` is where the agent's journal ends."""

    def __init__(self, worker: Worker, address: str, trace: str = "", seq: int = 0) -> None:
        self._worker = worker
        self._address = address
        self._trace = trace
        self._seq = seq
        self._given: OrderedDict[tuple[str, str], _Given] = OrderedDict()
        self._pieces: deque[Piece] = deque()
        self._news = asyncio.Event()

    async def pieces(self) -> AsyncIterator[Piece]:
        """Pieces as they come; it does not end by itself."""
        while True:
            while self._pieces:
                yield self._pieces.popleft()
            self._news.clear()
            due = min((given.look_at for given in self._given.values()), default=None)
            now = self._worker.clock.monotonic()
            if due is not None and due <= now:
                await self._look(now)
                continue
            waiting = asyncio.timeout(due - now if due is not None else None)
            try:
                async with waiting:
                    await self._news.wait()
            except TimeoutError:
                if not waiting.expired():
                    raise

    def heard(self, trace: str, path: str, what: Any) -> None:
        """A feed's news."""
        if self._trace and trace != self._trace:
            return
        key, now = (trace, path), self._worker.clock.monotonic()
        given = self._given.get(key)
        if isinstance(what, Asked) or what == RESTART:
            if given is not None and given.events:
                self._put(Piece(kind="restart", trace=trace, path=path))
            known = given.kept if given is not None and what == RESTART else None
            self._remember(key, _Given(known or self._kept(key, what), now))
        elif isinstance(what, (PartBegan, PartGrew, Ended)) or what == LOST:
            if given is None:  # it was under way before anybody listened
                given = _Given(self._kept(key, None), now)
                given.miss(now)
                self._remember(key, given)
            self._event(key, given, what, now)
        elif (piece := piece_of(trace, path, what)) is not None:
            self._put(piece)
        self._news.set()

    def _kept(self, key: tuple[str, str], what: Any) -> Kept:
        return Kept(self._worker, self._address, *key, what if isinstance(what, Asked) else Asked(self._seq))

    def _event(self, key: tuple[str, str], given: _Given, what: Any, now: float) -> None:
        if what == LOST or (len(self._pieces) >= _PIECES and not given.missed):
            given.miss(now)
        elif not given.missed:
            given.events.append(what)
            given.wait, given.look_at = SILENT_SECONDS, now + SILENT_SECONDS
            if (piece := piece_of(*key, what)) is not None:
                self._pieces.append(piece)

    def _put(self, piece: Piece) -> None:
        if len(self._pieces) < 2 * _PIECES:
            self._pieces.append(piece)

    def _remember(self, key: tuple[str, str], given: _Given) -> None:
        self._given[key] = given
        self._given.move_to_end(key)
        if len(self._given) > _ANSWERS:
            self._given.popitem(last=False)

    async def _look(self, now: float) -> None:
        """Look up what is due."""
        for key, given in [(key, given) for key, given in self._given.items() if given.look_at <= now]:
            try:
                found = await given.kept.answer()
            except Unavailable:
                found = None
            if self._given.get(key) is not given:
                continue
            if found is None:
                given.later(now)
                continue
            del self._given[key]
            if isinstance(found, Answer):
                self._fill(key, given, found)
            elif given.events and not isinstance(given.events[-1], Ended):
                self._put(Piece(kind="ended", trace=key[0], path=key[1], text="failed"))

    def _fill(self, key: tuple[str, str], given: _Given, answer: Answer) -> None:
        left = remainder(given.events, answer)
        if left is None:
            self._pieces.append(Piece(kind="restart", trace=key[0], path=key[1]))
            left = events_of(answer)
        for event in left:
            if (piece := piece_of(*key, event)) is not None:
                self._pieces.append(piece)


def piece_of(trace: str, path: str, what: Any) -> Piece | None:
    """A feed's news as a view; None for what says nothing to a person."""
    if isinstance(what, Facts):
        return None
    if isinstance(what, PartGrew):
        return Piece(kind="grew", trace=trace, path=path, index=what.index, text=what.text) if what.text else None
    if isinstance(what, PartBegan):
        part = what.part
        kind = "thinking" if isinstance(part, Thinking) else "call" if isinstance(part, ToolCall) else "text"
        name = part.name if isinstance(part, ToolCall) else ""
        return Piece(kind=kind, trace=trace, path=path, index=what.index, name=name)
    if isinstance(what, Ended):
        return Piece(kind="ended", trace=trace, path=path, text=what.finish)
    if isinstance(what, dict) and "tool" in what:
        news: dict[str, Any] = what  # pyright: ignore[reportUnknownVariableType]
        kind = "tool" if "arguments" in news else "tool_failed" if "failed" in news else "tool_done"
        text = str(news.get("arguments") or news.get("failed") or "")
        return Piece(kind=kind, trace=trace, path=path, name=str(news["tool"]), text=text)
    return Piece(kind="told", trace=trace, path=path, text=str(what))  # pyright: ignore[reportUnknownArgumentType]


__all__ = ["LOOK_SECONDS", "SILENT_SECONDS", "Following", "piece_of"]
