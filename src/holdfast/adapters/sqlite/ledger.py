"""Budgets and their shares over one file, and the reading half of the ledger.

One process owns the file, so what sessions hold unspent is kept in its memory, like their leases: when a session or the
process ends, nothing is held any more. What was spent is in the file, a row per session and window. All of this runs on
the event loop between two awaits, which is what makes ``take_share`` atomic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from ...ports.clock import Clock
from ...ports.ledger import (
    FOREVER,
    LARGEST,
    Amounts,
    Bounds,
    Budget,
    CostRow,
    Share,
    Spending,
    UsageRow,
    label_of,
    unknown,
)
from . import costs, files
from .charging import SPEND, Key, plus, take_off
from .files import Database
from .retention import Retention
from .sessions import Sessions

_FOLD_AT = 64
"""So many rows of ended sessions in one window are folded into one."""

_SET = (
    "INSERT INTO budget(name, scope, per, nanos, tokens, calls, zone, note) VALUES(?,?,?,?,?,?,?,?) "
    "ON CONFLICT(name) DO UPDATE SET scope=excluded.scope, per=excluded.per, nanos=excluded.nanos, "
    "tokens=excluded.tokens, calls=excluded.calls, zone=excluded.zone, note=excluded.note RETURNING id"
)
_WINDOW = 'SELECT session, nanos, tokens, calls, touched FROM spending WHERE budget=? AND "window"=?'
_SPENT = 'SELECT budget, "window", sum(nanos), sum(tokens), sum(calls) FROM spending'
_NEWER = 'SELECT max(touched) FROM spending n WHERE n.budget = {0} AND n."window" = {1}'
_OLD = (
    'SELECT DISTINCT s.budget, s."window" FROM spending s JOIN budget b ON b.id = s.budget AND b.per <> ? '
    f"""WHERE s.touched < ? AND ({_NEWER.format("s.budget", 's."window"')}) < ? LIMIT ?"""
)
_FORGET = f'DELETE FROM spending WHERE budget=?1 AND "window"=?2 AND ({_NEWER.format("?1", "?2")}) < ?3'


class Ledger(Retention):
    """Mixed into ``SqliteStore``."""

    clock: Clock
    sessions: Sessions
    numbers: dict[str, int]
    """The numbers of all budgets, by name."""
    _limits: dict[int, Budget]

    def read_budgets(self) -> None:
        """Called when the file was opened."""
        self.numbers, self._limits = {}, {}
        sql = "SELECT id, name, scope, per, nanos, tokens, calls, zone, note FROM budget"
        for number, name, scope, per, nanos, tokens, calls, zone, note in self.db.execute(sql):
            self.numbers[name] = number
            self._limits[number] = Budget(name, scope, per, Bounds(nanos, tokens, calls), zone, note)

    async def set_budget(self, budget: Budget) -> None:
        bounds = msgspec.structs.astuple(budget.limit)
        row = (budget.name, budget.scope, budget.per, *bounds, budget.zone, budget.note)
        [(number,)] = self._write((_SET, row))
        self.numbers[budget.name] = number
        self._limits[number] = budget

    async def drop_budget(self, name: str) -> bool:
        number = self.numbers.get(name)
        if number is None:
            return False
        self._write(("DELETE FROM spending WHERE budget=?", (number,)), ("DELETE FROM budget WHERE id=?", (number,)))
        del self.numbers[name], self._limits[number]
        for session in self.sessions.alive.values():
            session.shares = {key: held for key, held in session.shares.items() if key[0] != number}
        return True

    async def budgets(self) -> list[Budget]:
        return sorted(self._limits.values(), key=lambda budget: budget.name)

    # -- shares -------------------------------------------------------------------------------------------------

    async def take_share(self, session: str, budget: str, window: str, want: Amounts, least: Amounts) -> Share:
        me = self.sessions.of(session)
        number = self.numbers.get(budget)
        if number is None:
            raise unknown(budget)
        key, bounds = (number, window), self._limits[number].limit
        mine, spent = self._spent(key, session)
        taken = plus(spent, self._outstanding(key))
        granted = allot(bounds, taken, want, least)
        held = plus(me.shares.get(key, Amounts()), granted)
        if granted:
            me.shares[key] = held
        return Share(budget, window, granted, held, mine, remainder(bounds, plus(taken, granted)))

    def _spent(self, key: Key, session: str) -> tuple[Amounts, Amounts]:
        """What a session and what all have spent of a window."""
        mine, spent, ended = Amounts(), Amounts(), 0
        try:
            for who, nanos, tokens, calls, _ in self.db.execute(_WINDOW, key):
                row = Amounts(nanos, tokens, calls)
                spent = plus(spent, row)
                mine = row if who == session else mine
                ended += who not in self.sessions.alive
        except apsw.Error as error:
            raise files.translate(error, self.place) from error
        if ended > _FOLD_AT:
            self._fold(key)
        return mine, spent

    def _fold(self, key: Key) -> None:
        """Make one row of those of ended sessions."""
        rows = [row for row in self.db.execute(_WINDOW, key) if row[0] and row[0] not in self.sessions.alive]
        folded = [(SPEND, (*key, "", *row[1:])) for row in rows]
        gone = 'DELETE FROM spending WHERE budget=? AND "window"=? AND session=?'
        self._write(*folded, *((gone, (*key, row[0])) for row in rows))

    def _outstanding(self, key: Key) -> Amounts:
        held = Amounts()
        for session in self.sessions.alive.values():
            if (share := session.shares.get(key)) is not None:
                held = plus(held, share)
        return held

    async def give_back(self, session: str, budget: str, window: str, amounts: Amounts) -> None:
        me, number = self.sessions.alive.get(session), self.numbers.get(budget)
        if me is not None and number is not None:
            take_off(me, (number, window), amounts)

    async def spending(self, budget: str = "", windows: Sequence[str] = (), limit: int = 1000) -> list[Spending]:
        numbers = set(self._limits) if not budget else {self.numbers[budget]} if budget in self.numbers else set[int]()
        marks = ",".join(str(number) for number in numbers)
        named = f'AND "window" IN ({",".join("?" * len(windows))})' if windows else ""
        sql = f"{_SPENT} WHERE budget IN ({marks}) {named} GROUP BY 1, 2 ORDER BY max(touched) DESC, 1, 2 LIMIT ?"

        def work(db: Database) -> dict[Key, Amounts]:
            return {(n, w): Amounts(*sums) for n, w, *sums in db.execute(sql, (*windows, limit))}

        spent = work(self.db) if budget and windows else await self.read(work)
        # from here on without a pause; a charge that came after ``spent`` was read is missing, none is counted twice
        held: dict[Key, Amounts] = {}
        for session in self.sessions.alive.values():
            for key, share in session.shares.items():
                if key[0] in numbers and (not windows or key[1] in windows):
                    held[key] = plus(held.get(key, Amounts()), share)
        older = {key: self._spent(key, "")[1] for key in held if key not in spent}
        names = {number: name for name, number in self.numbers.items()}
        found = [(key, amounts) for key, amounts in {**older, **spent}.items() if key[0] in names]
        return [Spending(names[n], w, amounts, held.get((n, w), Amounts())) for (n, w), amounts in found[:limit]]

    # -- reading and keeping ------------------------------------------------------------------------------------

    async def usage(
        self, after: int = 0, since: int = 0, until: int = 0, agent: str = "", limit: int = 1000, like: str = ""
    ) -> list[UsageRow]:
        return await self.read(lambda db: costs.usage(db, after, since, until, agent, limit, like))

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
        return await self.read(lambda db: costs.cost(db, by, since, until, where or {}, limit))

    async def compact(self, before: int, limit: int, held: Sequence[str] = ()) -> int:
        removed = await super().compact(before, limit, held)
        shares = {key for session in self.sessions.alive.values() for key in session.shares}
        args = (FOREVER, before, before, limit + len(shares))
        rows = await self.read(lambda db: list(db.execute(_OLD, args)))
        gone: list[Key] = [(number, window) for number, window in rows if not self._outstanding((number, window))]
        if gone:
            self._write(*((_FORGET, (*key, before)) for key in gone[:limit]))
        return removed + len(gone[:limit])

    def _write(self, *statements: tuple[str, Sequence[Any]]) -> list[tuple[Any, ...]]:
        """One transaction; the rows of its last statement."""
        found: list[tuple[Any, ...]] = []
        try:
            with self.db:
                for sql, args in statements:
                    found = list(self.db.execute(sql, args))
        except apsw.Error as error:
            raise files.translate(error, self.place) from error
        return found


def allot(bounds: Bounds, taken: Amounts, want: Amounts, least: Amounts) -> Amounts:
    """The rule of ``take_share``: what to grant when so much is taken already, spent by all or held by the living."""
    granted: list[int] = []
    for name in Amounts.__struct_fields__:
        bound: int | None = getattr(bounds, name)
        need = max(getattr(least, name), 0)
        free = LARGEST if bound is None else max(bound - getattr(taken, name), 0)
        if need > free:
            return Amounts()
        granted.append(min(max(getattr(want, name), need), free))
    return Amounts(*granted)


def remainder(bounds: Bounds, taken: Amounts) -> Bounds:
    """What is left of bounds of which so much is taken."""
    pairs = zip(msgspec.structs.astuple(bounds), msgspec.structs.astuple(taken), strict=True)
    return Bounds(*(None if bound is None else max(bound - gone, 0) for bound, gone in pairs))
