"""What a store's index of words must do: find what was put in, newest first, by words and by marks, and forget it."""

from __future__ import annotations

from ...ports.lookup import Line, Phrase, Terms
from ...ports.segments import HistoryRow
from ...ports.store import Commit
from .case import NOW, Case, Contract, agent, scenario, send, until

TEXTS = ("the red fox runs", "a red red rose", "fox and rose", "order 42 shipped late", "naïve 東京 order 4")


def terms(*phrases: str, marks: tuple[str, ...] = (), begins: str = "") -> Terms:
    """``-word`` is without it, ``word*`` begins so."""
    return Terms(
        tuple(Phrase(tuple(p.strip("-*").split()), p.endswith("*"), p.startswith("-")) for p in phrases), marks, begins
    )


async def filled(c: Case) -> list[HistoryRow]:
    """Five entries of two agents, in the index by their ``TEXTS``; the rows by id."""
    one = await c.member()
    pens = [await one.take(agent(key)) for key in "ab"]
    for place in range(len(TEXTS)):
        await pens[place % 2].write(1)
    rows = await c.store.history()
    assert len(rows) == len(TEXTS)
    assert await c.store.index(
        0, await ripe(c, rows[-1].id), [line(row, text) for row, text in zip(rows, TEXTS, strict=True)]
    )
    return rows


def line(row: HistoryRow, text: str) -> Line:
    """What the index is told of a row."""
    marks = [f"agent:{row.address}", "failed"] if "late" in text else [f"agent:{row.address}"]
    return Line(row.id, row.address, row.seq, text, marks)


async def ripe(c: Case, id: int) -> int:
    """Wait until the index may come as far as an id; that far it may come."""
    come = 0

    async def look() -> bool:
        nonlocal come
        come = (await c.store.indexed())[1]
        return come >= id

    await until(look, f"the index may not come as far as {id}")
    return come


class Lookups(Contract):
    """``indexed``, ``index``, ``look_up``, and ``compact`` beside them."""

    @scenario
    async def test_words_phrases_beginnings_and_what_must_not_be_there(self, c: Case) -> None:
        ids = [row.id for row in await filled(c)]

        async def found(*phrases: str) -> list[int]:
            return [ids.index(row.id) for row in await c.store.look_up(terms(*phrases), ids[-1] + 1, 10)]

        assert await found("red") == [1, 0]
        assert await found("fox", "rose") == [2]
        assert await found("red rose") == [1]
        assert await found("rose red") == []
        assert await found("4") == [4]
        assert await found("order 4*") == [4, 3]
        assert await found("ro*") == [2, 1]
        assert await found("rose", "-red") == [2]
        assert await found("-order") == [2, 1, 0]
        assert await found("naïve 東京") == [4]
        assert await found("東*") == [4]
        assert await found("nowhere") == []

    @scenario
    async def test_marks_are_found_whole_and_are_no_words(self, c: Case) -> None:
        rows = await filled(c)
        at = rows[-1].id + 1
        assert await c.store.look_up(terms(marks=("failed",)), at, 10) == [rows[3]]
        assert await c.store.look_up(terms("failed"), at, 10) == []
        mine = (f"agent:{agent('a')}",)
        assert await c.store.look_up(terms(marks=mine), at, 10) == [rows[4], rows[2], rows[0]]
        assert await c.store.look_up(terms("fox", marks=mine), at, 10) == [rows[2], rows[0]]
        assert await c.store.look_up(terms(marks=(mine[0][:-1],)), at, 10) == []
        assert await c.store.look_up(terms(begins=mine[0][:-1]), at, 10) == rows[::-1]
        assert await c.store.look_up(terms(marks=("it's a \\ 'mark\"",)), at, 10) == []

    @scenario
    async def test_pages_go_back_and_are_whole_rows(self, c: Case) -> None:
        rows = await filled(c)
        found: list[HistoryRow] = []
        before = rows[-1].id + 1
        while page := await c.store.look_up(terms(), before, 2):
            found += page
            before = page[-1].id
        assert found == rows[::-1]

    @scenario
    async def test_only_the_first_of_two_puts_the_same_in(self, c: Case) -> None:
        rows = await filled(c)
        come, _ = await c.store.indexed()
        assert come >= rows[-1].id
        assert not await c.store.index(0, rows[-1].id, [line(rows[0], "again")])
        assert await c.store.look_up(terms("again"), rows[-1].id + 1, 10) == []
        assert (await c.store.indexed())[0] == come
        assert await c.store.index(come, come, [])

    @scenario
    async def test_what_is_forgotten_is_found_no_more(self, c: Case) -> None:
        one, person = await c.member(), await c.client()
        pen = await one.take(agent())
        for n, id in enumerate((await person.one(Commit(sends=[send(agent()) for _ in range(2)]))).ids):
            await pen.end(id, await pen.begin(id), at=NOW + n)
        rows = await c.store.history()
        assert await c.store.index(0, await ripe(c, rows[-1].id), [line(row, "fox") for row in rows])
        at = rows[-1].id + 1
        assert await c.store.look_up(terms("fox"), at, 10) == rows[::-1]
        assert await c.store.compact(NOW + 1, 100) > 0
        left = await c.store.history()
        assert 0 < len(left) < len(rows)
        assert await c.store.look_up(terms("fox"), at, 10) == left[::-1]
        assert await c.store.look_up(terms("fox"), at, 1) == left[-1:]
