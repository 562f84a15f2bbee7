"""What of an entry can be found, how a search is written, and that the index and looking through answer alike."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast import Agent, Context, Rejected
from holdfast.bootstrap.server import Server, Settings
from holdfast.insight.indexing import Indexing
from holdfast.insight.words import parse, within, words_of
from holdfast.journal.codec import encode
from holdfast.link import Endpoint
from holdfast.ports.lookup import Phrase

clerk = Agent("clerk")
porter = Agent("porter")
TEXTS = (
    "Refund order-42 for Zoë",
    "the parcel of order 421 was lost",
    "ZOE says: nothing, thanks",
    "東京 station, 3 boxes",
    "",
)


@clerk.handler
async def work(ctx: Context, text: str) -> str:
    await ctx.run(str.upper, text, name="shout")
    return await ctx.call(carry[ctx.key], text)


@porter.handler
async def carry(ctx: Context, text: str) -> str:
    if "lost" in text:
        raise Rejected("parcel.lost", "Nobody knows where it is.")
    return text[::-1]


def test_words_are_letters_and_digits_without_capitals_and_accents() -> None:
    assert words_of("Zoë's order-42, STRASSE/straße_x") == ["zoe", "s", "order", "42", "strasse", "strasse", "x"]
    assert words_of("東京 1.5e3") == ["東京", "1", "5e3"]
    assert words_of("") == []


def test_a_search_has_words_phrases_beginnings_and_what_must_not_be_there() -> None:
    assert parse('order-42 "Late Parcel" ref* -lost -"of it" ... "open') == (
        Phrase(("order", "42")),
        Phrase(("late", "parcel")),
        Phrase(("ref",), begins=True),
        Phrase(("lost",), without=True),
        Phrase(("of", "it"), without=True),
        Phrase(("open",)),
    )


def test_places_are_a_tenant_a_name_an_agent_or_a_beginning() -> None:
    assert within("acme/") == ("tenant:acme", "")
    assert within("acme/desk") == within("acme/desk/") == ("name:acme/desk", "")
    assert within("acme/desk/1") == ("agent:acme/desk/1", "")
    assert within("acme/desk/1*") == ("", "agent:acme/desk/1")


SEARCHES: list[dict[str, Any]] = [
    {"text": "order"},
    {"text": "order-42"},
    {"text": "order 42*"},
    {"text": "zoe"},
    {"text": "ZOË -refund"},
    {"text": "東京"},
    {"text": '"nothing thanks"'},
    {"text": "-order"},
    {"text": "nobody knows"},
    {"text": "", "failed": True},
    {"text": "", "verb": "run"},
    {"text": "order", "verb": "call", "agent": "clerk"},
    {"text": "", "agent": "porter/1"},
    {"text": "", "agent": "clerk/*"},
    {"text": "", "by": "anna"},
    {"text": "sexob", "by": "clerk/3"},
    {"text": "nowhere at all"},
]


@pytest.mark.parametrize("store", ["sqlite", "postgres", "memory"])
async def test_the_index_and_looking_through_answer_alike(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = {"sqlite": f"sqlite:///{tmp_path}/store.db", "memory": "memory://"}.get(store) or (
        f"{request.getfixturevalue('postgres_url')}?schema=words_{random.randrange(1 << 40)}"
    )
    async with holdfast.Runtime([clerk, porter], url) as runtime:
        for key, text in enumerate(TEXTS):
            told = runtime.options(sender="anna" if key % 2 else "ben")
            try:
                await told.call(clerk[str(key)].work, text)
            except holdfast.HoldfastError as error:
                assert "Nobody knows" in error.message
        looked = [await runtime.operations.search(**s) for s in SEARCHES]
        assert all(page.looked and not page.indexed for page in looked)
        indexing = Indexing(runtime.store)
        async with asyncio.timeout(20):
            while (await runtime.store.indexed())[0] < await runtime.store.newest():
                await indexing.go_on()
                await asyncio.sleep(0.01)
        found = [await runtime.operations.search(**s) for s in SEARCHES]
        assert all(page.indexed and not page.looked for page in found)
        for search, a, b in zip(SEARCHES, looked, found, strict=True):
            assert [h.id for h in a.found] == [h.id for h in b.found], search
            assert a.found == b.found, search
        counts = [len(page.found) for page in found]
        assert all(counts[:-1])
        assert counts[-1] == 0
        assert {h.error for h in found[9].found} >= {"parcel.lost: Nobody knows where it is."}
        await runtime.call(clerk["9"].work, "brand new order")
        page = await runtime.operations.search("order")
        assert "brand new" in page.found[0].words and page.looked > 0
        paged: list[int] = []
        before = 0
        while True:
            piece = await runtime.operations.search("order", before=before, limit=3)
            paged += [h.id for h in piece.found]
            before = piece.before
            if not before:
                break
        assert paged == [h.id for h in page.found]


AGENTS = """
from holdfast import Agent, Context

clerk = Agent("clerk")


@clerk.handler
async def work(ctx: Context, text: str) -> str:
    return await ctx.run(str.upper, text)
"""


async def test_a_server_fills_the_index_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(AGENTS)
    settings = Settings(
        places=(str(tmp_path / "agents.py"),), store=f"sqlite:///{tmp_path}/store.db", listen=Endpoint(port=0)
    )
    for text in ("first", "second"):
        server = Server(settings)
        await server.start()
        try:
            await server.operations.call("clerk/1", "work", encode(([text], {})))
            async with asyncio.timeout(20):
                while (page := await server.operations.search(text)).looked or not page.found:
                    await asyncio.sleep(0.02)
            assert page.indexed > 0
            assert (await server.operations.search("first")).found
        finally:
            await server.stop()


async def test_an_index_that_is_damaged_or_another_stores_is_made_anew(tmp_path: Path) -> None:
    url, words = f"sqlite:///{tmp_path}/store.db", tmp_path / "store.db-words"

    async def searched(text: str) -> int:
        async with holdfast.Runtime([clerk, porter], url) as runtime:
            if text:
                await runtime.call(clerk["1"].work, text)
            while await Indexing(runtime.store).go_on():
                pass
            page = await runtime.operations.search("fine")
            assert page.indexed == await runtime.store.newest()
            return len(page.found)

    there = await searched("fine")
    assert there > 0
    words.write_bytes(b"no database" * 1000)
    (tmp_path / "store.db-words-wal").unlink(missing_ok=True)
    assert await searched("") == there
    (tmp_path / "store.db").unlink()
    for left in ("store.db-wal", "store.db-shm"):
        (tmp_path / left).unlink(missing_ok=True)
    assert await searched("something else") == 0


async def test_a_sealed_store_has_no_words_in_the_clear(tmp_path: Path) -> None:
    class Shift:
        def seal(self, body: bytes) -> bytes:
            return bytes((b + 1) % 256 for b in body)

        def open(self, body: bytes) -> bytes:
            return bytes((b - 1) % 256 for b in body)

    async with holdfast.Runtime([clerk, porter], f"sqlite:///{tmp_path}/store.db", seal=Shift()) as runtime:
        await runtime.call(clerk["1"].work, "hush")
        page = await runtime.operations.search("hush")
        assert page.found and page.looked and not page.indexed
