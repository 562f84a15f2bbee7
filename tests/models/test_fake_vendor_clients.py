"""The vendors' own clients take this vendor for theirs: what they read, and what they raise. Where they are installed."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.testing.models import (
    ContentFilter,
    ContextLength,
    Cut,
    EmptyBody,
    ErrorEvent,
    Fault,
    Fragmented,
    Html,
    NoAnswer,
    NoEnd,
    PartialBody,
    RateLimited,
    Reply,
    Reset,
    ServerError,
    SlowFirstToken,
    Vendor,
    first,
)

ASKED: dict[str, Any] = {"model": "m1", "messages": [{"role": "user", "content": "hi"}]}
FULL = Reply(
    "It lasts.",
    tool_calls=[("call_1", "look_up", {"word": "durable"})],
    thinking="Well.",
    input_tokens=100,
    output_tokens=20,
)


def _openai(vendor: Vendor, **options: Any) -> Any:
    openai: Any = pytest.importorskip("openai")
    return openai.AsyncOpenAI(base_url=vendor.url, api_key="sk-good", **{"max_retries": 0, "timeout": 5, **options})


def _anthropic(vendor: Vendor, **options: Any) -> Any:
    anthropic: Any = pytest.importorskip("anthropic")
    return anthropic.AsyncAnthropic(base_url=vendor.root, api_key="sk-good", **{"max_retries": 0, "timeout": 5, **options})


# OpenAI


async def test_openai_reads_a_chat_completion() -> None:
    async with Vendor(FULL, keys={"sk-good"}, models={"m1"}) as vendor, _openai(vendor) as client:
        said = await client.chat.completions.create(**ASKED)
    (choice,) = said.choices
    assert (choice.message.content, choice.finish_reason, said.usage.total_tokens) == ("It lasts.", "tool_calls", 120)
    assert choice.message.tool_calls[0].function.arguments == '{"word":"durable"}'
    assert vendor.calls[0].completed


@pytest.mark.parametrize(
    "script", [FULL, Fragmented(5, reply=FULL), SlowFirstToken(0.05, 0.01, reply=FULL), NoEnd(reply=FULL)]
)
async def test_openai_reads_a_stream(script: Any) -> None:
    text, last = "", None
    async with Vendor(script) as vendor, _openai(vendor) as client:
        stream = await client.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True})
        async for chunk in stream:
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            last = chunk
    assert (text, last and last.usage.total_tokens) == ("It lasts.", 120)


async def test_openai_reads_responses() -> None:
    async with Vendor(FULL) as vendor, _openai(vendor) as client:
        said = await client.responses.create(model="m1", input="hi")
        async with client.responses.stream(model="m1", input="hi") as stream:
            kinds = [event.type async for event in stream]
            streamed = await stream.get_final_response()
    assert said.output_text == streamed.output_text == "It lasts."
    assert [item.type for item in said.output] == ["reasoning", "message", "function_call"]
    assert said.usage.total_tokens == streamed.usage.total_tokens == 120
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"


async def test_openai_reads_embeddings_and_models() -> None:
    async with Vendor(models={"m1"}) as vendor, _openai(vendor) as client:
        vectors = await client.embeddings.create(model="m1", input=["a", "b"])
        plain = await client.embeddings.create(model="m1", input="a", encoding_format="float")
        models = [model.id async for model in client.models.list()]
    assert vectors.data[0].embedding == pytest.approx(plain.data[0].embedding)
    assert models == ["m1"]


@pytest.mark.parametrize(
    ("fault", "raised", "code"),
    [
        (RateLimited(), "RateLimitError", "rate_limit_exceeded"),
        (ServerError(500), "InternalServerError", None),
        (ContextLength(), "BadRequestError", "context_length_exceeded"),
        (ContentFilter(), "BadRequestError", "content_filter"),
        (Html(502), "InternalServerError", None),
        (Reset(), "APIConnectionError", None),
        (PartialBody(), "APIConnectionError", None),
    ],
)
async def test_openai_raises_what_it_raises_for_the_vendor(fault: Fault, raised: str, code: str | None) -> None:
    openai: Any = pytest.importorskip("openai")
    async with Vendor(fault) as vendor, _openai(vendor) as client:
        with pytest.raises(getattr(openai, raised)) as error:
            await client.chat.completions.create(**ASKED)
    assert getattr(error.value, "code", None) == code


async def test_openai_knows_strangers_and_unknown_models() -> None:
    openai: Any = pytest.importorskip("openai")
    async with Vendor(keys={"sk-good"}, models={"m1"}) as vendor:
        async with _openai(vendor) as client:
            with pytest.raises(openai.NotFoundError):
                await client.chat.completions.create(**{**ASKED, "model": "m2"})
        async with _openai(vendor).with_options(api_key="sk-bad") as client:
            with pytest.raises(openai.AuthenticationError):
                await client.chat.completions.create(**ASKED)


@pytest.mark.parametrize("fault", [Cut(2, "reset"), Cut(2, "close"), ErrorEvent()])
async def test_openai_notices_a_broken_stream(fault: Fault) -> None:
    seen = 0
    async with Vendor(fault) as vendor, _openai(vendor) as client:
        with pytest.raises(Exception):  # noqa: B017 - which one depends on its transport
            async for _ in await client.chat.completions.create(**ASKED, stream=True):
                seen += 1
    assert seen > 0


async def test_openai_comes_back_when_it_is_told_to() -> None:
    script = first(2, RateLimited(0.01, "milliseconds"))
    async with Vendor(script) as vendor, _openai(vendor, max_retries=2) as client:
        await client.chat.completions.create(**ASKED)
    assert [call.status for call in vendor.calls] == [429, 429, 200]


async def test_openai_hangs_up_when_it_is_tired_of_waiting() -> None:
    openai: Any = pytest.importorskip("openai")
    async with Vendor(NoAnswer()) as vendor, _openai(vendor, timeout=0.1) as client:
        with pytest.raises(openai.APITimeoutError):
            await client.chat.completions.create(**ASKED)
        await vendor.until(lambda: vendor.calls[0].cancelled_by_client)


# Anthropic


async def test_anthropic_reads_a_message() -> None:
    async with Vendor(FULL, keys={"sk-good"}, models={"m1"}) as vendor, _anthropic(vendor) as client:
        said = await client.messages.create(**ASKED, max_tokens=100)
    assert [block.type for block in said.content] == ["thinking", "text", "tool_use"]
    assert (said.content[2].input, said.stop_reason, said.usage.output_tokens) == ({"word": "durable"}, "tool_use", 20)


@pytest.mark.parametrize("script", [FULL, Fragmented(5, reply=FULL), SlowFirstToken(0.05, 0.01, reply=FULL)])
async def test_anthropic_reads_a_stream(script: Any) -> None:
    async with (
        Vendor(script) as vendor,
        _anthropic(vendor) as client,
        client.messages.stream(**ASKED, max_tokens=100) as stream,
    ):
        text = "".join([piece async for piece in stream.text_stream])
        said = await stream.get_final_message()
    assert (text, said.content[2].input, said.usage.output_tokens) == ("It lasts.", {"word": "durable"}, 20)


async def test_anthropic_lists_models() -> None:
    async with Vendor(models={"m1", "m2"}) as vendor, _anthropic(vendor) as client:
        assert [model.id async for model in client.models.list()] == ["m1", "m2"]


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (RateLimited(), "RateLimitError"),
        (ServerError(500), "InternalServerError"),
        (ServerError(529), "InternalServerError"),
        (ContextLength(), "BadRequestError"),
        (Reset(), "APIConnectionError"),
        (PartialBody(), "APIConnectionError"),
    ],
)
async def test_anthropic_raises_what_it_raises_for_the_vendor(fault: Fault, raised: str) -> None:
    anthropic: Any = pytest.importorskip("anthropic")
    async with Vendor(fault) as vendor, _anthropic(vendor) as client:
        with pytest.raises(getattr(anthropic, raised)):
            await client.messages.create(**ASKED, max_tokens=100)


async def test_anthropic_raises_what_the_stream_says() -> None:
    anthropic: Any = pytest.importorskip("anthropic")
    async with Vendor(ErrorEvent()) as vendor, _anthropic(vendor) as client:
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            async with client.messages.stream(**ASKED, max_tokens=100) as stream:
                async for _ in stream:
                    pass


async def test_anthropic_reads_nothing_from_an_empty_body() -> None:
    async with Vendor(EmptyBody()) as vendor, _anthropic(vendor) as client:
        with pytest.raises(Exception):  # noqa: B017 - which one depends on its version
            said = await client.messages.create(**ASKED, max_tokens=100)
            _ = said.content
    assert vendor.calls[0].completed
