"""What the gate of a process knows of breakers and habits: from resources into the gate, and from the gate back to
operations.

A breaker that somebody tripped anywhere is in force here as soon as the store's news is; what an anomaly trips here is in
force here at once, and everywhere a moment later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from ..control import breakers as breaking
from ..control import habits as keeping
from ..control.operations import Operations
from ..domain.errors import HoldfastError
from ..domain.notice import SPENT, Notice
from ..gate.behaviour import Baselines, Behaviour
from ..gate.breakers import Breaker, Breakers
from ..gate.gatekeeper import Gatekeeper
from ..mailbox.budgets import tenant_of_scope
from ..mailbox.worker import Worker
from ..ports.ledger import Budget
from ..ports.resources import Resource
from ..turn.telling import tell

log = logging.getLogger("holdfast")

_LONGEST_PROBE_MS = 3_600_000
_SHORTEST_PROBE_MS = 1_000
_LAST_SAVE_SECONDS = 5.0
_NEWS_MS = 600_000
"""What happened longer ago was told by somebody else."""


class Guarding:
    """See the module.

    Args:
        gate: whose switches and habits these are.
        operations: of this process.
        look_again: makes this worker look for work that nobody has: what was held has left memory.
        save_seconds: how often what was learned here is added to what all workers know.
    """

    def __init__(
        self,
        gate: Gatekeeper,
        operations: Operations,
        look_again: Callable[[], Coroutine[Any, Any, None]],
        save_seconds: float = 300.0,
    ) -> None:
        self._gate = gate
        self._operations = operations
        self._worker = operations.worker
        self._look_again = look_again
        self._save_seconds = save_seconds
        self._there: dict[tuple[str, str], Breaker] = {}
        self.breakers = Breakers(self._probed, self._wanted)
        self.keeper: keeping.Keeper | None = None
        gate.switches = self.breakers
        self._worker.resources.on_change(breaking.KIND, self._breakers_changed)
        self._worker.budgets.on_spent = lambda budget, window: self._worker.spawn(
            self._tell(_spent(self._worker, budget, window))
        )
        self._worker.resources.on_change(keeping.SETTINGS, self._behaviour_changed)

    # -- resources ----------------------------------------------------------------------------------------------

    def _breakers_changed(self, kind: str, changed: list[Resource]) -> None:
        recent = self._worker.clock.now_ms() - _NEWS_MS
        for resource in changed:
            if resource.at >= recent:
                self._worker.spawn(self._tell(breaking.notice_of(resource)))
            key = (resource.name, resource.tenant)
            if resource.deleted:
                self._there.pop(key, None)
            else:
                self._there[key] = breaking.breaker_of(resource)
        self._renew()

    async def _tell(self, notice: Notice) -> None:
        """Every worker that hears of it says so, and people are told once: whoever caused it may be gone by now."""
        try:
            await tell(self._worker, notice)
        except HoldfastError as error:
            log.warning("nobody was told that %s: %s", notice.text, error)

    def _renew(self) -> None:
        stopped = self.breakers.stopping
        self.breakers.replace(self._there.values())
        self._worker.gate_changed()
        if stopped:
            self._let_go_on()
        now = self._worker.clock.now_ms()
        for breaker in self._there.values():
            if breaker.probe_at > now:  # what is held goes on by itself when one action may pass
                self._worker.call_later((breaker.probe_at - now) / 1000, self._let_go_on)

    def _let_go_on(self) -> None:
        self._worker.gate_changed()
        if self._worker.session:
            self._worker.spawn(self._look())

    async def _look(self) -> None:
        try:
            await self._look_again()
        except HoldfastError as error:
            log.warning("what was held was not looked for: %s", error)

    def _behaviour_changed(self, kind: str, changed: list[Resource]) -> None:
        newest = changed[-1]
        if newest.deleted:
            self._gate.habits = self.keeper = None
            return
        settings = msgspec.json.decode(newest.body, type=Behaviour)
        before = self._gate.habits
        baselines = Baselines(settings, frozen=self.breakers.frozen, trip=self._trip)
        if isinstance(before, Baselines):
            baselines.kinds, baselines.fresh = before.kinds, before.fresh
        self._gate.habits = baselines
        self.keeper = keeper = keeping.Keeper(
            baselines,
            self._operations.store,
            self._worker,
            self._operations._tell_habits,  # pyright: ignore[reportPrivateUsage]
            self._save_seconds,
        )
        self._worker.spawn(keeper.run(lambda: self.keeper is keeper))

    # -- what the gate finds ------------------------------------------------------------------------------------

    def _trip(self, agent: str, why: str) -> None:
        self._wanted(Breaker(scope="agent", what=agent, reason=why, by="behaviour", at=self._worker.clock.now_ms()))

    def _wanted(self, breaker: Breaker) -> None:
        """An anomaly or a rule trips it: here at once, elsewhere a moment later."""
        key = (breaker.name, breaker.tenant)
        if key not in self._there:
            self._there[key] = breaker
            self._renew()
            self._worker.spawn(self._tripped(breaker))

    async def _tripped(self, it: Breaker) -> None:
        try:
            await self._operations.trip_breaker(it.scope, it.what, it.reason, it.action, it.tenant, by=it.by)
        except HoldfastError as error:
            log.error("breaker %s is open on this worker only: %s", it.name, error)

    def _probed(self, breaker: Breaker, good: bool) -> None:
        self._worker.spawn(self._settle(breaker, good))

    async def _settle(self, breaker: Breaker, good: bool) -> None:
        """One action passed a half-open breaker: close it, or open it for twice as long."""
        try:
            if good:
                await self._operations.reset_breaker(breaker.name, "it went well again", by="probe")
                return
            wait_ms = min(max(2 * (breaker.probe_at - breaker.at), _SHORTEST_PROBE_MS), _LONGEST_PROBE_MS)
            await self._operations.trip_breaker(
                breaker.scope, breaker.what, breaker.reason, breaker.action, breaker.tenant, wait_ms / 1000, by=breaker.by
            )
        except HoldfastError as error:
            log.warning("breaker %s could not be settled: %s", breaker.name, error)


def _spent(worker: Worker, budget: Budget, window: str) -> Notice:
    text = f"the budget {budget.name} ({budget.scope}, per {budget.per}) is spent for {window}: what needs it waits"
    data = {"budget": budget.name, "scope": budget.scope, "per": budget.per, "window": window}
    id = f"budget:{budget.name}:{window}"
    return Notice(id, SPENT, tenant_of_scope(budget.scope), budget.name, text, worker.clock.now_ms(), data)


async def save_habits(guarding: Guarding | None) -> None:
    """Before a process ends: add what it learned to what all workers know. What cannot be kept can be learned anew."""
    if guarding is None or guarding.keeper is None:
        return
    try:
        async with asyncio.timeout(_LAST_SAVE_SECONDS):
            await guarding.keeper.save()
    except (HoldfastError, TimeoutError) as error:
        log.warning("habits were not kept: %s", error)
