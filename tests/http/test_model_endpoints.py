"""The model endpoints with the official clients, against a server of its own and real model servers behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionToolParam

from holdfast.testing import models as bad
from holdfast.testing.models import Reply
from http_front import front

TOOLS: list[ChatCompletionToolParam] = [
    {
        "type": "function",
        "function": {"name": "look", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}},
    }
]


async def test_a_program_asks_as_an_agent(tmp_path: Path) -> None:
    async with front(tmp_path, bad.always(Reply("hello", input_tokens=11, output_tokens=7))) as (f, (vendor,)):
        async with f.openai() as client:
            done = await client.chat.completions.create(model="smart", messages=[{"role": "user", "content": "hi"}])
        assert done.choices[0].message.content == "hello" and done.usage is not None
        assert (done.usage.prompt_tokens, done.usage.completion_tokens) == (11, 7)
        entries = await f.client.journal("outside/me")
        assert [e.verb for e in entries if e.verb == "model"] == ["model"]
        assert vendor.calls[0].model == "m0" and vendor.calls[0].key != f.secret


async def test_pieces_come_as_they_are_said(tmp_path: Path) -> None:
    script = bad.always(Reply("one two three four", chunks=4, chunk_delay=0.05, output_tokens=4))
    async with front(tmp_path, script) as (f, _):
        pieces: list[str] = []
        times: list[float] = []
        async with f.openai() as client:
            stream = await client.chat.completions.create(
                model="smart",
                messages=[{"role": "user", "content": "count"}],
                stream=True,
                stream_options={"include_usage": True},
            )
            usage = None
            async for chunk in stream:
                usage = chunk.usage or usage
                if chunk.choices and chunk.choices[0].delta.content:
                    pieces.append(chunk.choices[0].delta.content)
                    times.append(asyncio.get_running_loop().time())
        assert "".join(pieces) == "one two three four" and len(pieces) == 4 and times[-1] - times[0] > 0.1
        assert usage is not None and usage.completion_tokens == 4


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_go_through(tmp_path: Path, stream: bool) -> None:
    async with front(tmp_path, bad.always(Reply(tool_calls=[("c1", "look", {"x": 1}), ("c2", "look", {"x": 2})]))) as (f, _):
        async with f.openai() as client:
            if stream:
                async with client.chat.completions.stream(
                    model="smart", messages=[{"role": "user", "content": "x"}], tools=TOOLS
                ) as running:
                    done = await running.get_final_completion()
            else:
                done = await client.chat.completions.create(
                    model="smart", messages=[{"role": "user", "content": "x"}], tools=TOOLS
                )
        calls: Any = done.choices[0].message.tool_calls
        assert [(c.id, c.function.name, c.function.arguments.replace(" ", "")) for c in calls] == [
            ("c1", "look", '{"x":1}'),
            ("c2", "look", '{"x":2}'),
        ]
        assert done.choices[0].finish_reason == "tool_calls"


async def test_who_may_not_and_what_is_wrong(tmp_path: Path) -> None:
    async with front(tmp_path, bad.always(Reply("x"))) as (f, _):
        async with f.openai("hf_nobody") as client:
            with pytest.raises(openai.AuthenticationError, match="not known"):
                await client.chat.completions.create(model="smart", messages=[])
        async with f.openai() as client:
            with pytest.raises(openai.NotFoundError, match="no model or route"):
                await client.chat.completions.create(model="clever", messages=[{"role": "user", "content": "x"}])
            assert [m.id async for m in client.models.list()] == ["smart", "t0", "v/m0"]
            with pytest.raises(openai.NotFoundError):
                await client.post("/nowhere", cast_to=object)
        (token,) = await f.client.tokens()
        await f.client.revoke_token(token.id)
        assert not await f.client.tokens()


LONG = Reply("one two three four five six seven", chunks=7)
FAULTS: list[tuple[str, Any, int]] = [
    ("1 429 with Retry-After", bad.first(1, bad.RateLimited(0.3), then=Reply("fine")), 1),
    ("2 429 for ever", bad.always(bad.RateLimited(form="none")), 5),
    ("3 500 once", bad.first(1, bad.ServerError(500), then=Reply("fine")), 2),
    ("4 503 for ever", bad.always(bad.ServerError(503)), 5),
    ("5 reset before headers", bad.always(bad.Reset()), 5),
    ("6 never answered", bad.always(bad.NoAnswer()), 1),
    ("7 first token after 20 s", bad.always(bad.SlowFirstToken(20.0)), 1),
    ("11 no end sentinel", bad.always(bad.NoEnd(reply=Reply("fine"))), 1),
    ("14 prefill", bad.always(bad.ServerError(503)), 5),
]


@pytest.mark.parametrize(("name", "script", "most"), FAULTS, ids=[f[0] for f in FAULTS])
async def test_a_fault_is_not_the_clients(tmp_path: Path, name: str, script: Any, most: int) -> None:
    fallback = bad.always(bad.NoPrefill(reply=Reply("fine", model="m1-2026")))
    async with front(tmp_path, script, fallback) as (f, (ill, _)), f.openai() as client:
        messages: list[Any] = [{"role": "user", "content": "x"}]
        if name.startswith("14"):
            messages.append({"role": "assistant", "content": "I"})
        began = asyncio.get_running_loop().time()
        stream = await client.chat.completions.create(
            model="smart", messages=messages, stream=True, stream_options={"include_usage": True}
        )
        text, finish, usage = "", "", None
        async for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                finish = choice.finish_reason or finish
        assert (text, finish) == ("fine", "stop") and usage is not None
        assert len(ill.calls) <= most and asyncio.get_running_loop().time() - began < 5


@pytest.mark.parametrize(
    "fault",
    [bad.Cut(3, reply=LONG), bad.Stall(3, reply=LONG), bad.MalformedChunk(3, reply=LONG)],
    ids=["8 cut", "9 stall", "10 malformed"],
)
async def test_a_broken_stream_is_never_a_success(tmp_path: Path, fault: Any) -> None:
    async with front(tmp_path, bad.always(fault), bad.always(Reply("elsewhere"))) as (f, _), f.openai() as client:
        stream = await client.chat.completions.create(
            model="smart", messages=[{"role": "user", "content": "x"}], stream=True
        )
        text, finish = "", ""
        try:
            async for chunk in stream:
                for choice in chunk.choices:
                    text += choice.delta.content or ""
                    finish = choice.finish_reason or finish
        except openai.APIError as error:
            assert "given on already" in str(error) and not finish
        else:
            assert (text, finish) == ("elsewhere", "stop")


async def test_12_13_what_the_request_is_to_blame_for_is_passed_on(tmp_path: Path) -> None:
    for fault, words in ((bad.ContextLength(), "context"), (bad.ContentFilter(), "filter")):
        (tmp_path / words).mkdir()
        async with front(tmp_path / words, bad.always(fault), bad.always(Reply("elsewhere"))) as (f, (ill, _)):
            async with f.openai() as client:
                with pytest.raises(openai.BadRequestError, match=words):
                    await client.chat.completions.create(
                        model="t0", messages=[{"role": "user", "content": "x"}], stream=True
                    )
            assert len(ill.calls) == 1


async def test_16_the_answer_names_who_gave_it(tmp_path: Path) -> None:
    good = bad.always(Reply("fine", model="m1-2026", input_tokens=3, output_tokens=2))
    async with front(tmp_path, bad.always(bad.ServerError(503)), good) as (f, _), f.openai() as client:
        done = await client.chat.completions.with_raw_response.create(
            model="smart", messages=[{"role": "user", "content": "x"}]
        )
        assert done.headers["x-holdfast-target"] == "t1" and done.parse().model == "m1-2026"
        (entry,) = [e for e in await f.client.journal("outside/me") if e.verb == "model"]
        facts = entry.detail["facts"]
        assert facts["usage"] == {"input": 3, "output": 2} and facts["target"] == "t1"
        assert [a["outcome"] for a in facts["attempts"]][-1] == "ok" and len(facts["attempts"]) > 1


async def test_who_hangs_up_calls_the_vendor_off(tmp_path: Path) -> None:
    async with front(tmp_path, bad.always(Reply("a b c d", chunks=4, chunk_delay=0.4))) as (f, (vendor,)):
        async with f.openai() as client:
            stream = await client.chat.completions.create(
                model="smart", messages=[{"role": "user", "content": "x"}], stream=True
            )
            async for _ in stream:
                break
            await stream.close()
        await vendor.until(lambda: vendor.calls[0].cancelled_by_client, 5)


BAD_PROVIDERS = [
    ("wrong key", bad.WrongKey()),
    ("unknown model", bad.UnknownModel()),
    ("HTML with 200", bad.Html(200)),
    ("HTML with 502", bad.Html(502)),
    ("empty body", bad.EmptyBody()),
]


@pytest.mark.parametrize(("name", "fault"), BAD_PROVIDERS, ids=[b[0] for b in BAD_PROVIDERS])
async def test_a_bad_provider_is_gone_round(tmp_path: Path, name: str, fault: Any) -> None:
    async with front(tmp_path, bad.always(fault), bad.always(Reply("fine"))) as (f, (ill, _)), f.openai() as client:
        stream = await client.chat.completions.create(
            model="smart", messages=[{"role": "user", "content": "x"}], stream=True
        )
        text = "".join([choice.delta.content or "" async for chunk in stream for choice in chunk.choices])
        assert text == "fine"
        assert len(ill.calls) <= 5


@pytest.mark.parametrize(("name", "fault"), BAD_PROVIDERS, ids=[b[0] for b in BAD_PROVIDERS])
async def test_alone_a_bad_provider_is_a_clear_error_and_not_asked_for_ever(tmp_path: Path, name: str, fault: Any) -> None:
    async with front(tmp_path, bad.always(fault)) as (f, (ill,)), f.openai() as client:
        with pytest.raises(openai.APIStatusError) as caught:
            await client.chat.completions.create(model="smart", messages=[{"role": "user", "content": "x"}], stream=True)
        assert caught.value.response.headers["x-holdfast-error"].startswith("model."), str(caught.value)
        assert "<html" not in str(caught.value).lower()
        assert len(ill.calls) <= 6


async def test_malformed_arguments_of_a_tool_call_reach_the_program_as_the_model_wrote_them(tmp_path: Path) -> None:
    broken = Reply(tool_calls=[("c1", "look", '{"x": 1')])
    async with front(tmp_path, bad.always(broken)) as (f, _), f.openai() as client:
        async with client.chat.completions.stream(
            model="smart", messages=[{"role": "user", "content": "x"}], tools=TOOLS
        ) as running:
            pieces = [event async for event in running if event.type == "chunk"]
        written = "".join(
            call.function.arguments or ""
            for piece in pieces
            for choice in piece.chunk.choices
            for call in choice.delta.tool_calls or ()
            if call.function
        )
        assert written == '{"x": 1'
