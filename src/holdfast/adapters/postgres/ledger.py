"""The ledger over one schema: budgets, their shares, usage and costs. Its rules are in ``sql/ledger.sql``."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ...ports.ledger import Amounts, Bounds, Budget, CostRow, Share, Spending, UsageRow, label_of, unknown
from . import costs
from .listings import Listings
from .session import Session
from .shares import Shares
from .text import plain, safe

_SET = """
    INSERT INTO budget (name, scope, per, nanos, tokens, calls, zone, note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (name) DO UPDATE SET scope = excluded.scope, per = excluded.per, nanos = excluded.nanos,
        tokens = excluded.tokens, calls = excluded.calls, zone = excluded.zone, note = excluded.note
"""
_BUDGETS = "SELECT name, scope, per, nanos, tokens, calls, zone, note FROM budget ORDER BY name"
_SPENDING = """
    SELECT name, "window", nanos, tokens, calls, held_nanos, held_tokens, held_calls FROM (
        SELECT b.name, s."window", max(s.touched) AS touched, sum(s.nanos)::bigint AS nanos,
            sum(s.tokens)::bigint AS tokens, sum(s.calls)::bigint AS calls,
            coalesce(sum(s.held_nanos) FILTER (WHERE x.id > 0), 0)::bigint AS held_nanos,
            coalesce(sum(s.held_tokens) FILTER (WHERE x.id > 0), 0)::bigint AS held_tokens,
            coalesce(sum(s.held_calls) FILTER (WHERE x.id > 0), 0)::bigint AS held_calls
        FROM share s JOIN budget b ON b.id = s.budget LEFT JOIN session x ON x.id = s.session
        WHERE ($1 = '' OR b.name = $1) AND ($2::text[] IS NULL OR s."window" = ANY ($2))
        GROUP BY b.name, s."window"
    ) t
    WHERE nanos <> 0 OR tokens <> 0 OR calls <> 0 OR held_nanos > 0 OR held_tokens > 0 OR held_calls > 0
    ORDER BY touched DESC, name, "window" LIMIT $3
"""


class Ledger(Listings):
    """Mixed into ``PostgresStore``."""

    _shares: dict[str, Shares]

    def _session(self, session: str) -> Session:
        raise NotImplementedError

    async def set_budget(self, budget: Budget) -> None:
        bounds = msgspec.structs.astuple(budget.limit)
        texts = [safe(text) for text in (budget.name, budget.scope, budget.per)]
        await self._people.rows(_SET, *texts, *bounds, safe(budget.zone), safe(budget.note))

    async def drop_budget(self, name: str) -> bool:
        return bool(await self._people.value("DELETE FROM budget WHERE name = $1 RETURNING true", safe(name)))

    async def budgets(self) -> list[Budget]:
        return [
            Budget(plain(name), plain(scope), plain(per), Bounds(*bounds), plain(zone), plain(note))
            for name, scope, per, *bounds, zone, note in map(tuple, await self._people.rows(_BUDGETS))
        ]

    async def take_share(self, session: str, budget: str, window: str, want: Amounts, least: Amounts) -> Share:
        me = self._session(session)
        share = await self._shares[me.token].take.one((budget, window, want, least))
        if share is None:
            raise unknown(budget)
        return share

    async def give_back(self, session: str, budget: str, window: str, amounts: Amounts) -> None:
        if (shares := self._shares.get(session)) is not None:
            await shares.give.one((budget, window, amounts))

    async def spending(self, budget: str = "", windows: Sequence[str] = (), limit: int = 1000) -> list[Spending]:
        named = [safe(window) for window in windows] or None
        rows = await self._people.rows(_SPENDING, safe(budget), named, limit)
        return [
            Spending(plain(name), plain(window), Amounts(*n[:3]), Amounts(*n[3:])) for name, window, *n in map(tuple, rows)
        ]

    async def usage(
        self, after: int = 0, since: int = 0, until: int = 0, agent: str = "", limit: int = 1000, like: str = ""
    ) -> list[UsageRow]:
        return await costs.usage(self._people, after, since, until, agent, limit, like)

    async def cost(
        self,
        by: Sequence[str] = (),
        since: int = 0,
        until: int = 0,
        where: dict[str, str] | None = None,
        limit: int = 1000,
    ) -> list[CostRow]:
        for key in (*by, *(where or {})):
            label_of(key)
        return await costs.cost(self._people, by, since, until, where or {}, limit)
