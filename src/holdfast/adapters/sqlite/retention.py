"""Forgetting: ended turns, their messages, and the heads of journals.

Row numbers of the journal are never used twice, although SQLite would do so when the last row is removed: readers of
``history`` and of ``uncovered`` go by them. A row without an agent keeps the place of the last one.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from . import reads
from .files import Database
from .lookup import Lookup

_OVER = "status >= 4 AND ended > 0 AND ended < ?"
_HELD = (
    "AND NOT EXISTS (SELECT 1 FROM agent a JOIN json_each(?) h WHERE a.id = message.agent AND (a.address = h.value "
    "OR substr(h.value, -1) = '/' AND substr(a.address, 1, length(h.value)) = h.value))"
)
_PLACE = "INSERT INTO journal(id, agent, seq, turn, body, hash) VALUES(?1, 0, ?1, 0, x'', x'')"
_RESUME = "INSERT INTO meta VALUES('compact_from', ?) ON CONFLICT DO UPDATE SET value=excluded.value"


class Retention(Lookup):
    """Mixed into ``SqliteStore``."""

    async def compact(self, before: int, limit: int, held: Sequence[str] = ()) -> int:
        db = self.db
        cursor = next(iter(db.execute("SELECT value FROM meta WHERE key='compact_from'")), (0,))[0]
        but, names = (_HELD, (msgspec.json.encode(list(held)).decode(),)) if held else ("", ())
        sql = f"SELECT id, agent FROM message WHERE id > ? AND {_OVER} {but} ORDER BY id LIMIT ?"
        # beside the loop: it may pass a million others
        rows = await self.read(lambda other: list(other.execute(sql, (cursor, before, *names, limit))))
        removed = len(rows)
        with db:
            last = _last(db)
            db.executemany(f"DELETE FROM message WHERE id=? AND {_OVER}", [(id, before) for id, _ in rows])
            cut = [id for ref in {agent for _, agent in rows} for id in _cut(db, ref)]
            self.forget_words(cut)
            if _last(db) < last:
                db.execute(_PLACE, (last,))
                db.execute("DELETE FROM journal WHERE agent = 0 AND seq < ?", (last,))
            db.execute(_RESUME, (rows[-1][0] if len(rows) == limit else 0,))
        return removed + len(cut)


def _last(db: Database) -> int:
    return next(iter(db.execute("SELECT coalesce(max(id), 0) FROM journal")))[0]


def _cut(db: Database, ref: int) -> list[int]:
    """Drop the journal's head up to the oldest turn still kept; remember the chain's hash at the cut. The rows dropped."""
    low = next(db.execute("SELECT min(turn) FROM message WHERE agent=? AND turn > 0 AND kind = 0", (ref,)))[0]
    seq, _ = reads.head(db, ref)
    upto = min(low - 1, seq) if low else seq
    last = next(iter(db.execute("SELECT hash FROM journal WHERE agent=? AND seq=?", (ref, upto))), None)
    if last is None:
        return []
    db.execute("UPDATE agent SET base_seq=?, base_hash=? WHERE id=?", (upto, last[0], ref))
    db.execute("INSERT OR REPLACE INTO cut(agent, seq, hash) VALUES(?,?,?)", (ref, upto, last[0]))
    return [id for (id,) in db.execute("DELETE FROM journal WHERE agent=? AND seq<=? RETURNING id", (ref, upto))]
