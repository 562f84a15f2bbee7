"""What auditors need of a store: every entry exactly once, whatever runs at the same moment and whatever is cut away."""

from __future__ import annotations

import asyncio

from ...ports.segments import Covered, Segment, Uncovered
from ...ports.store import Commit, Store
from .case import NOW, Case, Contract, Member, Pen, agent, scenario, send


def segment(number: int) -> Segment:
    """A segment with something in every column."""
    return Segment(number, b"statement\0", b"signature\0", b"public\0", b"leaves\0")


def upto(found: Uncovered) -> list[Covered]:
    """What a segment over everything that was found covers."""
    told = {
        c.address: Covered(c.address, *((c.seq, c.hash) if c.seq >= c.covered else (c.covered, c.at)), c.seq)
        for c in found.cuts
    }
    for loose in found.loose:
        cut = told[loose.address].cut if loose.address in told else 0
        told[loose.address] = Covered(loose.address, loose.rows[-1].seq, loose.rows[-1].hash, cut)
    return list(told.values())


def names(found: Uncovered) -> list[tuple[str, int]]:
    """(address, seq) of every entry found, sorted."""
    return sorted((loose.address, row.seq) for loose in found.loose for row in loose.rows)


async def cover(store: Store, number: int) -> Uncovered:
    """Make the next segment over what is there."""
    found = await store.uncovered(1000)
    assert await store.add_segment(segment(number), upto(found), found.mark)
    return found


class Segments(Contract):
    """``history``, ``uncovered``, ``add_segment``, ``segments``, and ``compact`` beside them."""

    @scenario
    async def test_history_has_every_entry_once_by_page_and_by_prefix(self, c: Case) -> None:
        one = await c.member()
        pens = [await one.take(agent(key)) for key in "ab"]
        for _ in range(3):
            for pen in pens:
                await pen.write(2)
        rows = await c.store.history()
        assert sorted((r.address, r.seq) for r in rows) == [(agent(k), n) for k in "ab" for n in range(1, 7)]
        assert [r.id for r in rows] == sorted({r.id for r in rows})
        stored = await c.store.entries(agent("a"), 0, 10)
        mine = [(r.seq, r.turn, r.body, r.hash) for r in rows if r.address == agent("a")]
        assert mine == [(e.seq, e.turn, e.body, e.hash) for e in stored]
        paged = [r for after in range(0, 12, 5) for r in await c.store.history(rows[after - 1].id if after else 0, 5)]
        assert paged == rows
        assert {r.address for r in await c.store.history(like=agent("b"))} == {agent("b")}
        assert await c.store.history(like="other/") == []

    @scenario
    async def test_every_entry_is_covered_once(self, c: Case) -> None:
        one = await c.member()
        a, b = await one.take(agent("a")), await one.take(agent("b"))
        assert not (await c.store.uncovered(10)).loose
        await a.write(3)
        await b.write(1)
        first = await cover(c.store, 1)
        assert names(first) == [(agent("a"), n) for n in (1, 2, 3)] + [(agent("b"), 1)]
        assert [(x.after, x.before) for x in first.loose] == [(0, b"")] * 2
        assert names(await c.store.uncovered(10)) == []
        before = a.head
        await a.write(2)
        second = await cover(c.store, 2)
        assert names(second) == [(agent("a"), 4), (agent("a"), 5)]
        assert [(x.after, x.before) for x in second.loose] == [(3, before)]
        if not self.volatile:
            await c.restart()
        assert names(await c.store.uncovered(10)) == []
        assert await c.store.segments() == [segment(1), segment(2)]
        assert await c.store.segments(1) == await c.store.segments(-1) == [segment(2)]

    @scenario
    async def test_a_limit_leaves_the_rest_for_later(self, c: Case) -> None:
        one = await c.member()
        for key in "abc":
            await (await one.take(agent(key))).write(4)
        seen: list[tuple[str, int]] = []
        for number in range(1, 10):
            found = await c.store.uncovered(5)
            if not found.loose:
                break
            assert len(names(found)) <= 5 and found.more is (len(names(found)) == 5)
            seen += names(found)
            assert await c.store.add_segment(segment(number), upto(found), found.mark)
        assert seen == [(agent(k), n) for k in "abc" for n in range(1, 5)]

    @scenario
    async def test_one_of_two_makes_a_segment(self, c: Case) -> None:
        await (await (await c.member()).take(agent())).write()
        other = await c.second()
        found = await c.store.uncovered(10)
        assert not await c.store.add_segment(segment(2), upto(found), found.mark), "there is no first one"
        assert await other.add_segment(segment(1), upto(found), found.mark)
        assert not await c.store.add_segment(segment(1), upto(found), found.mark)
        assert await c.store.segments() == [segment(1)]

    @scenario
    async def test_nothing_is_missed_while_others_commit(self, c: Case) -> None:
        members = [await c.member(name, store=await c.second()) for name in ("one", "two", "three")]
        pens = [[await m.take(agent(f"{m.token}-{n}")) for n in range(4)] for m in members]
        seen: list[tuple[str, int]] = []

        async def write(own: list[Pen], member: Member) -> None:
            for _ in range(25):
                await member.apply(*(pen.commit(3) for pen in own))
                await asyncio.sleep(0)

        writing = asyncio.gather(*(write(own, m) for own, m in zip(pens, members, strict=True)))
        number = 0
        while True:
            over = writing.done()
            found = await c.store.uncovered(1000)
            if found.loose:
                number += 1
                seen += names(found)
                assert await c.store.add_segment(segment(number), upto(found), found.mark)
            elif over:
                break
            await asyncio.sleep(0)
        await writing
        assert number > 1
        assert sorted(seen) == sorted((pen.address, n) for own in pens for pen in own for n in range(1, 76))

    @scenario
    async def test_what_was_cut_is_told_until_a_segment_says_so(self, c: Case) -> None:
        pen = await (await c.member()).take(agent())
        await _ended_turn(c, pen)
        await cover(c.store, 1)
        signed = pen.head
        await _ended_turn(c, pen)
        cut = pen.head
        assert await c.store.compact(NOW + 1, 100) == 2 + 4
        await pen.write()
        found = await c.store.uncovered(10)
        assert [(k.address, k.seq, k.hash, k.covered, k.at) for k in found.cuts] == [(agent(), 4, cut, 2, signed)]
        assert names(found) == [(agent(), 5)]
        assert await c.store.add_segment(segment(2), upto(found), found.mark)
        rest = await c.store.uncovered(10)
        assert (rest.loose, rest.cuts, rest.more) == ([], [], False)

    @scenario
    async def test_an_empty_journal_is_not_numbered_anew(self, c: Case) -> None:
        pen = await (await c.member()).take(agent())
        for _ in range(3):
            await _ended_turn(c, pen)
        await cover(c.store, 1)
        last = (await c.store.history())[-1].id
        await c.store.compact(NOW + 1, 100)
        assert await c.store.history() == []
        if not self.volatile:
            await pen.release()
            await c.restart()
            pen = await (await c.member()).take(agent())
        await pen.write()
        assert [r.seq for r in await c.store.history(after=last)] == [7]
        assert names(await cover(c.store, 2)) == [(agent(), 7)]

    @scenario
    async def test_what_is_held_is_not_forgotten(self, c: Case) -> None:
        one = await c.member(counter="v1", other="v1")
        addresses = [agent("a"), agent("ab"), agent("a", "other"), agent("a", tenant="acme")]
        for address in addresses:
            await _ended_turn(c, await one.take(address))
        held = [agent("a"), "acme/"]
        assert await c.store.compact(NOW + 1, 1, held) == 1 + 2
        while await c.store.compact(NOW + 1, 1, held):
            pass
        assert {r.address for r in await c.store.history()} == {agent("a"), agent("a", tenant="acme")}
        assert await c.store.compact(NOW + 1, 100) == 2 * 3


async def _ended_turn(c: Case, pen: Pen) -> None:
    [id] = (await pen.member.one(Commit(sends=[send(pen.address)]))).ids
    await pen.end(id, await pen.begin(id))
