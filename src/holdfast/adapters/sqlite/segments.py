"""History and segments over one file. A journal's row numbers ascend in the order of commits here, because one writer makes
them; so what is covered is known by the last number that was read."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from ...ports.segments import Covered, Cut, HistoryRow, Loose, Segment, Uncovered
from . import files
from .files import Database
from .listings import Listings

_ROW = "j.id, a.address, j.seq, j.turn, CAST(j.body AS BLOB), CAST(j.hash AS BLOB)"
"""Whoever tampers with a file may leave text where bytes should be: that must be read to be found."""
_FROM = "FROM journal j JOIN agent a ON a.id = j.agent"
_LOOSE = (
    f"SELECT coalesce(c.seq, 0), coalesce(c.hash, x''), {_ROW} {_FROM} LEFT JOIN covered c ON c.agent = j.agent "
    "WHERE j.id > ? AND j.seq > coalesce(c.seq, 0) ORDER BY j.id LIMIT ?"
)
_CUTS = (
    "SELECT a.address, k.seq, k.hash, coalesce(c.seq, 0), coalesce(c.hash, x'') FROM cut k JOIN agent a ON a.id = k.agent "
    "LEFT JOIN covered c ON c.agent = k.agent LIMIT ?"
)
_COVER = (
    "INSERT INTO covered(agent, seq, hash, cut) SELECT id, ?2, ?3, ?4 FROM agent WHERE address = ?1 "
    "ON CONFLICT(agent) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, cut = max(cut, excluded.cut)"
)
_TOLD = "DELETE FROM cut WHERE agent = (SELECT id FROM agent WHERE address = ?) AND seq <= ?"
_MARK = "INSERT INTO meta(key, value) VALUES('covered', ?) ON CONFLICT DO UPDATE SET value = excluded.value"


class Segments(Listings):
    """Mixed into ``SqliteStore``."""

    async def history(self, after: int = 0, limit: int = 1000, like: str = "") -> list[HistoryRow]:
        only, names = ("AND a.address >= ? AND a.address < ?", (like, like + "\U0010ffff")) if like else ("", ())
        sql = f"SELECT {_ROW} {_FROM} WHERE j.id > ? {only} ORDER BY j.id LIMIT ?"
        return await self.read(lambda db: [HistoryRow(*row) for row in db.execute(sql, (after, *names, limit))])

    async def uncovered(self, limit: int) -> Uncovered:
        def work(db: Database) -> Uncovered:
            with db:  # one moment for all three
                mark = next(iter(db.execute("SELECT value FROM meta WHERE key = 'covered'")), (0,))[0]
                found: dict[str, Loose] = {}
                rows = list(db.execute(_LOOSE, (mark, limit)))
                cuts = [Cut(*row) for row in db.execute(_CUTS, (limit,))]
            for after, before, *row in rows:
                entry = HistoryRow(*row)
                known = found.get(entry.address)
                if known is None:
                    known = found[entry.address] = Loose(entry.address, after, before)
                known.rows.append(entry)
            upto = rows[-1][2] if rows else mark
            return Uncovered(list(found.values()), cuts, str(upto), len(rows) == limit or len(cuts) == limit)

        return await self.read(work)

    async def add_segment(self, segment: Segment, covered: Sequence[Covered], mark: str = "") -> bool:
        db = self.db
        try:
            with db:
                (last,) = next(iter(db.execute("SELECT coalesce(max(number), 0) FROM segment")))
                if segment.number != last + 1:
                    return False
                db.execute(
                    "INSERT INTO segment(number, statement, signature, public, leaves) VALUES(?,?,?,?,?)",
                    (segment.number, segment.statement, segment.signature, segment.public, segment.leaves),
                )
                db.executemany(_COVER, [(c.address, c.seq, c.hash, c.cut) for c in covered])
                db.executemany(_TOLD, [(c.address, c.cut) for c in covered if c.cut])
                if mark:
                    db.execute(_MARK, (int(mark),))
        except apsw.Error as error:
            raise files.translate(error, self.place) from error
        return True

    async def segments(self, after: int = 0, limit: int = 100) -> list[Segment]:
        sql = "SELECT number, statement, signature, public, leaves FROM segment "
        if after < 0:
            return [Segment(*row) for row in self.db.execute(sql + "ORDER BY number DESC LIMIT 1")]
        return [Segment(*row) for row in self.db.execute(sql + "WHERE number > ? ORDER BY number LIMIT ?", (after, limit))]
