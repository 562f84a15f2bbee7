"""Named places: steps of a foreign loop whose ids do not depend on how that loop is built."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast import Agent, Context, HoldfastError, Runtime
from holdfast.frameworks import Places, here, step
from holdfast.testing import models as bad
from holdfast.testing.models import Call, Reply
from twice import a_place, end, idle, places, until


class Loop:
    """A framework: asks a model, works twice side by side, asks again. Its first version is plain; its second one makes
    tasks wherever it can."""

    def __init__(self) -> None:
        self.version = 1
        self.worked: list[str] = []
        self.go = asyncio.Event()

    async def run(self) -> str:
        first = await self._own(self._ask("begin"))
        async with asyncio.TaskGroup() as group:
            works = [group.create_task(self._own(self._work(n, first))) for n in (2, 1)]
        return await self._own(self._ask(" and ".join(sorted(w.result() for w in works))))

    async def _own(self, work: Any) -> Any:
        if self.version == 1:
            return await work
        await asyncio.sleep(0)
        extra = asyncio.create_task(asyncio.sleep(0))
        found, _ = await asyncio.gather(asyncio.create_task(work), extra)
        return found

    async def _ask(self, what: str) -> str:
        at = here()
        place = at.next("model")
        return (await at.at(place, lambda ctx: ctx.model(what, model="m"))).text

    async def _work(self, n: int, what: str) -> str:
        async def work() -> str:
            self.worked.append(f"{n} {what}")
            if n == 2:
                await self.go.wait()
            return f"{n} {what}"

        at = here()
        return await at.at(f"tool-1-{n}", lambda ctx: ctx.run(work))

    def agent(self) -> Agent:
        agent = Agent("foreign")

        @agent.handler
        async def run(ctx: Context) -> str:
            return await Places(ctx).host(self.run())

        assert run
        return agent


def shout(call: Call) -> Reply:
    return Reply(call.text.upper())


@pytest.mark.parametrize("versions", [(1, 1), (1, 2), (2, 1)])
async def test_another_version_of_the_framework_goes_on_where_the_first_was(
    tmp_path: Path, versions: tuple[int, int]
) -> None:
    loop = Loop()
    async with a_place(tmp_path, shout, lambda: [loop.agent()]) as place:
        loop.version = versions[0]
        async with place.runtime() as first:
            await first.send(loop.agent()["1"].run)
            await until(lambda: len(loop.worked) == 2)
            async with asyncio.timeout(5):
                while not await places(first, "foreign/1", "run"):
                    await asyncio.sleep(0.01)
        loop.go.set()
        loop.version = versions[1]
        async with place.runtime() as second:
            await idle(second, "foreign/1")
            assert await end(second, "foreign/1") == "1 BEGIN AND 2 BEGIN"
            found = sorted(p for _, _, p in await places(second, "foreign/1"))
            assert found == ["model-1.1", "model-2.1", "tool-1-1.1", "tool-1-2.1"]
        assert sorted(loop.worked) == ["1 BEGIN", "2 BEGIN", "2 BEGIN"] and len(place.vendor.calls) == 2


def foreign(work: Callable[[], Any], strict: bool = True) -> Agent:
    agent = Agent("foreign")

    @agent.handler
    async def run(ctx: Context) -> Any:
        return await Places(ctx, strict=strict).host(work())

    assert run
    return agent


async def test_a_wait_at_a_place_leaves_memory_and_comes_back(tmp_path: Path) -> None:
    begun: list[int] = []

    async def work() -> str:
        begun.append(1)
        at = here()
        answer = await at.at("ask-1", lambda ctx: ctx.ask("Go on?", choices=["yes"]))
        return str(answer)

    async with Runtime([foreign(work)], f"sqlite:///{tmp_path / 'a.db'}") as runtime:
        await runtime.send(foreign(work)["1"].run)
        async with asyncio.timeout(10):
            while not await runtime.asks() or (await runtime.stats())["in_memory"]:
                await asyncio.sleep(0.01)
        await runtime.answer("foreign/1", "yes")
        await idle(runtime, "foreign/1")
        assert await end(runtime, "foreign/1") == "yes" and len(begun) == 2


async def test_threads_wait_for_places_and_are_given_back(tmp_path: Path) -> None:
    let_go: list[str] = []

    def in_thread() -> str:
        at = here()
        try:
            return str(at.from_thread(at.next("ask"), lambda ctx: ctx.ask("Go on?")))
        except BaseException as error:
            let_go.append(type(error).__name__)
            raise

    async def work() -> str:
        return await asyncio.to_thread(in_thread)

    async with Runtime([foreign(work)], "memory://") as runtime:
        await runtime.send(foreign(work)["1"].run)
        await until(lambda: let_go == ["Suspended"])
        await runtime.answer("foreign/1", "yes")
        await idle(runtime, "foreign/1")
        assert await end(runtime, "foreign/1") == "yes"


async def test_a_cancelled_turn_cleans_up_with_steps() -> None:
    undone: list[str] = []
    waiting = asyncio.Event()

    def undo() -> None:
        undone.append("undone")

    async def stuck() -> None:
        waiting.set()
        await asyncio.sleep(60)

    async def work() -> None:
        at = here()
        try:
            await at.at("tool-1-1", lambda ctx: ctx.run(stuck))
        finally:
            await step(undo)

    async with Runtime([foreign(work)], "memory://") as runtime:
        await runtime.send(foreign(work)["1"].run)
        await asyncio.wait_for(waiting.wait(), 5)
        await runtime.cancel("foreign/1")
        await idle(runtime, "foreign/1")
        assert undone == ["undone"]


@pytest.mark.parametrize("strict", [True, False])
async def test_what_is_not_asked_for_again_is_a_divergence_only_where_it_must_be(tmp_path: Path, strict: bool) -> None:
    asked: list[str] = []
    go = asyncio.Event()

    async def work() -> str:
        if not go.is_set():
            await step(asked.append, "one", name="one")
        await step(asked.append, "two", name="two")
        await go.wait()
        return "done"

    store = f"sqlite:///{tmp_path / 'a.db'}"
    first = Runtime([foreign(work, strict)], store)
    await first.start()
    await first.send(foreign(work, strict)["1"].run)
    await until(lambda: len(asked) == 2)
    await first.stop(0)
    go.set()
    async with Runtime([foreign(work, strict)], store) as second:
        async with asyncio.timeout(10):
            while (await end(second, "foreign/1")) != "done" and not await second.waits(verb="diverged"):
                await asyncio.sleep(0.01)
        assert bool(await second.waits(verb="diverged")) == strict
    assert asked == ["one", "two"]


async def test_there_is_no_place_outside_of_a_turn_and_no_blocking_on_the_loop() -> None:
    with pytest.raises(HoldfastError) as caught:
        here()
    assert caught.value.code == "frameworks.no_turn"

    async def work() -> None:
        here().from_thread("model-1", lambda ctx: ctx.now())

    async with Runtime([foreign(work)], "memory://") as runtime:
        with pytest.raises(HoldfastError) as caught:
            await runtime.call(foreign(work)["1"].run)
        assert caught.value.code == "frameworks.blocking"


async def test_an_error_at_a_place_is_the_frameworks_own_to_handle(tmp_path: Path) -> None:
    async def work() -> str:
        at = here()
        try:
            await at.at(at.next("model"), lambda ctx: ctx.model("x", model="m"))
        except HoldfastError as error:
            return error.code
        return "no error"

    script = bad.always(bad.ContextLength())
    async with a_place(tmp_path, script, lambda: [foreign(work)]) as place, place.runtime() as runtime:
        assert await runtime.call(foreign(work)["1"].run) == "model.too_long"


def test_importing_holdfast_imports_no_framework() -> None:
    code = (
        "import sys, holdfast, holdfast.frameworks; "
        "print([m for m in ('langgraph', 'langchain_core', 'agents', 'pydantic_ai', 'crewai') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
