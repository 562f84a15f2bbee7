"""A streaming client whose pieces got lost on the way from another worker: the rest comes from the journal, or an error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from holdfast.domain.conversation import PartGrew
from holdfast.mailbox.feed import LOST, Asked, Feed
from holdfast.testing import models as bad
from holdfast.testing.models import Reply
from http_front import Front, front

WORDS = "one two three four five six"
ME = "default/outside/me"


async def stream(f: Front, disturb: Callable[[Feed, str, str], None]) -> str:
    """What a client gets whose feed is disturbed after the first words."""
    feed = f.server.engine.worker.feed
    heard: list[tuple[str, str]] = []
    feed.listen(ME, lambda trace, path, what: heard.append((trace, path)))
    text = ""
    async with f.openai() as client:
        messages: Any = [{"role": "user", "content": "count"}]
        chunks = await client.chat.completions.create(model="smart", messages=messages, stream=True)
        async for chunk in chunks:
            if (said := chunk.choices[0].delta.content if chunk.choices else "") and not text:
                disturb(feed, *heard[-1])
            text += said or ""
    return text


def lose(feed: Feed, trace: str, path: str) -> None:
    feed.repeat(ME, trace, path, LOST)


def begin_anew(feed: Feed, trace: str, path: str) -> None:
    feed.repeat(ME, trace, path, Asked())


@pytest.mark.parametrize("disturb", [lose, begin_anew])
async def test_the_rest_comes_from_the_journal(tmp_path: Path, disturb: Callable[[Feed, str, str], None]) -> None:
    script = bad.always(Reply(WORDS, chunks=6, chunk_delay=0.03))
    async with front(tmp_path, script) as (f, _), asyncio.timeout(20):
        assert await stream(f, disturb) == WORDS


async def test_what_does_not_belong_to_the_kept_answer_ends_in_an_error(tmp_path: Path) -> None:
    def two_answers(feed: Feed, trace: str, path: str) -> None:
        feed.repeat(ME, trace, path, PartGrew(0, "another worker's words"))
        lose(feed, trace, path)

    script = bad.always(Reply(WORDS, chunks=6, chunk_delay=0.03))
    async with front(tmp_path, script) as (f, _), asyncio.timeout(20):
        with pytest.raises(openai.APIError, match="different answer"):
            await stream(f, two_answers)


async def test_who_joins_a_request_that_is_under_way_gets_all_of_it(tmp_path: Path) -> None:
    """The same key again, in the middle of the answer: its beginning was said before anybody listened here."""
    script = bad.always(Reply(WORDS, chunks=6, chunk_delay=0.05))

    async def ask(f: Front, begun: asyncio.Event) -> str:
        text = ""
        async with f.openai() as client:
            chunks = await client.chat.completions.create(
                model="smart",
                messages=[{"role": "user", "content": "count"}],
                stream=True,
                extra_headers={"idempotency-key": "k1"},
            )
            async for chunk in chunks:
                text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
                begun.set()
        return text

    async with front(tmp_path, script) as (f, (vendor,)), asyncio.timeout(20), asyncio.TaskGroup() as group:
        begun = asyncio.Event()
        first = group.create_task(ask(f, begun))
        await begun.wait()
        assert await ask(f, asyncio.Event()) == WORDS == await first
        assert len(vendor.calls) == 1
