"""Programs outside whose agent may not work are told so at once; requests that nobody waits for any more are called off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from holdfast.testing import models as bad
from holdfast.testing.models import Call, NoAnswer, Reply
from http_front import Front, front

PATIENT = {"answer_seconds": 30, "first_token_seconds": 30}
HI: Any = [{"role": "user", "content": "hi"}]


async def until(look: Callable[[], Awaitable[Any]], seconds: float = 20.0) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await look()):
            await asyncio.sleep(0.02)
    return found


async def asked(f: Front, vendor: str, stream: bool, retries: int = 0) -> Any:
    """One request through a vendor's own client."""
    if vendor == "openai":
        async with openai.AsyncOpenAI(base_url=f"{f.url}/v1", api_key=f.secret, max_retries=retries, timeout=10) as client:
            if not stream:
                return await client.chat.completions.create(model="smart", messages=HI)
            return [piece async for piece in await client.chat.completions.create(model="smart", messages=HI, stream=True)]
    async with anthropic.AsyncAnthropic(base_url=f.url, api_key=f.secret, max_retries=retries, timeout=10) as client:
        if not stream:
            return await client.messages.create(model="smart", max_tokens=50, messages=HI)
        async with client.messages.stream(model="smart", max_tokens=50, messages=HI) as running:
            return await running.get_final_message()


async def paused(f: Front) -> str:
    await f.server.operations.pause("outside/me", "it loops")
    return "agent.paused"


async def retired(f: Front) -> str:
    await f.server.operations.retire("outside/me", "no longer needed")
    return "agent.retired"


async def switched_off(f: Front) -> str:
    await f.server.operations.stop_all("drill")
    return "gate.breaker_open"


async def agent_switched_off(f: Front) -> str:
    await f.server.operations.trip_breaker("agent", "outside/me", reason="drill")
    return "gate.breaker_open"


async def tool_held(f: Front) -> str:
    await f.server.operations.trip_breaker("tool", "smart", action="hold", reason="drill")
    return "gate.breaker_open"


async def tool_denied(f: Front) -> str:
    await f.server.operations.trip_breaker("tool", "smart", action="deny", reason="drill")
    return "gate.breaker_open"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
@pytest.mark.parametrize("how", [paused, retired, switched_off, agent_switched_off, tool_held, tool_denied])
async def test_whose_agent_is_held_is_told_at_once(tmp_path: Path, how: Any, vendor: str, stream: bool) -> None:
    async with front(tmp_path, bad.always(Reply("hello"))) as (f, (model,)):
        await asked(f, vendor, False)
        code = await how(f)
        for retries in (0, 3):  # the client would ask again if it were not told that it is of no use
            with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
                await asked(f, vendor, stream, retries)
            error = caught.value
            assert error.status_code == (410 if code == "agent.retired" else 423)
            assert error.response.headers["x-holdfast-error"] == code and code in error.message
            assert "x-stainless-retry-count" not in error.request.headers or retries == 0 or (
                error.request.headers["x-stainless-retry-count"] == "0"
            )  # fmt: skip
        assert len(model.calls) == 1
        assert await messages(f, 0, 1, 2, 3) == []


async def test_when_it_may_work_again_it_answers(tmp_path: Path) -> None:
    async with front(tmp_path, bad.always(Reply("hello"))) as (f, (model,)):
        await asked(f, "openai", False)
        await f.server.operations.pause("outside/me")
        with pytest.raises(openai.APIStatusError, match=r"agent\.paused"):
            await asked(f, "openai", False)
        await f.server.operations.resume("outside/me")
        assert (await asked(f, "openai", False)).choices[0].message.content == "hello"
        await f.server.operations.stop_all("drill")
        with pytest.raises(openai.APIStatusError, match=r"drill.*gate\.breaker_open"):
            await asked(f, "openai", True)
        for breaker in await f.server.operations.breakers():
            await f.server.operations.reset_breaker(breaker.name)
        assert (await asked(f, "openai", False)).choices[0].message.content == "hello"
        assert len(model.calls) == 3


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
async def test_who_has_spent_its_budget_is_told_until_when(tmp_path: Path, vendor: str) -> None:
    async with front(tmp_path, bad.always(Reply("hello"))) as (f, (model,)):
        await f.server.operations.set_budget("few", "agent:outside/me", per="day", calls=1)
        await asked(f, vendor, False)
        with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
            await asked(f, vendor, False, retries=3)
        headers = caught.value.response.headers
        assert caught.value.status_code == {"openai": 429, "anthropic": 402}[vendor]
        assert headers["x-holdfast-error"] == "budget.spent" and headers["x-should-retry"] == "false"
        assert 0 < int(headers["retry-after"]) <= 86_400 and len(model.calls) == 1


async def busy(f: Front, model: Any) -> asyncio.Task[Any]:
    """Let the one turn that there is room for be taken."""
    first = asyncio.create_task(asked(f, "openai", False))
    await until(lambda: _true(len(model.calls) == 1))
    return first


async def messages(f: Front, *statuses: int) -> list[Any]:
    """Those of the agent in these standings."""
    return await f.server.store.messages(statuses=statuses, address="default/outside/me", limit=10)


def on_a_word() -> tuple[asyncio.Event, Callable[[Call], Awaitable[Reply]]]:
    """A vendor that answers once it is let go."""
    go = asyncio.Event()

    async def script(call: Call) -> Reply:
        await go.wait()
        return Reply("hello")

    return go, script


async def _true(value: bool) -> bool:
    return value


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_queued_and_whose_client_left_never_reaches_a_vendor(tmp_path: Path, stream: bool) -> None:
    go, script = on_a_word()

    async with front(tmp_path, script, target=PATIENT, turns=1) as (f, (model,)):
        first = await busy(f, model)
        second = asyncio.create_task(asked(f, "openai", stream))
        [message] = await until(lambda: messages(f, 0))
        second.cancel()

        async def cancelled() -> Any:
            row = await f.server.store.message(message.id)
            return row is not None and row.status == 6

        await until(cancelled)
        go.set()
        assert (await first).choices[0].message.content == "hello"
        assert (await asked(f, "openai", False)).choices[0].message.content == "hello"
        assert len(model.calls) == 2  # the first and the third


@pytest.mark.parametrize("stream", [False, True])
async def test_what_runs_is_called_off_with_its_client(tmp_path: Path, stream: bool) -> None:
    async with front(tmp_path, bad.always(NoAnswer()), target={"answer_seconds": 60, "first_token_seconds": 60}) as (
        f,
        (m,),
    ):
        asking = asyncio.create_task(asked(f, "openai", stream))
        await until(lambda: _true(len(m.calls) == 1))
        asking.cancel()

        async def ended() -> Any:
            there = await f.server.store.agent("default/outside/me")
            if there is None:
                return []
            entries = await f.client.journal("outside/me")
            return [e.name for e in entries if e.verb == "end"]

        assert await until(ended) == ["cancelled"]


async def test_with_a_key_it_is_finished_for_whoever_asks_again(tmp_path: Path) -> None:
    go, script = on_a_word()

    async with front(tmp_path, script, target=PATIENT) as (f, (model,)):
        async with f.openai() as client:

            async def ask() -> Any:
                keyed = {"Idempotency-Key": "once"}
                return await client.chat.completions.create(model="smart", messages=HI, extra_headers=keyed)

            asking = asyncio.create_task(ask())
            await until(lambda: _true(len(model.calls) == 1))
            asking.cancel()
            go.set()
            done = await ask()
        assert done.choices[0].message.content == "hello" and len(model.calls) == 1


async def test_what_is_queued_when_its_agent_is_paused_is_told(tmp_path: Path) -> None:
    go, script = on_a_word()

    async with front(tmp_path, script, target=PATIENT, turns=1) as (f, (model,)):
        first = await busy(f, model)
        second = asyncio.create_task(asked(f, "openai", False))
        await until(lambda: messages(f, 0))
        await f.server.operations.pause("outside/me")
        with pytest.raises(openai.APIStatusError, match=r"agent\.paused"):
            await second
        go.set()  # what was with the vendor already is finished
        assert (await first).choices[0].message.content == "hello"
        await f.server.operations.resume("outside/me")
        await asked(f, "openai", False)
        assert len(model.calls) == 2
