"""What a person may say about a budget, and the budget that it makes."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..domain.errors import Rejected
from ..ports.ledger import Bounds, Budget

PERIODS = ("turn", "hour", "day", "month", "ever")


def budget_of(
    name: str,
    scope: str,
    per: str,
    usd: float | None = None,
    tokens: int | None = None,
    calls: int | None = None,
    zone: str = "UTC",
    note: str = "",
) -> Budget:
    """A budget; raises ``Rejected(budget.malformed)``."""
    if per not in PERIODS:
        raise Rejected("budget.malformed", f"A budget is per {', '.join(PERIODS)}; {per!r} is none of them.", per=per)
    kind, _, rest = scope.partition(":")
    if not kind or (scope != "system" and not rest):
        raise Rejected(
            "budget.malformed",
            f"{scope!r} is no scope: system, tenant:NAME, agent:NAME, agent:NAME/KEY, or a label such as team:search.",
            scope=scope,
        )
    if usd is None and tokens is None and calls is None:
        raise Rejected("budget.malformed", "A budget bounds something: give usd, tokens or calls.")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        told = f"{zone!r} is not a time zone; write one like Europe/Berlin or UTC."
        raise Rejected("budget.malformed", told, zone=zone) from None
    return Budget(name, scope, per, Bounds(None if usd is None else round(usd * 1e9), tokens, calls), zone, note)
