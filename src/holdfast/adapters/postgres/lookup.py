"""The index of words over one schema: lexemes by block of ids, the newest blocks first.

Ids of journal rows may appear late (see ``segments``): the index comes no further than to where nothing can appear any
more, which is known when every transaction that ran at the time of the last look is over.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...ports.lookup import Line, Phrase, Terms
from ...ports.segments import HistoryRow
from .segments import RUNNING, Segments

_BLOCK = 100_000
"""As in ``lookup.sql``."""
_STEPS = 8
"""So many times as many blocks at each further look."""
_FIND = """
    SELECT f.id, a.address, f.seq, j.turn, j.body, j.hash FROM (
        SELECT l.id, l.agent, l.seq FROM line l
        WHERE l.words @@ $1::tsquery AND l.id >= $2 AND l.id < $3 ORDER BY l.id DESC LIMIT $4
    ) f JOIN journal j ON j.agent = f.agent AND j.seq = f.seq JOIN agent a ON a.id = f.agent ORDER BY f.id DESC
"""
_EVERY = "every"
"""A mark that all lines have: a search for what is not there has to begin with something that is."""


class Lookup(Segments):
    """Mixed into ``PostgresStore``."""

    _horizon: tuple[int, int, int] = (0, 0, 0)
    """Up to which id nothing can appear any more; the newest id at the last look; an id above all transactions then."""

    async def indexed(self) -> tuple[int, int]:
        safe, seen, begun = self._horizon
        last = await self._last()  # before the transactions are looked at: whoever took one of these ids has begun
        running, newest = await self._people.row(RUNNING)
        if running >= begun:
            self._horizon = (seen, last, newest)
            safe = seen
        come = await self._people.value("SELECT coalesce((SELECT value FROM meta WHERE key = 'indexed'), 0)")
        return come, max(safe, come)

    async def index(self, after: int, upto: int, lines: Sequence[Line]) -> bool:
        marks = ["\n".join(map(_lexeme, (_EVERY, *line.marks))) for line in lines]
        return await self._people.value(
            "SELECT add_lines($1, $2, $3, $4, $5, $6, $7)",
            after,
            upto,
            [line.id for line in lines],
            [line.address for line in lines],
            [line.seq for line in lines],
            [line.words for line in lines],
            marks,
        )

    async def look_up(self, terms: Terms, before: int, limit: int) -> list[HistoryRow]:
        wanted = _query(terms)
        upper = min(before, await self._people.value("SELECT coalesce(max(id), 0) FROM line") + 1)
        found: list[HistoryRow] = []
        blocks = 1
        while upper > 0 and len(found) < limit:
            lower = max(0, ((upper - 1) // _BLOCK - blocks + 1) * _BLOCK)
            rows = await self._people.rows(_FIND, wanted, lower, upper, limit - len(found))
            found += [HistoryRow(*row) for row in rows]
            upper, blocks = lower, blocks * _STEPS
        return found


def _query(terms: Terms) -> str:
    """As a ``tsquery``, which no parser has to look at."""
    parts = [_quoted(_lexeme(mark)) for mark in terms.marks or (_EVERY,)]
    if terms.begins:
        parts.append(_quoted(_lexeme(terms.begins)) + ":*")
    return " & ".join([*parts, *map(_phrase, terms.phrases)])


def _phrase(phrase: Phrase) -> str:
    words = [_quoted(word) for word in phrase.words]
    if phrase.begins:
        words[-1] += ":*"
    said = f"({' <-> '.join(words)})"
    return f"!{said}" if phrase.without else said


def _lexeme(mark: str) -> str:
    """A mark as a lexeme that no text has, of a length that an index takes."""
    return ":" + mark.replace("\n", " ")[:500]


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
