"""Opening a step: its structural id, what the journal has of it, its bounds, its review, its place in the order."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, cast

from ..domain import labels as provenance
from ..domain.entry import StoredEntry
from ..domain.errors import LimitExceeded, Rejected
from ..gate.past import by_name
from ..journal.codec import decode_any, error_of
from ..journal.replay import Recorded
from .branches import BRANCHES
from .writing import Suspended, Writing

_ROUNDS = 16
_SKIP_SECONDS = 0.05


class Stepping(Writing):
    """A turn that can open steps."""

    __slots__ = ()

    def open(self, verb: str, name: str) -> tuple[str, Recorded | None]:
        """The next step of the running branch: its path, and what the journal has of it."""
        if self.dead or self.held:
            self.give_up()
        branch = BRANCHES.get(asyncio.current_task())  # type: ignore[arg-type]
        if branch is None or branch.turn is not self:
            raise Rejected(
                "turn.foreign_task",
                f"{verb} {name!r} was called outside the turn that this context belongs to. Use the context only in its "
                "handler and in tasks that the handler makes.",
            )
        branch.n += 1
        self.steps += 1
        if self.steps > self.limits.turn_steps:
            raise LimitExceeded(
                "turn.too_long",
                f"This turn has made {self.limits.turn_steps:,} steps. Split the work into several messages to the agent "
                "itself (ctx.send), or raise limits.turn_steps.",
                steps=self.steps,
            )
        if self.size > self.limits.turn_bytes:
            raise LimitExceeded(
                "turn.too_large",
                f"The journal of this turn takes {self.size:,} bytes; the limit is {self.limits.turn_bytes:,}. Keep large "
                "results outside and journal references, split the work, or raise limits.turn_bytes.",
                bytes=self.size,
            )
        path = f"{branch.prefix}{branch.n}"
        replay = self.replay
        if replay is None:
            return path, None
        recorded = replay.ask(path, verb, name)
        self._moves += 1
        self._cancelled_here()
        return path, recorded

    async def step(self, verb: str, name: str) -> tuple[str, Recorded | None]:
        """``open``, and if the journal has a result, wait until it is that result's turn. What has no result yet goes on
        when all recorded results are handed out: none of them can depend on it, and some may call it off."""
        path, recorded = self.open(verb, name)
        if self.halting:
            await self.worker.new_future()
        if recorded is not None and self.sources is not None:
            self._approved_again(recorded)
        if recorded is not None and recorded.result is not None:
            await self.in_order(recorded)
            failure = recorded.result.failure
            if failure is not None and failure.kind == "Rejected" and failure.code.startswith("gate."):
                raise error_of(failure)  # it was refused, whatever the verb
            return path, recorded
        if not self.live:
            held = self._held[path] = self.worker.new_future()
            self._watch_gap()
            self._settle()
            try:
                await held
            finally:
                self._held.pop(path, None)
        if self.wants_cancel and recorded is None and not self.dead and not self.cancel_reason:
            self._landing.add(path)
            self.cancel(self.wants_cancel)
            await self.worker.new_future()
        return path, recorded

    async def before(self, path: str) -> None:
        """What is about to wait ahead of the step of this path, and is no step itself, lets a cancellation happen that the
        journal has at this place."""
        if self.replay is not None:
            self.replay.meet(path)
            self._cancelled_here()
        if self.halting:
            await self.worker.new_future()

    def give_up(self) -> None:
        """Leave memory from inside a step."""
        if self.held and not self.dead:
            self.suspend()
        raise Suspended

    async def in_order(self, recorded: Recorded) -> None:
        """Wait until the journal's order reaches this recorded result."""
        replay = self.replay
        assert replay is not None and recorded.result is not None
        if not replay.at_cursor(recorded):
            parked = self._parked[recorded.path] = self.worker.new_future()
            self._watch_gap()
            await parked
        self._moves += 1
        self.labels = provenance.read(self.labels, recorded.result.labels)
        if self.sources is not None:
            self._heard_again(recorded.result)
        if recorded.path in self._cancelled_here():
            await self.worker.new_future()  # the first run was cancelled before this result reached the handler
        if replay.parked:
            self._release(replay.deliverable())
        self._settle()

    def _heard_again(self, entry: StoredEntry) -> None:
        assert self.sources is not None
        wanted = ""
        if entry.verb == "tool":
            detail = decode_any(entry.detail)
            given: Any = detail.get("args", detail) if isinstance(detail, dict) else detail  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            wanted = self.sources.found_by(by_name("tool", given).values())
        self.sources.add(entry.value, entry.labels, wanted=wanted, name=entry.name)

    def _approved_again(self, recorded: Recorded) -> None:
        """What people let through in an earlier run of this turn, they vouch for in this one too."""
        assert self.sources is not None
        for entry in (recorded.intent, recorded.result):
            by: Any = entry.decision.get("by") if entry is not None and isinstance(entry.decision, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            if entry is not None and by:
                detail = decode_any(entry.detail)
                args: Any = detail.get("args", detail) if isinstance(detail, dict) else detail  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
                self.sources.add(args, [f"{provenance.PERSON}:{who}" for who in cast("list[str]", by)])

    def _cancelled_here(self) -> tuple[str, ...]:
        """If the journal has a cancellation at this place, let it happen; the steps that were open then."""
        assert self.replay is not None
        cancelled = self.replay.cancel_now()
        if cancelled is None:
            return ()
        paths, detail = cancelled
        self.halting = True
        self.worker.call_later(0, partial(self._deliver_cancel, decode_any(detail) or {}))
        return paths

    def _release(self, path: str | None) -> None:
        """Go on with a parked branch; with the next one if that one is gone."""
        while path is not None:
            if not (parked := self._parked.pop(path)).done():
                parked.set_result(None)
                return
            assert self.replay is not None
            path = self.replay.deliverable()

    @property
    def live(self) -> bool:
        """Whether what the journal does not have may begin. In a turn with branches the last recorded result may call off
        others (a race drops its losers, a failed group its siblings), so it is given some rounds of the loop to do so."""
        replay = self.replay
        return replay is None or self._live or (replay.over and not self.branched)

    def _settle(self) -> None:
        if self.branched and not self._settling and not self._live and self.replay is not None and self.replay.over:
            self._settling = True
            self._let_live_soon(self._moves, _ROUNDS)

    def _let_live_soon(self, moves: int, rounds: int) -> None:
        if self.dead:
            return
        if moves != self._moves:
            rounds = _ROUNDS
        if rounds:
            self.worker.loop.call_soon(self._let_live_soon, self._moves, rounds - 1)
        else:
            self._let_live()

    def _let_live(self) -> None:
        """The journal has no more: what it does not have may begin."""
        self._live = True
        for held in list(self._held.values()):
            if not held.done():
                held.set_result(None)

    def _watch_gap(self) -> None:
        if self._skip is None:
            self._skip = self.worker.call_later(_SKIP_SECONDS, partial(self._skip_gap, self._moves))

    def _skip_gap(self, moves: int) -> None:
        """Nothing moved for a moment although results are parked: whoever should ask first does not. Go on with the next;
        if that was wrong, the end of the turn will say so."""
        self._skip = None
        if self.dead or self.replay is None or not (self._parked or self._held):
            return
        if moves == self._moves:
            if self._parked:
                self._release(self.replay.skip())
            else:
                self._let_live()
        self._watch_gap()
