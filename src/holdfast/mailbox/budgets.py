"""``Budgets``: what this worker may spend. Reserved before a call, settled after it, correct whenever the process dies.

A worker takes shares of a budget's window from the store and reserves from them without asking anybody; what was really
spent is charged in the commit that journals the answer. If the process dies in between, the session ends with it: what it
held unspent is free again, and the call, which is made again, is paid once. See ``ports.ledger`` for what the store
guarantees.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ..domain.address import DEFAULT_TENANT, tenant_of
from ..domain.errors import LimitExceeded, NotFound
from ..ports.ledger import FOREVER, Amounts, Budget, Charge

if TYPE_CHECKING:
    from .worker import Worker

_FRESH_SECONDS = 2.0
_IDLE_SECONDS = 2.0
_AHEAD = 16
_PATIENCE = 3
_PATIENCE_SECONDS = 0.5
_LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=32)}
"""At least as long as a window of this kind."""


class Held:
    """What this session holds of one window: granted and not spent, and how much of that is reserved by calls under way."""

    __slots__ = ("budget", "held", "lock", "reserved", "used_at", "window")

    def __init__(self, budget: str, window: str) -> None:
        self.budget = budget
        self.window = window
        self.held = Amounts()
        self.reserved = Amounts()
        self.used_at = 0.0
        self.lock = asyncio.Lock()

    @property
    def free(self) -> Amounts:
        """What may still be reserved."""
        return minus(self.held, self.reserved)


class Reservation:
    """One call's hold on all budgets that it falls under."""

    __slots__ = ("amounts", "held")

    def __init__(self, held: list[Held], amounts: Amounts) -> None:
        self.held = held
        self.amounts = amounts


_TOLD = 1_000
MUST_ASK = Reservation([], Amounts())
"""Not a reservation: the store has to be asked."""


class Budgets:
    """See the module. One worker's."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._known: dict[str, list[Budget]] = {}
        self._read_at = -1e9
        self._reading = asyncio.Lock()
        self._held: dict[tuple[str, str], Held] = {}
        self._session = ""
        self._sweeping = False
        self.on_spent: Callable[[Budget, str], None] = lambda budget, window: None
        """Called once for each window in which a call was refused here."""
        self._told: dict[tuple[str, str], None] = {}

    @property
    def may_bind(self) -> bool:
        """Whether there are budgets, as far as was known a moment ago."""
        return bool(self._known) or self._worker.clock.monotonic() - self._read_at >= _FRESH_SECONDS

    def reserve_at_once(self, scopes: Sequence[str], turn: str, amounts: Amounts) -> Reservation | None:
        """``reserve`` from what is held already; ``MUST_ASK`` if that is not enough, or it is time to look for budgets."""
        now = self._worker.clock.monotonic()
        if now - self._read_at >= _FRESH_SECONDS:
            return MUST_ASK
        known = self._known
        taken: list[Held] = []
        for scope in scopes:
            for budget in known.get(scope, ()):
                held = self._of(budget, turn)
                if not fits(amounts, held.free):
                    return MUST_ASK
                taken.append(held)
        for held in taken:
            held.used_at = now
            held.reserved = plus(held.reserved, amounts)
        return Reservation(taken, amounts) if taken else None

    async def reserve(self, scopes: Sequence[str], turn: str, amounts: Amounts) -> Reservation | None:
        """Hold so much of every budget of these scopes; None if there is none. ``turn`` names the turn for budgets per turn.
        Raises ``LimitExceeded(budget.spent)``, holding nothing."""
        await self._refresh()
        budgets = [budget for scope in scopes for budget in self._known.get(scope, ())]
        if not budgets:
            return None
        taken: list[Held] = []
        try:
            for budget in budgets:
                held = self._of(budget, turn)
                await self._hold(budget, held, amounts)
                taken.append(held)
        except BaseException:
            self._let_go(taken, amounts)
            raise
        return Reservation(taken, amounts)

    def settle(self, reservation: Reservation, spent: Amounts) -> list[Charge]:
        """The call is over: the charges that belong into the commit of its result."""
        self._let_go(reservation.held, reservation.amounts)
        for held in reservation.held:
            held.held = minus(held.held, spent)
        return [Charge(held.budget, held.window, spent) for held in reservation.held]

    def release(self, reservation: Reservation) -> None:
        """The call did not happen."""
        self._let_go(reservation.held, reservation.amounts)

    # -- holding ------------------------------------------------------------------------------------------------

    async def _hold(self, budget: Budget, held: Held, amounts: Amounts) -> None:
        held.used_at = self._worker.clock.monotonic()
        if not fits(amounts, held.free):
            async with held.lock:
                for again in range(_PATIENCE + 1):
                    if fits(amounts, held.free):
                        break
                    if await self._take(budget, held, amounts):
                        break
                    if again == _PATIENCE or not await self._others_hold(budget, held, amounts):
                        raise self._spent(budget, held)
                    await self._worker.clock.sleep(_PATIENCE_SECONDS)
        held.reserved = plus(held.reserved, amounts)

    async def _take(self, budget: Budget, held: Held, amounts: Amounts) -> bool:
        missing = lacking(amounts, held.free)
        want = plus(missing, Amounts(amounts.nanos * _AHEAD, amounts.tokens * _AHEAD, amounts.calls * _AHEAD))
        try:
            share = await self._worker.store.take_share(self._worker.session, held.budget, held.window, want, missing)
        except NotFound:
            self._read_at = -1e9  # dropped a moment ago: it bounds nothing any more
            held.held = plus(held.held, missing)
            return True
        held.held = plus(held.held, share.granted)
        self._sweep_soon()
        return fits(amounts, held.free)

    async def _others_hold(self, budget: Budget, held: Held, amounts: Amounts) -> bool:
        """Whether it would fit if what others hold and do not spend came back."""
        rows = await self._worker.store.spending(held.budget, [held.window])
        spent = rows[0].spent if rows else Amounts()
        for name in ("nanos", "tokens", "calls"):
            bound = getattr(budget.limit, name)
            if bound is not None and getattr(spent, name) + getattr(held.reserved, name) + getattr(amounts, name) > bound:
                return False
        return True

    def _spent(self, budget: Budget, held: Held) -> LimitExceeded:
        if (budget.name, held.window) not in self._told:
            self._told[budget.name, held.window] = None
            if len(self._told) > _TOLD:
                del self._told[next(iter(self._told))]
            self.on_spent(budget, held.window)
        return LimitExceeded(
            "budget.spent",
            f"The budget {budget.name!r} ({budget.scope}, per {budget.per}) has not enough left in {held.window} for this "
            "call. Raise it (holdfast budget set), and let the agent go on (holdfast resume).",
            budget=budget.name,
            scope=budget.scope,
            window=held.window,
            **seconds_left(budget, self._worker.clock.now_ms()),
        )

    def _let_go(self, taken: list[Held], amounts: Amounts) -> None:
        for held in taken:
            held.reserved = minus(held.reserved, amounts)

    # -- which --------------------------------------------------------------------------------------------------

    def _of(self, budget: Budget, turn: str) -> Held:
        if self._session != self._worker.session:  # what another session held is not ours
            self._held.clear()
            self._session = self._worker.session
        window = window_of(budget, turn, self._worker.clock.now_ms())
        key = budget.name, window
        found = self._held.get(key)
        if found is None:
            found = self._held[key] = Held(budget.name, window)
        return found

    async def _refresh(self) -> None:
        if self._worker.clock.monotonic() - self._read_at < _FRESH_SECONDS:
            return
        async with self._reading:
            if self._worker.clock.monotonic() - self._read_at < _FRESH_SECONDS:
                return
            known: dict[str, list[Budget]] = {}
            for budget in await self._worker.store.budgets():
                known.setdefault(budget.scope, []).append(budget)
            self._known = known
            self._read_at = self._worker.clock.monotonic()

    # -- giving back --------------------------------------------------------------------------------------------

    def _sweep_soon(self) -> None:
        if not self._sweeping and not self._worker.draining:
            self._sweeping = True
            self._worker.spawn(self._sweep())

    async def _sweep(self) -> None:
        """Give back what has not been used for a moment; ends when nothing is held."""
        worker = self._worker
        try:
            while self._held and not worker.draining:
                await worker.clock.sleep(_IDLE_SECONDS)
                now = worker.clock.monotonic()
                for key, held in list(self._held.items()):
                    if held.reserved or held.lock.locked() or now - held.used_at < _IDLE_SECONDS:
                        continue
                    back, held.held = held.held, Amounts()
                    self._held.pop(key, None)
                    if back and self._session == worker.session:
                        await worker.store.give_back(worker.session, held.budget, held.window, floor(back))
        finally:
            self._sweeping = False


def scopes_of(address: str, chain: tuple[str, ...], tags: dict[str, str]) -> tuple[str, ...]:
    """All that a call of this agent falls under: the system, its tenant, itself and its kind, whoever delegated the work to
    it, and its labels (``team:search``)."""
    return _scopes(address, chain, tuple(tags.items()))


@lru_cache(10_000)
def _scopes(address: str, chain: tuple[str, ...], tags: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    tenant = tenant_of(address)
    own: list[str] = []
    for agent in dict.fromkeys((*chain, address)):
        if agent.count("/") == 2:  # a person or a service may stand in the chain, too
            _, name, key = agent.split("/", 2)
            own += [f"agent:{name}", f"agent:{name}/{key}"]
    own += [f"{key}:{value}" for key, value in tags]
    scopes = ["system", f"tenant:{tenant}", *(scope_in(tenant, scope) for scope in own)]
    return tuple(dict.fromkeys(scopes))


def scope_in(tenant: str, scope: str) -> str:
    """A scope that is a tenant's own: another tenant's agents of the same name, or labels, are not meant."""
    return scope if tenant == DEFAULT_TENANT else f"{tenant}/{scope}"


def tenant_of_scope(scope: str) -> str:
    """Whose a scope is; ``""`` for the whole system."""
    kind, _, rest = scope.partition(":")
    if kind == "system":
        return ""
    return rest if kind == "tenant" else kind.rpartition("/")[0] or DEFAULT_TENANT


def window_of(budget: Budget, turn: str, now_ms: int) -> str:
    """The window of a budget that is open now."""
    if budget.per == "turn":
        return f"turn {turn}"
    if budget.per == FOREVER:
        return FOREVER
    return _window(budget.per, budget.zone, now_ms // 1000)


def seconds_left(budget: Budget, now_ms: int) -> dict[str, float]:
    """``retry_seconds`` until the budget's next window begins; nothing if there is none to wait for."""
    _, end = bounds_of(budget, now_ms)
    return {"retry_seconds": round((end - now_ms) / 1000, 3)} if end else {}


def bounds_of(budget: Budget, now_ms: int) -> tuple[int, int]:
    """When the window that is open now began, and when the next one begins, in milliseconds; (0, 0) for those that are no
    stretch of time."""
    if budget.per not in _LENGTHS:
        return 0, 0
    now = datetime.fromtimestamp(now_ms / 1000, UTC if budget.zone == "UTC" else ZoneInfo(budget.zone))
    begun = now.replace(minute=0, second=0, microsecond=0)
    if budget.per != "hour":
        begun = begun.replace(hour=0)
    if budget.per == "month":
        begun = begun.replace(day=1)
    after = begun + _LENGTHS[budget.per]
    if budget.per == "month":
        after = after.replace(day=1)
    return round(begun.timestamp() * 1000), round(after.timestamp() * 1000)


@lru_cache(1_000)
def _window(per: str, zone: str, seconds: int) -> str:
    now = datetime.fromtimestamp(seconds, UTC if zone == "UTC" else ZoneInfo(zone))
    return now.strftime({"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}[per])


def plus(one: Amounts, other: Amounts) -> Amounts:
    """Both together."""
    return Amounts(one.nanos + other.nanos, one.tokens + other.tokens, one.calls + other.calls)


def minus(one: Amounts, other: Amounts) -> Amounts:
    """One without the other."""
    return Amounts(one.nanos - other.nanos, one.tokens - other.tokens, one.calls - other.calls)


def floor(amounts: Amounts) -> Amounts:
    """Nothing below zero."""
    return Amounts(max(0, amounts.nanos), max(0, amounts.tokens), max(0, amounts.calls))


def lacking(wanted: Amounts, free: Amounts) -> Amounts:
    """What is wanted and not free."""
    return floor(minus(wanted, free))


def fits(wanted: Amounts, free: Amounts) -> bool:
    """Whether all of it is free."""
    return wanted.nanos <= free.nanos and wanted.tokens <= free.tokens and wanted.calls <= free.calls
