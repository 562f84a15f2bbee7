"""One session's shares of budgets: what is asked for at the same moment is one transaction."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

from ...ports.ledger import Amounts, Bounds, Share
from .combine import Combine
from .link import Pool, through_collisions
from .text import safe

_TAKE = "SELECT place, n FROM take_shares($1, $2, $3, $4, $5, $6)"
_GIVE = "SELECT give_back($1, $2, $3, $4)"
_AT_ONCE = 500

Asked = tuple[str, str, Amounts, Amounts]
"""Budget, window, want, least."""
Given = tuple[str, str, Amounts]


class Shares:
    """``take`` answers None for a budget that there is not."""

    def __init__(self, pool: Pool, session: int) -> None:
        self._pool = pool
        self._session = session
        self.take: Combine[Asked, Share | None] = Combine(self._take, width=1, most=_AT_ONCE)
        self.give: Combine[Given, None] = Combine(self._give, width=1, most=_AT_ONCE)

    async def _take(self, asked: list[Asked]) -> list[Share | None]:
        budgets, windows, wants, leasts = zip(*asked, strict=True)
        args = (_texts(budgets), _texts(windows), _numbers(wants), _numbers(leasts), int(time.time() * 1000))
        rows = await through_collisions(lambda: self._pool.rows(_TAKE, self._session, *args))
        found: dict[int, Sequence[Any]] = {row["place"]: row["n"] for row in rows}
        return [
            _share(budget, window, found[place]) if place in found else None
            for place, (budget, window, _, _) in enumerate(asked, 1)
        ]

    async def _give(self, given: list[Given]) -> list[None]:
        budgets, windows, amounts = zip(*given, strict=True)
        args = (_texts(budgets), _texts(windows), _numbers(amounts))
        await through_collisions(lambda: self._pool.value(_GIVE, self._session, *args))
        return [None] * len(given)


def _share(budget: str, window: str, n: Sequence[Any]) -> Share:
    return Share(budget, window, Amounts(*n[:3]), Amounts(*n[3:6]), Amounts(*n[6:9]), Bounds(*n[9:]))


def _texts(texts: Sequence[str]) -> list[str]:
    return [safe(text) for text in texts]


def _numbers(amounts: Sequence[Amounts]) -> list[int]:
    return list(itertools.chain.from_iterable((a.nanos, a.tokens, a.calls) for a in amounts))
