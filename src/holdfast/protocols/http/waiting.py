"""``Waiting``: a request whose client waits at the other end of a connection.

A mailbox is patient, a connection is not. So what cannot begin because its agent is paused or held is refused instead of
queued, and what nobody waits for any more is called off: before it begins it never reaches a vendor, after that the vendor's
connection is closed. What came with a key is finished all the same: whoever asks again with that key gets its answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ...domain.address import short
from ...domain.errors import Conflict, HoldfastError, Rejected
from ...domain.message import Kind, Message, Outcome, Status
from ...flow import Flow
from ...gate.review import refusal_of
from ...journal.codec import encode
from ...turn.turn import Turn

log = logging.getLogger("holdfast")

LEFT = "the client hung up"
_LOOK_SECONDS = (1.0, 5.0)
"""How soon, and then how seldom, what waits in a mailbox is looked after."""
_PATIENCE_SECONDS = 600.0
"""For so long what runs on another worker may go on while its agent is paused: it finishes the step that it is in."""


class Waiting:
    """See the module.

    Args:
        under_way: keeps what is going on until it is over, whoever waits for it.
        streamed: somebody wants to hear the answer grow; ``afar`` says whether that may happen on another worker.
    """

    def __init__(self, flow: Flow, message: Message, under_way: set[asyncio.Task[None]], *, streamed: bool = False) -> None:
        self.message = message
        self.afar = False
        self._streamed = streamed
        self._stop_listening: Callable[[], None] = lambda: None
        self._flow = flow
        self._worker = flow.worker
        self._under_way = under_way
        self._outcome: asyncio.Future[Outcome] = flow.worker.new_future()
        self._turn: Turn | None = None
        self._id = 0
        self._asked = self._left = False
        self._stuck_since = 0.0

    @property
    def over(self) -> bool:
        """Whether the outcome is there."""
        return self._outcome.done()

    async def outcome(self) -> Outcome:
        """Ask, and wait; whoever comes second only waits. Raises ``Conflict(agent.paused)`` and
        ``Rejected(gate.breaker_open)`` while the agent may not work, and what ``Flow.accept`` raises."""
        if not self._asked:
            self._asked = True
            task = asyncio.Task(self._ask(), loop=self._worker.loop)
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        wait, most = _LOOK_SECONDS
        while not (await asyncio.wait([self._outcome], timeout=wait))[0]:
            if self._id:
                await self._look()
            wait = min(wait * 2, most)
        return self._outcome.result()

    def call_off(self) -> None:
        """The client is gone."""
        if self._left or self.message.key or self._outcome.done():
            return
        self._left = True
        self._withdraw_soon(LEFT)

    # -- what the flow tells ------------------------------------------------------------------------------------

    def begun(self, turn: Turn) -> None:
        """Its turn runs here, and nothing of it is durable yet."""
        self._turn = turn
        if self._left:
            self._withdraw_soon(LEFT)

    async def check(self) -> None:
        """Before it is put into a mailbox. Raises what refuses it."""
        await self._may_work()
        if self._streamed and not self.afar and self.message.to not in self._worker.holdings.actives:
            self.afar = True
            self._stop_listening = await self._worker.relay.listen(self.message.to)

    async def _may_work(self) -> None:
        worker, to = self._worker, self.message.to
        if self._left:
            raise Rejected("turn.cancelled", f"{LEFT} before anything had begun")
        if worker.gate.stopping and (held := worker.gate.holds(to, worker.clock.now_ms())) is not None:
            raise refusal_of(held, f"{short(to)} answers nobody at the moment")
        active = worker.holdings.actives.get(to)
        if active is not None and active.mode == "active":
            return
        row = await worker.insist(lambda: worker.store.agent(to))
        if row is not None and row.mode == "paused":
            raise Conflict(
                "agent.paused",
                f"{short(to)} is paused{f' ({row.reason})' if row.reason else ''} and asks no model until somebody resumes "
                f"it: holdfast resume {short(to)}.",
                agent=to,
                reason=row.reason,
            )

    def queued(self, id: int) -> None:
        """It is durable, and waits in a mailbox."""
        self._turn, self._id = None, id
        if self._left:
            self._withdraw_soon(LEFT)

    # -- inside -------------------------------------------------------------------------------------------------

    async def _ask(self) -> None:
        try:
            outcome = await self._answered_before()
            if outcome is None:
                _, outcome = await self._flow.accept(self.message, wait=True, attended=self)
            assert outcome is not None
            if not self._outcome.done():
                self._outcome.set_result(outcome)
        except BaseException as error:
            if not self._outcome.done():
                self._outcome.set_exception(error)
                self._outcome.exception()  # if nobody waits for it any more, nobody needs to hear of it
        finally:
            self._stop_listening()

    async def _answered_before(self) -> Outcome | None:
        """The outcome of the same request, if it came before: its turn would find out only after asking a vendor."""
        worker, message = self._worker, self.message
        if not message.key:
            return None
        stored = await worker.insist(lambda: worker.store.find_message(message.to, message.key))
        return None if stored is None else await worker.outcomes.outcome_or_wait(stored.id, worker.new_future())

    async def _look(self) -> None:
        """It waits in a mailbox: may its agent still work?"""
        try:
            await self._may_work()
        except HoldfastError as error:
            stored = await self._worker.insist(lambda: self._worker.store.message(self._id))
            if stored is None or stored.status >= Status.DONE or (stored.status == Status.RUNNING and self._goes_on()):
                return
            if not self._outcome.done():
                self._withdraw_soon(error.message)
                raise
        else:
            self._stuck_since = 0.0

    def _goes_on(self) -> bool:
        """Whether a turn that has begun is in the middle of a step, as far as can be told from here."""
        active = self._worker.holdings.actives.get(self.message.to)
        if active is not None:
            return any(turn.item.id == self._id for turn in active.running)
        now = self._worker.clock.monotonic()
        self._stuck_since = self._stuck_since or now
        return now - self._stuck_since < _PATIENCE_SECONDS

    def _withdraw_soon(self, why: str) -> None:
        turn = self._turn
        if turn is not None and turn.item.id == 0:
            turn.cancel(why)
        elif id := self._id or (turn.item.id if turn is not None else 0):
            self._worker.spawn(self._withdraw(id, why))

    async def _withdraw(self, id: int, why: str) -> None:
        """Order it to end, wherever it is: an order is durable, and finds its agent on any worker."""
        order = Message(
            self.message.to,
            Kind.CONTROL,
            "cancel",
            encode({"turn": -id, "why": why}),
            sender=self.message.sender,
            trace=self.message.trace,
            created=self._worker.clock.now_ms(),
        )
        try:
            await self._flow.accept(order, wait=False)
        except HoldfastError as error:
            log.warning("request %d of %s could not be called off: %s", id, self.message.to, error)


__all__ = ["LEFT", "Waiting"]
