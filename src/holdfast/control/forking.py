"""``fork``: a new agent that begins with what another one had, at the end of a turn or before one of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..domain.address import Address, name_of, short, tenant_of
from ..domain.entry import EntryKind, StoredEntry
from ..domain.errors import Conflict, LimitExceeded, NotFound, Rejected, TurnFailed
from ..domain.fork import Kept, Origin, Past, Seed
from ..domain.message import Kind, Message, Status
from ..domain.principal import Principal
from ..flow import Flow
from ..insight.pulse import Pulse
from ..journal.codec import decode_message, encode, encode_message, error_of
from ..journal.replay import STEER, Recorded, Replay
from ..mailbox.worker import Worker
from ..ports.store import EntryRow, Store, Stored
from ..turn.definition import Registry
from ..turn.forking import FORK, without_beginning
from . import reading
from .registry import operation
from .state_then import PAGE, entries_of, forgotten, state_now, state_then
from .views import Forked

_OWN = "holdfast."
_WAITS = ("ask", "wait", "sleep")
"""What waits for something outside: a fork waits for it anew, whatever the other one got."""
_STEPS = (EntryKind.STEP, EntryKind.INTENT, EntryKind.RESULT)
_ENDED = (Status.DONE, Status.FAILED, Status.CANCELLED, Status.KILLED, Status.DEAD)

Rows = list[tuple[EntryRow, StoredEntry]]


class Taken(msgspec.Struct):
    """What was read off for a fork. ``answered``: steps of its first turn that the copy answers; ``first``: the step that
    it takes itself; both for a fork before a step only."""

    origin: Origin
    state: dict[str, Kept]
    message: Message | None = None
    past: Past | None = None
    answered: int = 0
    first: str = ""

    @property
    def told(self) -> str:
        """In words."""
        size = sum(len(k.value) for k in self.state.values())
        values = f"{len(self.state)} value{'' if len(self.state) == 1 else 's'} of state ({size:,} bytes)"
        if self.past is None:
            return values
        steps = f"{self.answered} step{'' if self.answered == 1 else 's'}"
        return f"{values}; its turn {self.origin.turn} again, {steps} answered from the copy, from {self.first} on for real"


class ForkOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    flow: Flow
    registry: Registry
    principal: Principal
    center: Pulse

    @operation(
        path="POST /agents/{address}/fork",
        command="fork",
        errors=(
            "agent.unknown",
            "fork.exists",
            "fork.elsewhere",
            "fork.forgotten",
            "fork.in_flight",
            "fork.no_step",
            "fork.turn_open",
            "turn.unknown",
        ),
        next=(("glance", "what the new agent does"), ("journal", "what it was given")),
    )
    async def fork(
        self,
        address: str,
        to: str,
        turn: int = 0,
        before: str = "",
        newest: bool = False,
        why: str = "",
        by: str = "person",
        key: str = "",
    ) -> Forked:
        """Begin a new agent with another's state, and let it go on by itself. Neither ever touches the other again.

        What the other did is not done again; what it waited for is waited for anew. Budgets, identity, subscriptions and
        the mailbox of the new agent are its own.

        Args:
            to: its address: another key of the same kind of agent, in the same tenant.
            turn: the state as it was when this turn had ended; 0 for as it stands now.
            before: a step of that turn (``3``, ``2.1``): the new agent runs the turn again, answered from the other's
                journal up to there, and goes on from there for real.
            newest: run it on the newest version of the code rather than on the one that the turn ran on.
            why: what for; kept in the journal of the new agent.
        """
        source, target = self.principal.place(address), self._target(address, to)
        if not key or await self.store.find_message(target, key) is None:
            await self._check_new(target)
        origin = Origin(source, turn, before, by=self.principal.sender(by), why=why)
        taken = await self._take(origin, target, newest=newest)
        message = self._message(target, FORK, encode(((), {}), "arguments"), key)
        body = encode_message(taken.message) if taken.message is not None else b""
        message.past = encode(Seed(taken.origin, list(taken.state.values()), body))
        if len(message.past) > self.worker.limits.turn_bytes:
            raise LimitExceeded(
                "payload.too_large",
                f"What {short(source)} has takes {len(message.past):,} bytes; a fork may take "
                f"{self.worker.limits.turn_bytes:,} (limits.turn_bytes).",
                bytes=len(message.past),
                limit=self.worker.limits.turn_bytes,
            )
        outcome = await self.flow.plant(message, f"begin {short(target)} with what {short(source)} had: {taken.told}")
        if outcome.failure is not None:
            raise error_of(outcome.failure, TurnFailed, "turn.failed")
        self.center.touch(target)
        return Forked(
            address=short(target),
            agent=short(source),
            turn=turn,
            before=before,
            values=len(taken.state),
            answered=taken.answered,
            goes_on_with=taken.first,
            version=taken.past.version if taken.past is not None else "",
            note=f"{short(target)} has {taken.told}",
        )

    def _target(self, address: str, to: str) -> Address:
        source, target = self.principal.place(address), self.principal.place(to)
        if name_of(source) != name_of(target) or tenant_of(source) != tenant_of(target) or source == target:
            raise Rejected(
                "fork.elsewhere",
                f"{short(source)} is forked within its tenant, to another key of its kind: {name_of(source)}/..., not to "
                f"{short(target)}.",
                address=source,
                to=target,
            )
        if name_of(source).startswith(_OWN):
            raise Rejected("agent.reserved", f"{name_of(source)} is part of Holdfast and is not forked.", agent=source)
        return target

    async def _check_new(self, target: Address) -> None:
        there = await self.store.agent(target)
        if there is not None and (there.seq or there.queued or there.open or there.mode != "active"):
            raise Conflict(
                "fork.exists",
                f"There is an agent {short(target)} already. Nothing was copied. Fork to an address that nobody has used.",
                address=target,
            )

    async def _take(self, origin: Origin, target: Address, *, newest: bool) -> Taken:
        """Read off what the fork is given; ``origin`` says what is wanted."""
        source = Address(origin.agent)
        if await self.store.agent(source) is None:
            raise reading.unknown(source)
        await self._known(source)
        if not origin.turn:
            if origin.path:
                raise Rejected("fork.no_step", f"Before step {origin.path} of which turn? Name the turn, too.")
            return Taken(await self._marked(origin, 0), await state_now(self.store, self.worker, source))
        rows = await self._turn(source, origin.turn)
        if not origin.path:
            end = next((row.seq for row, entry in rows if entry.kind == EntryKind.END), 0)
            if not end:
                raise Conflict(
                    "fork.turn_open",
                    f"Turn {origin.turn} of {short(source)} has not ended, so there is no state as it left it. Fork before "
                    "a step of it, or from the turn before.",
                    turn=origin.turn,
                )
            return Taken(await self._marked(origin, end), await state_then(self.store, self.worker, source, end + 1))
        return await self._take_turn(origin, target, rows, newest)

    async def _take_turn(self, origin: Origin, target: Address, rows: Rows, newest: bool) -> Taken:
        source = Address(origin.agent)
        place = next((i for i, (_, e) in enumerate(rows) if e.path == origin.path and e.kind in _STEPS), -1)
        if place < 0 or not origin.path:
            raise NotFound(
                "fork.no_step",
                f"Turn {origin.turn} of {short(source)} has no step {origin.path}. `holdfast journal {short(source)}` shows "
                "its steps.",
                turn=origin.turn,
                path=origin.path,
            )
        step = rows[place][1]
        place = next(i for i, (_, e) in enumerate(rows) if e.path == origin.path)  # what was noted of it comes first
        kept = _answered(rows, place, source)
        begin, stored = rows[0][1].begin, await self._asked(source, origin.turn, rows)
        assert begin is not None
        origin = await self._marked(origin, rows[place][0].seq - 1)
        version = "" if newest else stored.version or begin.version
        past = Past(origin, [without_beginning(e) for e in kept], version)
        asked = decode_message(self.worker.seal.open(stored.body) if self.worker.seal is not None else stored.body)
        message = msgspec.structs.replace(
            asked,
            to=target,
            kind=Kind.REQUEST,
            name=begin.handler,
            key="",
            turn=0,
            reply=None,
            cause=asked.cause or asked.reply,
            origin="",
            due=0,
            created=self.worker.clock.now_ms(),
            deadline=0,
            past=encode(past),
        )
        state = await state_then(self.store, self.worker, source, origin.turn)
        answered = sum(e.kind in (EntryKind.STEP, EntryKind.RESULT) for e in kept)
        return Taken(origin, state, message, past, answered, f"{step.verb} {step.name}".strip())

    async def _turn(self, source: Address, turn: int) -> Rows:
        rows = [pair async for pair in entries_of(self.store, self.worker, source, turn - 1, turn=turn)]
        if not rows:
            oldest = await self.store.entries(source, 0, 1)
            if turn > 0 and oldest and oldest[0].seq > turn:
                raise forgotten(source, f"turn {turn}")
            raise NotFound("turn.unknown", f"{short(source)} has no turn {turn}.", turn=turn)
        if rows[0][0].seq != turn or rows[0][1].begin is None:
            raise forgotten(source, f"the beginning of turn {turn}")
        return rows

    async def _asked(self, source: Address, turn: int, rows: Rows) -> Stored:
        """The message that the turn handled."""
        begin = rows[0][1].begin
        assert begin is not None
        stored = await self.store.message(begin.message) if begin.message else None
        after = 0
        while stored is None and not begin.message:  # it ended in one commit, before its message had a number
            found = await self.store.messages(statuses=_ENDED, address=source, after=after, limit=PAGE)
            stored = next((m for m in found if m.turn == turn and m.kind == Kind.REQUEST), None)
            if len(found) < PAGE:
                break
            after = found[-1].id
        if stored is None or not stored.body or stored.address != source:
            raise forgotten(source, f"what turn {turn} was asked")
        return stored

    async def _marked(self, origin: Origin, seq: int) -> Origin:
        """Where exactly it was forked: the last entry that counted, and the chain's hash there."""
        if not seq and not origin.turn:
            agent = await self.store.agent(origin.agent)
            seq = agent.seq if agent is not None else 0
        rows = await self.store.entries(origin.agent, seq - 1, 1) if seq else []
        hash = rows[0].hash.hex() if rows and rows[0].seq == seq else ""
        return msgspec.structs.replace(origin, seq=seq, hash=hash)

    async def _known(self, to: str, handler: str = "") -> Any:
        raise NotImplementedError

    def _message(self, to: Address, handler: str, payload: bytes, key: str = "") -> Message:
        raise NotImplementedError


def _answered(rows: Rows, place: int, source: Address) -> list[StoredEntry]:
    """The entries that a fork before ``rows[place]`` is answered from.

    What was begun before and ended later is answered with how it ended, so that it is not done twice; what waited for
    something outside waits anew. Notes to the runtime stay behind, words of people do not.
    """
    before, after = [e for _, e in rows[:place]], [e for _, e in rows[place:]]
    steps = Replay.of(before).steps
    open_ = {path: s.intent for path, s in steps.items() if s.result is None and s.intent is not None}
    results = {e.path: e for e in reversed(after) if e.kind in (EntryKind.RESULT, EntryKind.STEP) and e.path in open_}
    anew = {path for path, intent in open_.items() if intent.verb in _WAITS}
    for path, intent in open_.items():
        if intent.verb == "call" and path not in results:
            raise Conflict(
                "fork.in_flight",
                f"At that point {short(source)} waits for the answer to {intent.name} (step {path}), which has not come. "
                f"Fork it when it has, or before step {path}.",
                path=path,
            )
    kept = [e for e in before if e.path not in anew and _counts(e, steps)]
    return kept + [e for e in after if e.path not in anew and results.get(e.path) is e]


def _counts(entry: StoredEntry, steps: Mapping[str, Recorded]) -> bool:
    if entry.kind != EntryKind.NOTE:
        return entry.kind != EntryKind.END
    return entry.path in steps if entry.path else entry.verb == STEER
