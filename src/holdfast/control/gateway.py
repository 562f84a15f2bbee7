"""Operations around models: what there is and how it is, what they cost, and what an agent says right now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from ..domain.address import DEFAULT_TENANT
from ..domain.errors import NotFound
from ..domain.principal import EVERY_TENANT, Principal
from ..mailbox.budgets import bounds_of, scope_in, window_of
from ..mailbox.worker import Worker
from ..ports.ledger import DIMENSIONS, LABEL, Amounts, Budget, UsageRow
from ..ports.store import Store
from .budgets import budget_of
from .following import Following
from .registry import operation
from .views import BudgetView, CostView, Done, ForecastView, ModelView, Piece

_SOONEST = 50
"""A forecast takes this part of a budget's window for over, at least: one call in its first second foretells nothing."""
_BACK_MS = (60_000, 900_000, 86_400_000, 30 * 86_400_000)


class GatewayOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    principal: Principal

    @operation(path="GET /models", command="models", changes=False)
    async def models(self) -> list[ModelView]:
        """List the routes, and how their targets are."""
        gateway = self.worker.models
        if gateway is None:
            return []
        now = self.worker.clock.monotonic()
        found: list[ModelView] = []
        for route in sorted(gateway.directory.routes.values(), key=lambda r: r.name):
            for target in gateway.directory.of(route):
                health = gateway.health(target.name)
                found.append(
                    ModelView(
                        route=route.name,
                        target=target.name,
                        vendor=target.vendor,
                        model=target.model,
                        state="resting" if health.rest_until > now and not health.open else health.state,
                        why=health.why,
                        free_in_seconds=round(max(0.0, health.free_at(now) - now), 1),
                        first_ms=round(health.first_ms),
                        error_share=round(health.error_share, 3),
                        key=target.key,
                    )
                )
        return found

    @operation(path="GET /agents/{address}/watch", command="chat", changes=False)
    async def watch(self, address: str, trace: str = "") -> AsyncIterator[Piece]:
        """Follow what an agent says and does right now, wherever it runs: words as they come, tools at work. What is missed
        of an answer comes from the journal when the answer is whole."""
        worker, target = self.worker, self.principal.place(address)
        row = await self.store.agent(target)
        following = Following(worker, target, trace, row.seq if row is not None else 0)
        with ExitStack() as listening:
            listening.callback(worker.feed.listen(target, following.heard))
            listening.callback(await worker.relay.listen(target))
            yield Piece(kind="listening")
            async for piece in following.pieces():
                yield piece

    # -- money --------------------------------------------------------------------------------------------------

    @operation(path="PUT /budgets/{name}", command="budget set", errors=("budget.malformed",))
    async def set_budget(
        self,
        name: str,
        scope: str,
        per: str,
        usd: float | None = None,
        tokens: int | None = None,
        calls: int | None = None,
        zone: str = "UTC",
        note: str = "",
    ) -> BudgetView:
        """Set a limit, or change the one of this name.

        ``scope``: system, tenant:NAME, agent:NAME (all its instances), agent:NAME/KEY, or any label (team:search). What an
        agent has others do counts for it, too. ``per``: turn, hour, day, month or ever.
        """
        budget = budget_of(self._own(name), self._scope(scope), per, usd, tokens, calls, zone, note)
        await self.store.set_budget(budget)
        return self._budget(budget, Amounts(), Amounts())

    def _own(self, name: str) -> str:
        """A budget's name as the store knows it: other tenants have names of their own."""
        who = self.principal
        if "/" in name:
            who.check_reach(name.partition("/")[0])
            return name
        return name if who.home == DEFAULT_TENANT else f"{who.home}/{name}"

    def _scope(self, scope: str) -> str:
        """A scope as the budgets count it; raises ``Rejected(tenant.crossed)`` for one that others fall under."""
        who = self.principal
        if who.tenant == EVERY_TENANT:
            return scope
        kind, _, rest = scope.partition(":")
        if kind in ("system", "tenant"):
            who.check_reach(rest or EVERY_TENANT)
            return scope
        return scope_in(who.tenant, scope)

    def _sees(self, budget: Budget) -> bool:
        who = self.principal
        tenant, slash, _ = budget.name.partition("/")
        return who.reaches(tenant if slash else DEFAULT_TENANT)

    @operation(path="DELETE /budgets/{name}", command="budget remove", errors=("budget.unknown",))
    async def drop_budget(self, name: str) -> Done:
        """Remove a limit."""
        if not await self.store.drop_budget(self._own(name)):
            raise NotFound("budget.unknown", f"There is no budget {name!r}. `holdfast budget list` shows them.", budget=name)
        return Done(note=f"removed the budget {name}")

    @operation(path="GET /budgets", command="budget list", changes=False, next=(("set_budget", "change one"),))
    async def budgets(self) -> list[BudgetView]:
        """List the limits, and what is spent of each in its present window."""
        found: list[BudgetView] = []
        now = self.worker.clock.now_ms()
        for budget in filter(self._sees, await self.store.budgets()):
            windows = [] if budget.per == "turn" else [window_of(budget, "", now)]
            rows = await self.store.spending(budget.name, windows, limit=1)
            spent, held = (rows[0].spent, rows[0].outstanding) if rows else (Amounts(), Amounts())
            found.append(self._budget(budget, spent, held))
        return found

    @operation(path="GET /cost", command="cost", changes=False, errors=("cost.by",))
    async def cost(
        self,
        by: list[str] | None = None,
        since: int = 0,
        until: int = 0,
        where: dict[str, str] | None = None,
        limit: int = 1000,
    ) -> list[CostView]:
        """Sum up what was spent, told apart by any of agent, name, model, vendor, target, route, day, hour, minute, root,
        outcome, trace, or a label (team). Times in milliseconds."""
        keys = [key if key in DIMENSIONS or key.startswith(LABEL) else f"{LABEL}{key}" for key in by or []]
        wanted = {k if k in DIMENSIONS or k.startswith(LABEL) else f"{LABEL}{k}": v for k, v in (where or {}).items()}
        if self.principal.within:
            wanted["tenant"] = self.principal.tenant
        rows = await self.store.cost(keys, since, until, wanted, limit)
        return [
            CostView(
                keys=list(r.keys),
                usd=r.nanos / 1e9,
                calls=r.calls,
                input=r.input,
                cached=r.cached,
                output=r.output,
                reasoning=r.reasoning,
                seconds=r.took_ms / 1000,
            )
            for r in rows
        ]

    @operation(path="GET /forecast", command="cost --forecast", changes=False)
    async def forecast(self, where: dict[str, str] | None = None) -> ForecastView:
        """Foresee what this month will cost: what was spent, and the last seven days' mean for the days that are left."""
        now = datetime.fromtimestamp(self.worker.clock.now_ms() / 1000, UTC)
        first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        end = (first + timedelta(days=32)).replace(day=1)
        week = now - timedelta(days=7)
        so_far = await self.cost([], _ms(first), 0, where)
        lately = await self.cost([], _ms(week), 0, where)
        first_row = await self.store.usage(since=_ms(week), limit=1, like=self.principal.within)
        days = 7.0 if not first_row else min(7.0, max((_ms(now) - first_row[0].at) / 86_400_000, 1 / 24))
        spent = so_far[0].usd if so_far else 0.0
        daily = (lately[0].usd if lately else 0.0) / days
        left = (end - now).total_seconds() / 86_400
        return ForecastView(
            month=first.strftime("%Y-%m"), spent_usd=spent, daily_usd=daily, forecast_usd=spent + daily * left
        )

    @operation(path="GET /usage", command="cost --export", changes=False, page="id")
    async def usage(
        self, after: int = 0, since: int = 0, until: int = 0, agent: str = "", limit: int = 1000
    ) -> list[UsageRow]:
        """Read the ledger, oldest first: one row for each answer of a model."""
        who = self.principal
        one = who.place(agent) if agent else ""
        return await self.store.usage(after, since, until, one, min(limit, 10_000), "" if one else who.within)

    @operation(
        path="GET /models/decisions", command="models decisions", changes=False, next=(("models", "how they are now"),)
    )
    async def route_decisions(self, route: str = "", limit: int = 50) -> list[UsageRow]:
        """List which model answered lately, why it was chosen, and what came of it, the newest first."""
        limit = max(1, min(limit, 500))
        now = self.worker.clock.now_ms()
        found: list[UsageRow] = []
        for back in _BACK_MS:  # as far back as it takes
            found, last = [], 0
            while page := await self.store.usage(last, now - back, limit=5_000, like=self.principal.within):
                last = page[-1].id
                found = [*found, *(row for row in page if route in ("", row.route))][-limit:]
            if len(found) == limit:
                break
        return found[::-1]

    def _budget(self, budget: Budget, spent: Amounts, held: Amounts) -> BudgetView:
        limit = budget.limit
        now = self.worker.clock.now_ms()
        begun, ends = bounds_of(budget, now)
        passed = max(now - begun, (ends - begun) // _SOONEST)
        bounds = ((limit.nanos, spent.nanos), (limit.tokens, spent.tokens), (limit.calls, spent.calls))
        used = max((of / bound if bound else 1.0 for bound, of in bounds if bound is not None), default=0.0)
        foreseen = used * (ends - begun) / passed if ends else None
        return BudgetView(
            name=budget.name,
            scope=budget.scope,
            per=budget.per,
            limit_usd=None if limit.nanos is None else limit.nanos / 1e9,
            limit_tokens=limit.tokens,
            limit_calls=limit.calls,
            spent_usd=spent.nanos / 1e9,
            spent_tokens=spent.tokens,
            spent_calls=spent.calls,
            held_usd=held.nanos / 1e9,
            zone=budget.zone,
            note=budget.note,
            ends=ends,
            forecast_usd=spent.nanos / 1e9 * (ends - begun) / passed if ends else None,
            forecast_share=foreseen,
            runs_out=max(now, begun + round(passed / used)) if foreseen is not None and foreseen > 1 else 0,
        )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


__all__ = ["GatewayOperations"]
