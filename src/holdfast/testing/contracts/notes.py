"""Notes: what sessions tell each other, kept nowhere."""

from __future__ import annotations

from ...domain.errors import HoldfastError
from ...ports.notes import NOTE_BYTES, Note
from ...ports.store import Commit
from .case import Case, Contract, Member, agent, eventually, scenario, send


def _told(member: Member) -> list[tuple[str, bytes]]:
    return [(s.sender, s.body) for s in member.signals if s.kind == "told"]


class Notes(Contract):
    """``holdfast.ports.notes``."""

    @scenario
    async def test_a_note_to_nobody_in_particular_is_for_all_but_its_sender(self, c: Case) -> None:
        one, here, there = await c.member("one"), await c.member("two"), await c.member("three", store=await c.second())
        await one.store.tell(one.token, [Note(b"news")])
        for other in (here, there):
            await eventually(lambda other=other: _told(other) == [(one.token, b"news")], "the note came")
        await here.store.tell(here.token, [Note(b"last")])
        await eventually(lambda: (here.token, b"last") in _told(one), "the note after it came")
        assert _told(one) == [(here.token, b"last")]

    @scenario
    async def test_a_note_to_some_is_heard_by_them_alone(self, c: Case) -> None:
        one, two, three = await c.member("one"), await c.member("two", store=await c.second()), await c.member("three")
        await one.store.tell(one.token, [Note(b"a", (two.token,)), Note(b"b", (two.token, three.token, one.token))])
        await eventually(lambda: len(_told(two)) == 2 and len(_told(three)) == 1, "the notes came")
        assert [body for _, body in _told(two)] == [b"a", b"b"] and _told(three) == [(one.token, b"b")]
        assert not _told(one)

    @scenario
    async def test_any_bytes_go_through_up_to_the_bound(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two", store=await c.second())
        longest = (bytes(range(256)) * 23)[:NOTE_BYTES]
        await one.store.tell(one.token, [Note(longest, (two.token,))])
        await eventually(lambda: _told(two) == [(one.token, longest)], "the longest note came")
        try:
            await one.store.tell(one.token, [Note(longest + b"!")])
        except HoldfastError as error:
            assert error.code == "payload.too_large"
        else:
            raise AssertionError("a note that is too long was taken")

    @scenario
    async def test_notes_come_in_their_order_and_before_what_is_committed_after_them(self, c: Case) -> None:
        one, two = await c.member("one"), await c.member("two", store=await c.second())
        await two.take(agent())
        for n in range(50):
            await one.store.tell(one.token, [Note(b"%d" % n), Note(b"%d for you" % n, (two.token,))])
        await one.one(Commit(sends=[send(agent())]))
        await two.hears("arrived", agent())
        heard = [s for s in two.signals if s.kind in ("told", "arrived")]
        assert [s.body for s in heard[:-1]] == [b"%d%s" % (n, end) for n in range(50) for end in (b"", b" for you")]

    @scenario
    async def test_who_is_over_neither_hears_nor_tells(self, c: Case) -> None:
        one, two, three = await c.member("one"), await c.member("two"), await c.member("three", store=await c.second())
        await two.store.leave(two.token)
        await one.store.tell(one.token, [Note(b"x", (two.token, three.token, "nobody"))])
        await eventually(lambda: bool(_told(three)), "the note came to who is there")
        assert not _told(two)
        try:
            await two.store.tell(two.token, [Note(b"y")])
        except HoldfastError as error:
            assert error.code == "session.lost"
        else:
            raise AssertionError("a session that is over was heard")


__all__ = ["Notes"]
