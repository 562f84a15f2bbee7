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
_STEPS, _MOST = 8, 64
"""So many times as many blocks at each further look, up to a bound."""
_BLOCKS = """
    SELECT substr(c.relname, 6)::bigint FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass('line') ORDER BY 1 DESC
"""
_NEAR = 2_000
"""So many of the newest ids are gone through one by one first: what is everywhere is found there at once."""
_IN_BLOCK = "(SELECT id, agent, seq FROM line_{block} WHERE words @@ $1::tsquery{where} ORDER BY id{by} DESC LIMIT $2)"
"""What has to go by the index of words says nothing of ids, and orders by what is no index: the planner takes a word that it
does not know for a common one, and would go through the whole block."""
_INDEXED = " + 0"
_FIND = """
    SELECT f.id, a.address, f.seq, j.turn, j.body, j.hash FROM (SELECT * FROM ({blocks}) u LIMIT $2) f
    JOIN journal j ON j.agent = f.agent AND j.seq = f.seq JOIN agent a ON a.id = f.agent ORDER BY f.id DESC
"""
"""Blocks are looked into one after the other, until there is enough."""
_SETTLE = "SELECT gin_clean_pending_list(to_regclass($1))"
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
        done: bool = await self._people.value(
            "SELECT add_lines($1, $2, $3, $4, $5, $6, $7)",
            after,
            upto,
            [line.id for line in lines],
            [line.address for line in lines],
            [line.seq for line in lines],
            [line.words for line in lines],
            marks,
        )
        if done and upto // _BLOCK > after // _BLOCK:  # what came last into a block still lies beside its index
            await self._people.value(_SETTLE, f"line_{after // _BLOCK}_words_idx")
        return done

    async def look_up(self, terms: Terms, before: int, limit: int) -> list[HistoryRow]:
        wanted = _query(terms)
        blocks: list[int] = [block for (block,) in await self._people.rows(_BLOCKS) if block * _BLOCK < before]
        if not blocks:
            return []
        newest = blocks[0]
        upper = min(before, 1 + (await self._people.value(f"SELECT max(id) FROM line_{newest}") or 0))
        near = max(upper - _NEAR, newest * _BLOCK)
        found = await self._look_into([(newest, f" AND id >= {near:d} AND id < {upper:d}")], "", wanted, limit)
        left = [(newest, f" AND id < {near:d}"), *((block, "") for block in blocks[1:])]
        many = 1
        while left and len(found) < limit:
            these, left = left[:many], left[many:]
            found += await self._look_into(these, _INDEXED, wanted, limit - len(found))
            many = min(many * _STEPS, _MOST)
        return found

    async def _look_into(self, blocks: list[tuple[int, str]], by: str, wanted: str, limit: int) -> list[HistoryRow]:
        parts = [_IN_BLOCK.format(block=block, where=where, by=by) for block, where in blocks]
        rows = await self._people.rows(_FIND.format(blocks=" UNION ALL ".join(parts)), wanted, limit)
        return [HistoryRow(*row) for row in rows]


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
