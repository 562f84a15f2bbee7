"""Whoever watches an agent gets in sum what the journal has, whatever was missed on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from holdfast import Agent, Runtime
from holdfast.control import following
from holdfast.domain.conversation import (
    Answer,
    Ended,
    Event,
    PartBegan,
    PartGrew,
    Text,
    Thinking,
    ToolCall,
    Usage,
    events_of,
)
from holdfast.domain.remainder import remainder
from holdfast.mailbox.feed import LOST, Asked
from holdfast.models.routes import Models, Target
from holdfast.testing.models import Reply, Vendor

WORDS = "one two three four five six"


@asynccontextmanager
async def watched(*answers: Reply) -> AsyncGenerator[tuple[Runtime, Agent, Vendor]]:
    agent = Agent("a", model="m")
    coming = iter(answers)
    async with Vendor(lambda call: next(coming)) as vendor:
        models = Models(targets=[Target(name="m", vendor="v", url=vendor.url, model="m1")])
        async with Runtime([agent], "memory://", models=models) as runtime:
            yield runtime, agent, vendor


class Watch:
    """A watcher, and what came."""

    def __init__(self, runtime: Runtime, **given: Any) -> None:
        self.pieces: list[Any] = []
        self._runtime, self._given = runtime, given
        self._task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        async for piece in self._runtime.channel.stream("watch", address="a/1", **self._given):
            self.pieces.append(piece)

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)

    def kinds(self) -> list[str]:
        return [piece.kind for piece in self.pieces]

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces if piece.kind == "grew")

    def stop(self) -> None:
        self._task.cancel()


SLOW = Reply(WORDS, chunks=6, chunk_delay=0.03)


async def test_what_is_missed_in_the_middle_comes_when_the_answer_is_kept() -> None:
    async with watched(SLOW) as (runtime, agent, _):
        watch = Watch(runtime)
        await watch.until(lambda: watch.pieces)
        asking = asyncio.create_task(runtime.call(agent["1"].chat, "count"))
        await watch.until(lambda: "grew" in watch.kinds())
        piece = watch.pieces[-1]
        runtime.engine.worker.feed.repeat(agent["1"].address, piece.trace, piece.path, LOST)
        assert await asking == WORDS
        seen = watch.text
        assert seen != WORDS and WORDS.startswith(seen)
        await watch.until(lambda: "ended" in watch.kinds())
        assert watch.text == WORDS and "restart" not in watch.kinds()
        watch.stop()


async def test_who_comes_in_the_middle_gets_the_whole_answer_at_its_end() -> None:
    async with watched(SLOW) as (runtime, agent, _):
        first = Watch(runtime)
        await first.until(lambda: first.pieces)
        asking = asyncio.create_task(runtime.call(agent["1"].chat, "count"))
        await first.until(lambda: "grew" in first.kinds())
        second = Watch(runtime)
        assert await asking == WORDS
        await second.until(lambda: "ended" in second.kinds())
        assert second.text == WORDS == first.text
        first.stop()
        second.stop()


async def test_who_does_not_keep_up_gets_the_rest_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_PIECES", 3)
    async with watched(Reply(WORDS, chunks=6)) as (runtime, agent, _):
        watch = Watch(runtime)
        await watch.until(lambda: watch.pieces)
        assert await runtime.call(agent["1"].chat, "count") == WORDS
        await watch.until(lambda: "ended" in watch.kinds())
        assert watch.text == WORDS
        watch.stop()


async def test_of_two_turns_with_the_same_step_each_gets_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.02)
    async with watched(Reply("first"), Reply("second")) as (runtime, agent, _):
        watch = Watch(runtime)
        await watch.until(lambda: watch.pieces)
        await runtime.call(agent["1"].chat, "a")
        await watch.until(lambda: "ended" in watch.kinds())
        trace, path = watch.pieces[-1].trace, watch.pieces[-1].path
        other = Watch(runtime, trace=trace)
        await other.until(lambda: other.pieces)
        await runtime.call(agent["1"].chat, "b")
        worker = runtime.engine.worker
        late = following.Following(worker, agent["1"].address)
        late.heard(trace, path, LOST)
        async with asyncio.timeout(10):
            text = ""
            async for piece in late.pieces():
                text += piece.text if piece.kind == "grew" else ""
                if piece.kind == "ended":
                    break
        assert text == "first"
        assert other.kinds() == ["listening"]
        watch.stop()
        other.stop()


async def test_what_another_worker_answered_instead_replaces_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker streams its whole answer and dies before it is kept; nobody tells of the one that is."""
    monkeypatch.setattr(following, "SILENT_SECONDS", 0.02)
    async with watched(Reply("what is kept")) as (runtime, agent, _):
        watch = Watch(runtime)
        await watch.until(lambda: watch.pieces)
        await runtime.call(agent["1"].chat, "a")
        await watch.until(lambda: "ended" in watch.kinds())
        trace, path = watch.pieces[-1].trace, watch.pieces[-1].path
        late = following.Following(runtime.engine.worker, agent["1"].address)
        given: list[Event] = [PartBegan(0, Text("")), PartGrew(0, "what was not"), Ended("stop", Usage())]
        for news in (Asked(), *given):
            late.heard(trace, path, news)
        found: list[Any] = []
        async with asyncio.timeout(10):
            async for piece in late.pieces():
                found.append(piece)
                if [p.kind for p in found].count("ended") == 2:
                    break
        kinds = [p.kind for p in found]
        assert kinds.count("restart") == 1
        assert "".join(p.text for p in found[kinds.index("restart") :] if p.kind == "grew") == "what is kept"
        watch.stop()


ANSWER = Answer([Thinking("hm, well", signature="s"), Text("so be it"), ToolCall("c1", "look", '{"x": 1}')], "tool_calls")


@pytest.mark.parametrize("cut", range(len(events_of(ANSWER)) + 1))
def test_the_rest_of_an_answer_completes_it_wherever_it_was_cut(cut: int) -> None:
    given = events_of(ANSWER)[:cut]
    rest = remainder(given, ANSWER)
    assert rest is not None
    assert _put_together([*given, *rest]) == ANSWER


def test_the_rest_of_a_part_is_its_end() -> None:
    given: list[Event] = [PartBegan(0, Thinking()), PartGrew(0, "hm,")]
    rest = remainder(given, ANSWER)
    assert rest is not None and rest[0] == PartGrew(0, " well", "s") and _put_together([*given, *rest]) == ANSWER


@pytest.mark.parametrize(
    "given",
    [
        [PartBegan(0, Text("")), PartGrew(0, "so")],
        [PartBegan(0, Thinking("")), PartGrew(0, "hum")],
        [*events_of(ANSWER)[:6], PartBegan(3, Text(""))],
        [*events_of(Answer([Text("another")]))],
    ],
    ids=["another part", "other words", "a part too many", "another answer"],
)
def test_an_answer_that_begins_otherwise_has_no_rest(given: list[Event]) -> None:
    assert remainder(given, ANSWER) is None


def _put_together(events: list[Event]) -> Answer:
    from holdfast.domain.conversation import Assembly

    assembly = Assembly()
    for event in events:
        assembly.add(event)
    return assembly.answer()
