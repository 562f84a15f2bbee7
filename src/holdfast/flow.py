"""The whole way of a message: ``accept`` brings it in, ``run_turn`` handles it. Every hop is named here."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Protocol

from .domain.address import is_builtin, short
from .domain.errors import Conflict, HoldfastError, Nondeterminism, NotFound, Rejected
from .domain.intent import Intent, Verdict
from .domain.message import Failure, Kind, Message, Outcome, Status
from .domain.words import Word
from .gate import Gate, refuse
from .journal.codec import decode_any, encode_message, failure_of, same_again
from .journal.replay import STEER, Replay
from .mailbox.active import Active, Item, Parked
from .mailbox.worker import Worker
from .ports.store import Commit, Send
from .turn import branches, brought, ending, forking, steer
from .turn.definition import HandlerSpec, Registry
from .turn.handler import call_handler
from .turn.recovery import Poison, call_suspect
from .turn.retry import retry_later, wants_retry
from .turn.stuck import hold_for_a_person
from .turn.turn import Suspended, Turn


class Attended(Protocol):
    """Somebody who waits for an outcome at the other end of a connection, and is told where the request is."""

    def begun(self, turn: Turn) -> None:
        """Its turn runs here; nothing of it is durable yet."""
        ...

    async def check(self) -> None:
        """It is about to be put into a mailbox: what this raises refuses it."""
        ...

    def queued(self, id: int) -> None:
        """It is in a mailbox."""
        ...


class Flow:
    """Binds the rooms together; the worker's ``Runner``."""

    def __init__(self, worker: Worker, registry: Registry, gate: Gate) -> None:
        self.worker, self.registry, self.gate = worker, registry, gate
        worker.runner = self
        worker.gate = gate

    # -- in -----------------------------------------------------------------------------------------------------

    async def accept(self, message: Message, *, wait: bool, attended: Attended | None = None) -> tuple[int, Outcome | None]:
        """Take a message from outside: gate, mailbox, and if somebody waits, the outcome. Returns the message's id (0 if
        the turn ended before anybody needed one) and the outcome. Raises what the gate or the store refuses with."""
        self._review(message)
        worker = self.worker
        if self.worker.committer.stalled is not None:
            raise self.worker.committer.stalled
        if not wait:
            return await self._deliver(message), None
        message.origin = worker.session
        waiter: asyncio.Future[Outcome] = worker.new_future()
        active = await worker.holdings.take_free(message) if message.kind == Kind.REQUEST and not message.due else None
        try:
            if active is not None and (turn := self.start(active, Item(0, message, waiter))) is not None:
                if attended is not None:
                    attended.begun(turn)
                try:
                    return 0, await waiter
                except Conflict as error:
                    if error.code != "lease.lost":
                        raise
                    waiter = worker.new_future()  # nothing of it happened: whoever holds the agent now will run it
            if attended is not None:
                await attended.check()
            id = await self._deliver(message, waiter)
            if attended is not None:
                attended.queued(id)
            return id, await waiter
        except Conflict as error:
            if error.code != "message.duplicate":
                raise
            return await self._join(int(error.details["id"]), worker.new_future())

    async def plant(self, message: Message, would: str) -> Outcome:
        """``accept``, and wait: for what only an operation can bring in. ``would`` is what a dry run tells of it."""
        _, outcome = await self.accept(message, wait=True)
        assert outcome is not None, would
        return outcome

    def accept_at_once(self, message: Message) -> asyncio.Future[Outcome] | None:
        """``accept`` for a request whose receiver is here and free: its turn has begun, and its outcome is on its way. None
        if that is not so; nothing has happened then. Raises what the gate refuses with."""
        self._review(message)
        worker = self.worker
        active = worker.holdings.free(message) if worker.committer.stalled is None else None
        if active is None:
            return None
        message.origin = worker.session
        waiter: asyncio.Future[Outcome] = worker.new_future()
        if self.start(active, Item(0, message, waiter)) is not None:
            return waiter
        if waiter.done():
            waiter.exception()  # whoever asks again, and waits, hears the same
        return None

    def _review(self, message: Message) -> None:
        """May it come in? What a kill switch holds may: it waits in the mailbox."""
        if is_builtin(message.to):
            return
        looks = self.gate.looks_into("accept", message.name)
        args = brought.given(message, self._spec(message.to, message.name)) if looks else None
        intent = Intent(
            "",
            0,
            "",
            "accept",
            message.name,
            message.to,
            args,
            frozenset(message.labels),
            sender=message.sender,
            chain=message.chain,
            tags=message.tags,
            trace=message.trace,
            at=message.created,
        )
        decision = self.gate.review(intent)
        if decision.verdict in (Verdict.ASK, Verdict.DENY):
            raise refuse(intent, decision)
        if decision.args is not None and decision.verdict is Verdict.TRANSFORM:
            brought.change(message, intent, decision, self.check)

    async def _deliver(self, message: Message, waiter: asyncio.Future[Outcome] | None = None) -> int:
        send = Send(message, self.worker.sealed(encode_message(message)))
        try:
            return await self.worker.outcomes.deliver(Commit(sends=[send]), waiter)
        except Conflict as error:
            if error.code != "message.duplicate" or waiter is not None:
                raise
            return int(error.details["id"])

    async def _join(self, id: int, waiter: asyncio.Future[Outcome]) -> tuple[int, Outcome]:
        """Somebody asked the same before: wait for that outcome."""
        return id, await self.worker.outcomes.outcome_or_wait(id, waiter)

    # -- through ------------------------------------------------------------------------------------------------

    def start(self, active: Active, item: Item) -> Turn | None:
        """Begin the turn of a message; None if the message could not become one (its sender is told)."""
        name, message = active.address.split("/", 2)[1], item.message
        version = forking.version_of(message) if message.past else ""
        definition = self.registry.find(name, version) or self.registry.find(name)
        if definition is None:
            self.worker.spawn(self.worker.holdings.let_go(active))
            return None
        try:
            spec = self.registry.handler(definition, message.name)
        except NotFound as error:
            return self._refuse(active, item, error)
        turn = Turn(self.worker, active, item, definition, spec, self.gate)
        self._launch(turn)
        return turn

    def rehydrate(self, active: Active, number: int, parked: Parked) -> Turn | None:
        """Bring a turn back from its rows, on the version it began with."""
        item = parked.item
        definition = self.registry.find(active.address.split("/", 2)[1], item.version)
        assert definition is not None, "the worker asks `serves` first"
        spec = self.registry.handler(definition, item.message.name)
        turn = Turn(self.worker, active, item, definition, spec, self.gate)
        turn.adopt(parked, Replay.of(parked.entries))
        self._launch(turn)
        return turn

    def _launch(self, turn: Turn) -> None:
        if not turn.spec.shared:
            turn.active.exclusive = turn
        self.worker.scheduler.began(turn.active, turn)
        turn.task = asyncio.Task(self.run_turn(turn), loop=self.worker.loop)
        branches.BRANCHES[turn.task] = turn.root

    async def run_turn(self, turn: Turn) -> None:
        """Run a handler to its end, or until it leaves memory."""
        turn.started, turn.entered = True, not turn.item.suspect
        if turn.dead:  # it was stopped before it came here
            branches.BRANCHES.pop(turn.task, None)
            self._left(turn)
            return
        status, failure, value = Status.DONE, None, b"\xc0"
        try:
            if turn.replay is None and turn.item.message.past and forking.goes_on(turn.item.message):
                await forking.take_up(turn)
            result = await (call_suspect(turn) if turn.item.suspect else call_handler(turn))
            if turn.replay is not None:
                turn.replay.check_over()
            _, value = same_again(result, turn.spec.returns, "result", turn.limits.payload_bytes)
        except Suspended:
            turn.suspend()
        except asyncio.CancelledError:
            status = Status.FAILED if turn.timed_out else Status.CANCELLED
            failure = Failure("TurnFailed", "turn.timeout" if turn.timed_out else "turn.cancelled", turn.cancel_reason)
        except (Nondeterminism, Poison) as error:
            if not turn.dead:
                hold_for_a_person(turn, error)
        except Exception as error:
            status, failure = Status.FAILED, failure_of(error)
            if wants_retry(turn, error):
                await retry_later(turn, error)
        except BaseException:
            if not turn.dead:  # a task group wraps the suspension of its branches
                raise
        finally:
            branches.BRANCHES.pop(turn.task, None)
        if not turn.dead:
            ending.end_turn(turn, status, failure, value)
        self._left(turn)

    def _left(self, turn: Turn) -> None:
        active = turn.active
        if active.exclusive is turn:
            active.exclusive = None
        if turn.unmet and not active.gone:
            self.worker.loader.reload_soon(active)
        turn.forget()
        self.worker.scheduler.gone(active, turn)
        self.worker.scheduler.pump(active)

    def _refuse(self, active: Active, item: Item, error: HoldfastError) -> None:
        """A message that no turn can handle: its sender is told, or it goes to the dead letters."""
        if item.id == 0:
            if item.waiter is not None and not item.waiter.done():
                item.waiter.set_exception(error)
            return
        status = Status.DEAD if item.message.one_way else Status.FAILED
        ending.end_parked(self.worker, active, item, status, failure_of(error))

    # -- what the mailbox asks ----------------------------------------------------------------------------------

    def shared(self, address: str, handler: str) -> bool:
        """Whether a handler may run beside an exclusive turn."""
        spec = self._spec(address, handler)
        return spec is not None and spec.shared

    def serves(self, address: str, version: str) -> bool:
        """Whether this worker has the code that a turn began with."""
        return self.registry.find(address.split("/", 2)[1], version) is not None

    def check(self, to: str, handler: str, payload: bytes) -> None:
        """Raise ``Rejected(handler.bad_argument)`` for what a handler does not take, as far as this worker knows."""
        spec = self._spec(to, handler)
        if spec is not None:
            spec.bind(payload, to)

    def _spec(self, to: str, handler: str) -> HandlerSpec | None:
        definition = self.registry.find(to.split("/", 2)[1]) if to.count("/") == 2 else None
        return self.registry.common.get(handler) or (definition.handlers.get(handler) if definition else None)

    def control(self, active: Active, item: Item) -> None:
        """Cancel, kill or release what a person (or another agent) pointed at. Payload: turn's number or 0, and why."""
        order = decode_any(item.message.payload)
        number, why, verb = int(order.get("turn", 0)), str(order.get("why", "")), item.message.name
        if verb == STEER:
            self._steer(active, item, number, str(order.get("words", "")))
            return
        taken = False
        for turn in [t for t in active.running if isinstance(t, Turn) and number in (0, t.number, -t.item.id)]:
            if verb == "cancel":
                turn.cancel(why, item.id)
                taken = True
            elif verb == "kill":
                ending.kill(turn, why)
                self._left(turn)
        for n, parked in [(n, p) for n, p in active.parked.items() if number in (0, n, -p.item.id)]:
            if verb == "kill":
                self.end_parked(active, n, parked, Status.KILLED, why)
            elif verb == "cancel":
                parked.cancelled, parked.wanted = parked.cancelled or why or "cancelled", True
                parked.orders.append(item.id)
                taken = True
            elif verb == "retry":
                parked.wanted = True
        for queued in active.take_queued(number):
            status = Status.KILLED if verb == "kill" else Status.CANCELLED
            ending.end_parked(self.worker, active, queued, status, Failure("TurnFailed", f"turn.{status.name.lower()}", why))
        if taken:
            active.note(item.id)
        else:
            active.consume(item.id)
        self.worker.call_later(0, partial(self.worker.scheduler.pump, active))

    def _steer(self, active: Active, item: Item, number: int, text: str) -> None:
        """Give a turn a person's word. One that has ended meanwhile does not hear it any more."""
        message = item.message
        word = Word(item.id, text, short(message.sender), message.created, message.labels)
        turn = active.turn(number)
        if isinstance(turn, Turn) and not turn.dead:
            steer.say(turn, word)
        elif (parked := active.parked.get(number)) is not None:
            steer.leave_word(active, number, parked, word)
        active.consume(item.id)

    def end_parked(self, active: Active, number: int, parked: Parked, status: Status, why: str) -> None:
        """End a turn that is not in memory without running it."""
        del active.parked[number]
        active.write().unwaits.extend((number, w.path) for w in parked.waits)
        if active.exclusive is parked:
            active.exclusive = None
        ending.end_parked(
            self.worker, active, parked.item, status, Failure("TurnFailed", f"turn.{status.name.lower()}", why)
        )


__all__ = ["Flow", "Rejected"]
