"""Usage and charges of one transaction: the rows, and what they take off the session's shares once it happened."""

from __future__ import annotations

from typing import Any

import msgspec

from ...ports.ledger import Amounts, Charge, UsageRow
from ...ports.store import Commit
from .files import Database
from .sessions import Session

HOUR_MS = 3_600_000

Key = tuple[int, str]
"""A window: the number of its budget, and its name."""
Row = tuple[Any, ...]

COLUMNS = UsageRow.__struct_fields__[:-1]
"""Of the table usage, in the order of ``UsageRow``, without the id."""
_TEXTS = (COLUMNS.index("chain"), COLUMNS.index("labels"))
_USAGE = f"INSERT INTO usage({', '.join(COLUMNS)}) VALUES({','.join('?' * len(COLUMNS))})"
SPEND = (
    'INSERT INTO spending(budget, "window", session, nanos, tokens, calls, touched) VALUES(?,?,?,?,?,?,?) '
    "ON CONFLICT DO UPDATE SET nanos = nanos + excluded.nanos, tokens = tokens + excluded.tokens, "
    "calls = calls + excluded.calls, touched = max(touched, excluded.touched)"
)


def plus(one: Amounts, other: Amounts) -> Amounts:
    """Both together."""
    return Amounts(one.nanos + other.nanos, one.tokens + other.tokens, one.calls + other.calls)


def less(held: Amounts, gone: Amounts) -> Amounts:
    """What is held still; never below nothing, and a correction returns nothing to who held it."""
    pairs = zip(msgspec.structs.astuple(held), msgspec.structs.astuple(gone), strict=True)
    return Amounts(*(max(have - max(off, 0), 0) for have, off in pairs))


class Charging:
    """See the module. ``budgets`` maps names to numbers; charges to others are ignored."""

    def __init__(self, budgets: dict[str, int], session: Session | None) -> None:
        self._budgets = budgets
        self._session = session
        self._usage: list[Row] = []
        self._charges: dict[Key, Amounts] = {}

    def add(self, commit: Commit) -> None:
        """Take a commit that will not be refused any more."""
        self._usage.extend(_row(usage) for usage in commit.usage)
        for charge in commit.charges:
            self._charge(charge)

    def _charge(self, charge: Charge) -> None:
        number = self._budgets.get(charge.budget)
        if number is not None:
            key = number, charge.window
            self._charges[key] = plus(self._charges.get(key, Amounts()), charge.amounts)

    def write(self, db: Database, now: int) -> None:
        """Put the rows in. The time of a window's last charge is kept in full hours, rounded up."""
        if self._usage:
            db.executemany(_USAGE, self._usage)
        if self._charges:
            session, touched = self._session.id if self._session is not None else "", now // HOUR_MS * HOUR_MS + HOUR_MS
            rows = [(*key, session, a.nanos, a.tokens, a.calls, touched) for key, a in self._charges.items()]
            db.executemany(SPEND, rows)

    def settle(self) -> None:
        """The transaction happened: what was charged is held no more."""
        if self._session is not None:
            for key, amounts in self._charges.items():
                take_off(self._session, key, amounts)


def take_off(session: Session, key: Key, amounts: Amounts) -> None:
    """A session holds so much less of a window."""
    held = session.shares.get(key)
    if held is not None:
        if left := less(held, amounts):
            session.shares[key] = left
        else:
            del session.shares[key]


def _row(usage: UsageRow) -> Row:
    values = list(msgspec.structs.astuple(usage)[:-1])
    for at in _TEXTS:
        values[at] = msgspec.json.encode(values[at]).decode()
    return tuple(values)
