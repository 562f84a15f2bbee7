"""``kind: Budget``. What holds is the store's budget of this name; the resource is what people want it to be."""

from __future__ import annotations

from typing import Any

import msgspec

from ...mailbox.budgets import scopes_of, window_of
from ...ports.ledger import Amounts, Budget
from ..budgets import budget_of
from .documents import Wanted
from .kinds import After, Here, Kind, Touched, plain
from .views import EffectView

_DAY_MS = 86_400_000
_BACK_MS = {"turn": 7 * _DAY_MS, "hour": 2 * _DAY_MS, "day": 14 * _DAY_MS, "month": 62 * _DAY_MS, "ever": 62 * _DAY_MS}
_MOST_ROWS = 50_000
_PAGE = 5_000


class BudgetSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A limit, as in ``holdfast budget set``."""

    scope: str
    per: str = "month"
    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    zone: str = "UTC"
    note: str = ""


class BudgetKind(Kind):
    """See the module."""

    name = "Budget"
    spec = BudgetSpec
    elsewhere = True

    def convert(self, wanted: Wanted) -> dict[str, Any]:
        spec = msgspec.convert(wanted.spec, BudgetSpec)
        budget_of(wanted.name, **msgspec.structs.asdict(spec))
        return plain(spec)

    async def live(self, here: Here, name: str, tenant: str) -> dict[str, Any] | None:
        for budget in await here.store.budgets():
            if budget.name == name:
                limit = budget.limit
                usd = None if limit.nanos is None else limit.nanos / 1e9
                spec = BudgetSpec(budget.scope, budget.per, usd, limit.tokens, limit.calls, budget.zone, budget.note)
                return plain(spec)
        return None

    async def put(self, here: Here, name: str, tenant: str, spec: dict[str, Any]) -> None:
        await here.store.set_budget(budget_of(name, **msgspec.structs.asdict(msgspec.convert(spec, BudgetSpec))))

    async def drop(self, here: Here, name: str, tenant: str) -> None:
        await here.store.drop_budget(name)

    async def effects(self, here: Here, touched: Touched, after: After) -> list[EffectView]:
        """Whom it bounds, and which windows of late it would have stopped."""
        if touched.after is None:
            return [EffectView(kind="budget", note="nothing is bounded by it any more, and what was spent is forgotten")]
        spec = msgspec.convert(touched.after, BudgetSpec)
        budget = budget_of(touched.name, **msgspec.structs.asdict(spec))
        spent, agents, whole = await _spent(here, budget)
        over = {w: a for w, a in spent.items() if _exceeds(budget, a)}
        past = f"the last {_BACK_MS[budget.per] // _DAY_MS} days" if whole else f"the last {_MOST_ROWS:,} calls"
        found: list[EffectView] = []
        if agents:
            note = f"{len(agents)} agent(s) spent under {budget.scope} in {past}"
            found.append(EffectView(kind="agents", note=note, count=len(agents), agents=sorted(agents)[:20]))
        if over:
            worst = max(over, key=lambda window: over[window].nanos)
            note = (
                f"of {len(spent)} windows (per {budget.per}) in {past} it would have stopped {len(over)}; the dearest, "
                f"{worst}: {_told(over[worst])}"
            )
            found.append(EffectView(kind="budget", note=note, count=len(over)))
        elif spent:
            found.append(EffectView(kind="budget", note=f"in {past} no window would have reached it"))
        return found


async def _spent(here: Here, budget: Budget) -> tuple[dict[str, Amounts], set[str], bool]:
    """What was spent under a budget's scope of late, by its windows; by whom; whether all of that time was looked at."""
    since = here.worker.clock.now_ms() - _BACK_MS[budget.per]
    spent: dict[str, Amounts] = {}
    agents: set[str] = set()
    after = rows = 0
    while rows < _MOST_ROWS:
        page = await here.store.usage(after, since, limit=_PAGE)
        for row in page:
            if budget.scope not in scopes_of(row.agent, row.chain, row.labels):
                continue
            agents.add(row.agent)
            window = window_of(budget, f"{row.agent} {row.turn}", row.at)
            have = spent.get(window, Amounts())
            tokens = have.tokens + row.input + row.output
            spent[window] = Amounts(have.nanos + row.nanos, tokens, have.calls + 1)
        rows += len(page)
        if len(page) < _PAGE:
            return spent, agents, True
        after = page[-1].id
    return spent, agents, False


def _exceeds(budget: Budget, spent: Amounts) -> bool:
    bounds = (budget.limit.nanos, budget.limit.tokens, budget.limit.calls)
    amounts = (spent.nanos, spent.tokens, spent.calls)
    return any(bound is not None and amount > bound for bound, amount in zip(bounds, amounts, strict=True))


def _told(spent: Amounts) -> str:
    return f"{spent.nanos / 1e9:.4f} USD, {spent.tokens:,} tokens, {spent.calls:,} calls"
