"""Each fault on the wire: what bytes come, when, and how the connection ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import pytest

from holdfast.testing.models import (
    FAULTS,
    Call,
    ClosesAfterAnswer,
    ContentFilter,
    ContextLength,
    Cut,
    EmptyBody,
    ErrorEvent,
    Fault,
    Fragmented,
    Heard,
    Html,
    MalformedArguments,
    MalformedChunk,
    NoAnswer,
    NoEnd,
    NoPrefill,
    NoUsage,
    PartialBody,
    Probe,
    RateLimited,
    Reply,
    Reset,
    ServerError,
    SlowFirstToken,
    SlowHeaders,
    Stall,
    Vendor,
)

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
MESSAGES = "/v1/messages"

SHORT = 0.25  # seconds without a byte: silence
TEXT = "one two three four five six seven eight"
REPLY = Reply(TEXT)


def asked(path: str, *, stream: bool = False, text: str = "hi") -> dict[str, Any]:
    """A request that fits the path."""
    said = [{"role": "user", "content": text}]
    return {"model": "m1", "stream": stream, ("input" if path == RESPONSES else "messages"): said}


async def hear(fault: Fault, path: str = CHAT, *, stream: bool = False, patience: float = 5.0) -> tuple[Heard, Call]:
    """One answer of a vendor with this fault, and what the vendor remembers."""
    async with Vendor(fault) as vendor, Probe(vendor.url, patience) as probe:
        heard = await probe.post(path, asked(path, stream=stream))
        await vendor.until(lambda: vendor.calls[0].ended or heard.ended == "silent")
        return heard, vendor.calls[0]


def text_in(heard: Heard) -> str:
    """The text of a stream, in whichever dialect."""
    said = ""
    for event in heard.events:
        for choice in event.get("choices", ()):
            said += choice["delta"].get("content") or ""
        if event.get("type") == "response.output_text.delta":
            said += event["delta"]
        if event.get("type") == "content_block_delta":
            said += event["delta"].get("text", "")
    return said


# Refusals


async def test_a_rate_limit_says_when_to_come_back() -> None:
    seconds, call = await hear(RateLimited(2))
    assert (seconds.status, seconds.headers["retry-after"], seconds.headers["x-ratelimit-remaining-requests"]) == (
        429,
        "2",
        "0",
    )
    assert seconds.json["error"]["code"] == "rate_limit_exceeded"
    assert call.completed and call.fault == RateLimited(2) and call.status == 429

    date, _ = await hear(RateLimited(30, "date"))
    assert 28 < parsedate_to_datetime(date.headers["retry-after"]).timestamp() - time.time() < 32
    milliseconds, _ = await hear(RateLimited(0.25, "milliseconds"))
    assert milliseconds.headers["retry-after-ms"] == "250" and "retry-after" not in milliseconds.headers
    none, _ = await hear(RateLimited(form="none", quota=True))
    assert "retry-after" not in none.headers and none.json["error"]["code"] == "insufficient_quota"


async def test_anthropic_limits_in_its_own_words() -> None:
    heard, _ = await hear(RateLimited(2), MESSAGES)
    assert heard.status == 429
    assert heard.json["type"] == "error" and heard.json["error"]["type"] == "rate_limit_error"
    assert heard.json["request_id"] == heard.headers["request-id"]
    assert heard.headers["retry-after"] == "2" and heard.headers["anthropic-ratelimit-requests-remaining"] == "0"


@pytest.mark.parametrize(
    ("status", "path", "kind"),
    [(500, CHAT, "server_error"), (503, CHAT, "server_error"), (529, MESSAGES, "overloaded_error")],
)
async def test_a_server_error_keeps_the_connection(status: int, path: str, kind: str) -> None:
    async with Vendor(ServerError(status, retry_after_seconds=3)) as vendor, Probe(vendor.url) as probe:
        for _ in range(2):
            heard = await probe.post(path, asked(path, stream=True))
            assert (heard.status, heard.json["error"]["type"], heard.headers["retry-after"]) == (status, kind, "3")
    assert vendor.calls[1].completed


async def test_a_context_that_is_too_long_is_refused_in_the_vendors_words() -> None:
    openai, _ = await hear(ContextLength())
    assert (openai.status, openai.json["error"]["code"]) == (400, "context_length_exceeded")
    assert openai.json["error"]["message"].startswith("This model's maximum context length is 8192 tokens.")
    anthropic, _ = await hear(ContextLength(), MESSAGES)
    assert (anthropic.status, anthropic.json["error"]["type"]) == (400, "invalid_request_error")
    assert anthropic.json["error"]["message"] == "prompt is too long: 8193 tokens > 8192 maximum"
    responses, _ = await hear(ContextLength(), RESPONSES)
    assert (responses.json["error"]["code"], responses.json["error"]["param"]) == ("context_length_exceeded", "input")


async def test_a_context_can_be_counted() -> None:
    async with Vendor(ContextLength(limit_characters=100, reply=REPLY)) as vendor, Probe(vendor.url) as probe:
        fits = await probe.post(MESSAGES, {**asked(MESSAGES, text="x" * 60), "system": "y" * 40})
        over = await probe.post(MESSAGES, {**asked(MESSAGES, text="x" * 61), "system": "y" * 40})
    assert (fits.status, over.status) == (200, 400)
    assert vendor.calls[0].fault is None and vendor.calls[1].fault is not None


async def test_a_content_filter_refuses_or_cuts() -> None:
    azure, _ = await hear(ContentFilter())
    assert (azure.status, azure.json["error"]["code"], azure.json["error"]["status"]) == (400, "content_filter", 400)
    assert azure.json["error"]["innererror"]["code"] == "ResponsibleAIPolicyViolation"
    openai, _ = await hear(ContentFilter("openai"))
    assert (openai.status, openai.json["error"]["code"]) == (400, "invalid_prompt")
    finish, _ = await hear(ContentFilter("finish"))
    assert (finish.status, finish.json["choices"][0]["finish_reason"]) == (200, "content_filter")
    refusal, _ = await hear(ContentFilter("finish"), MESSAGES)
    assert refusal.json["stop_reason"] == "refusal"


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
async def test_prefill_is_refused_and_nothing_else(path: str) -> None:
    body = asked(path)
    field = "input" if path == RESPONSES else "messages"
    prefilled = {**body, field: [*body[field], {"role": "assistant", "content": "The answer is"}]}
    async with Vendor(NoPrefill(reply=REPLY)) as vendor, Probe(vendor.url) as probe:
        refused = await probe.post(path, prefilled)
        fine = await probe.post(path, body)
    assert (refused.status, fine.status) == (400, 200)
    assert "does not support assistant message prefill" in refused.json["error"]["message"]
    assert vendor.calls[1].fault is None


async def test_wrong_keys_and_unknown_models_are_refused() -> None:
    async with Vendor(keys={"sk-good"}, models={"m1"}) as vendor, Probe(vendor.url) as probe:
        heard = [
            await probe.post(CHAT, asked(CHAT)),
            await probe.post(CHAT, asked(CHAT), {"authorization": "Bearer sk-bad"}),
            await probe.post(MESSAGES, asked(MESSAGES), {"x-api-key": "sk-bad"}),
            await probe.post(CHAT, {**asked(CHAT), "model": "m2"}, {"authorization": "Bearer sk-good"}),
            await probe.post(MESSAGES, {**asked(MESSAGES), "model": "m2"}, {"x-api-key": "sk-good"}),
            await probe.post(CHAT, asked(CHAT), {"authorization": "Bearer sk-good"}),
            await probe.get("/v1/models", {"authorization": "Bearer sk-bad"}),
        ]
    assert [answer.status for answer in heard] == [401, 401, 401, 404, 404, 200, 401]
    missing, wrong, theirs, unknown, their_unknown = (answer.json["error"] for answer in heard[:5])
    assert missing["message"].startswith("You didn't provide an API key.")
    assert wrong["message"].startswith("Incorrect API key provided: sk-bad.") and wrong["code"] == "invalid_api_key"
    assert theirs == {"type": "authentication_error", "message": "invalid x-api-key"}
    assert unknown["code"] == "model_not_found"
    assert their_unknown == {"type": "not_found_error", "message": "model: m2"}


@pytest.mark.parametrize(("status", "title"), [(200, b"Sign in"), (502, b"502 Bad Gateway"), (504, b"504 Gateway Time-out")])
@pytest.mark.parametrize("stream", [False, True])
async def test_html_comes_instead_of_json(status: int, title: bytes, stream: bool) -> None:
    heard, _ = await hear(Html(status), stream=stream)
    assert (heard.status, heard.headers["content-type"], heard.ended) == (status, "text/html", "whole")
    assert b"<html>" in heard.body and title in heard.body


@pytest.mark.parametrize("stream", [False, True])
async def test_a_body_can_be_empty(stream: bool) -> None:
    heard, _ = await hear(EmptyBody(), stream=stream)
    assert (heard.status, heard.body, heard.headers["content-length"], heard.ended) == (200, b"", "0", "whole")


# Silence


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_the_connection_is_reset_before_any_header(path: str) -> None:
    heard, call = await hear(Reset(), path)
    assert (heard.raw, heard.ended) == (b"", "reset")
    assert not call.completed and not call.cancelled_by_client and call.status == 0


async def test_a_request_is_accepted_and_never_answered() -> None:
    heard, call = await hear(NoAnswer(), patience=SHORT)
    assert (heard.raw, heard.ended, call.status) == (b"", "silent", 0)


@pytest.mark.parametrize("stream", [False, True])
async def test_headers_come_slowly(stream: bool) -> None:
    heard, _ = await hear(SlowHeaders(0.1, reply=REPLY), stream=stream)
    assert heard.headers_seconds >= 0.09 and heard.ended == "whole"
    early, _ = await hear(SlowHeaders(60, reply=REPLY), stream=stream, patience=SHORT)
    assert (early.raw, early.ended) == (b"HTTP/1.1 200 OK\r\n", "silent")


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
async def test_headers_come_at_once_and_the_first_token_late(path: str) -> None:
    heard, _ = await hear(SlowFirstToken(0.1, reply=REPLY), path, stream=True)
    assert heard.chunks[0][0] - heard.headers_seconds >= 0.09
    assert text_in(heard) == TEXT
    silent, _ = await hear(SlowFirstToken(60), path, stream=True, patience=SHORT)
    assert (silent.status, silent.chunks, silent.ended) == (200, [], "silent")


async def test_silence_can_be_kept_alive() -> None:
    fault = SlowFirstToken(0.1, heartbeat_seconds=0.03, reply=REPLY)
    comments, _ = await hear(fault, stream=True)
    assert [data for _, data in comments.chunks[:4]][:3] == [b": keep-alive\n\n"] * 3 and text_in(comments) == TEXT
    assert not comments.chunks[3][1].startswith(b":")
    pings, _ = await hear(fault, MESSAGES, stream=True)
    assert [event["type"] for event in pings.events[:4]] == ["ping", "ping", "ping", "message_start"]
    lines, _ = await hear(fault)
    assert lines.body.startswith(b"\n\n\n{") and lines.json["choices"][0]["message"]["content"] == TEXT


# Breaks

CUTS = [("reset", "reset"), ("close", "closed"), ("clean", "whole"), ("open", "silent")]


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
@pytest.mark.parametrize(("how", "ended"), CUTS)
async def test_a_stream_is_cut_after_some_chunks(path: str, how: Any, ended: str) -> None:
    heard, call = await hear(Cut(3, how, reply=REPLY), path, stream=True, patience=SHORT if how == "open" else 5)
    assert heard.ended == ended
    assert text_in(heard) == TEXT[: len(TEXT) * 3 // 8]
    assert b"[DONE]" not in heard.raw and b"_stop" not in heard.raw and b"completed" not in heard.raw
    assert call.completed == (how == "clean") and not call.cancelled_by_client


@pytest.mark.parametrize(
    ("how", "ended"), [("reset", "reset"), ("close", "closed"), ("clean", "closed"), ("open", "silent")]
)
async def test_an_answer_in_one_piece_is_cut_in_half(how: Any, ended: str) -> None:
    heard, _ = await hear(Cut(how=how, reply=REPLY), patience=SHORT if how == "open" else 5)
    assert (heard.status, heard.ended) == (200, ended)
    assert 0 < len(heard.body) < int(heard.headers["content-length"])


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_a_stream_stalls_and_may_go_on(path: str) -> None:
    stalled, _ = await hear(Stall(2, reply=REPLY), path, stream=True, patience=SHORT)
    assert (stalled.ended, text_in(stalled)) == ("silent", TEXT[: len(TEXT) * 2 // 8])
    late, call = await hear(Stall(2, 0.1, reply=REPLY), path, stream=True)
    gaps = [after[0] - before[0] for before, after in zip(late.chunks, late.chunks[1:], strict=False)]
    assert max(gaps) >= 0.09 and (late.ended, text_in(late)) == ("whole", TEXT) and call.completed
    whole, _ = await hear(Stall(seconds=0.1, reply=REPLY), path)
    assert whole.seconds >= 0.09 and whole.json


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
async def test_one_chunk_is_malformed_and_the_rest_is_well(path: str) -> None:
    heard, call = await hear(MalformedChunk(2, reply=REPLY), path, stream=True)
    good = len(heard.events) + (path == CHAT)  # [DONE] is no JSON either
    assert len(heard.data) - good == 1 and heard.ended == "whole" and call.completed
    assert text_in(heard) == TEXT[: len(TEXT) * 2 // 8] + TEXT[len(TEXT) * 3 // 8 :]
    whole, _ = await hear(MalformedChunk(reply=REPLY), path)
    assert len(whole.body) == int(whole.headers["content-length"])
    with pytest.raises(msgspec.DecodeError):
        _ = whole.json


@pytest.mark.parametrize(
    ("path", "last"), [(CHAT, "server_error"), (RESPONSES, "response.failed"), (MESSAGES, "overloaded_error")]
)
async def test_a_stream_says_that_it_failed(path: str, last: str) -> None:
    heard, _ = await hear(ErrorEvent(2, reply=REPLY), path, stream=True)
    assert heard.status == 200 and text_in(heard) == TEXT[: len(TEXT) * 2 // 8]
    assert last in heard.data[-1] and heard.ended == "whole"
    whole, _ = await hear(ErrorEvent(), path)
    assert whole.status == 500


@pytest.mark.parametrize(
    ("path", "finish", "end"),
    [(CHAT, '"stop"', "[DONE]"), (MESSAGES, '"end_turn"', "message_stop"), (RESPONSES, "item.done", "response.completed")],
)
@pytest.mark.parametrize(("how", "ended"), CUTS)
async def test_a_stream_has_no_end(path: str, finish: str, end: str, how: Any, ended: str) -> None:
    heard, _ = await hear(NoEnd(how, reply=REPLY), path, stream=True, patience=SHORT if how == "open" else 5)
    assert (heard.ended, text_in(heard)) == (ended, TEXT)
    assert finish in heard.data[-1] and end not in heard.body.decode()


async def test_a_body_is_shorter_than_it_says() -> None:
    whole, _ = await hear(PartialBody(reply=REPLY))
    assert (whole.ended, len(whole.body)) == ("closed", int(whole.headers["content-length"]) // 2)
    stream, call = await hear(PartialBody(reply=REPLY), stream=True)
    assert stream.ended == "closed" and not stream.raw.endswith(b"\n\n\r\n"), "in the middle of a chunk"
    assert not call.completed


# What it says


@pytest.mark.parametrize("stream", [False, True])
async def test_the_arguments_of_a_tool_call_are_malformed(stream: bool) -> None:
    tool: dict[str, Any] = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    async with Vendor(MalformedArguments()) as vendor, Probe(vendor.url) as probe:
        heard = await probe.post(CHAT, {**asked(CHAT, stream=stream), "tools": [tool]})
    if stream:
        calls = [call for event in heard.events for call in event["choices"][0]["delta"].get("tool_calls", ())]
    else:
        calls = heard.json["choices"][0]["message"]["tool_calls"]
    assert calls[0]["function"]["name"] == "weather"
    assert "".join(call["function"]["arguments"] for call in calls) == '{"city": "Par'


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
async def test_an_answer_comes_without_its_usage(path: str) -> None:
    whole, _ = await hear(NoUsage(reply=REPLY), path)
    assert not whole.json.get("usage") and TEXT.encode() in whole.body
    stream, _ = await hear(NoUsage(reply=REPLY), path, stream=True)
    assert '_tokens":' not in stream.body.decode().replace('"max_output_tokens":', "") and text_in(stream) == TEXT


async def test_a_connection_closes_after_a_good_answer() -> None:
    async with Vendor(ClosesAfterAnswer(reply=REPLY)) as vendor, Probe(vendor.url) as probe:
        heard = await probe.post(CHAT, asked(CHAT))
        assert heard.ended == "whole" and "connection" not in heard.headers
        assert (await probe.hear()).ended == "closed"
    assert vendor.calls[0].completed


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_an_answer_comes_in_fragments(path: str) -> None:
    heard, _ = await hear(Fragmented(1, reply=Reply("größer €")), path, stream=True)
    assert (heard.ended, text_in(heard)) == ("whole", "größer €")


# Together


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES, "/v1/embeddings"])
async def test_every_fault_plays_everywhere_and_leaves_nothing(name: str, path: str) -> None:
    for stream in (False, True):
        async with Vendor(FAULTS[name]()) as vendor, Probe(vendor.url, 0.02) as probe:
            await probe.send("POST", path, asked(path, stream=stream))
            await vendor.until(lambda: len(vendor.calls) == 1)
            assert (await probe.hear()).ended in ("whole", "closed", "reset", "silent")
        assert vendor.connections == 0 and not vendor.failures


def _on_uvloop(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    uvloop: Any = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


def test_resets_and_cuts_are_the_same_on_uvloop() -> None:
    async def work() -> None:
        heard, _ = await hear(Reset())
        assert (heard.raw, heard.ended) == (b"", "reset")
        for how, ended in CUTS[:3]:
            heard, _ = await hear(Cut(3, how, reply=REPLY), stream=True)  # pyright: ignore[reportArgumentType]
            assert (heard.ended, text_in(heard)) == (ended, TEXT[: len(TEXT) * 3 // 8])

    _on_uvloop(work)


def test_a_caller_that_hangs_up_is_noticed_on_uvloop() -> None:
    async def work() -> None:
        async with Vendor(Reply("x" * 20_000_000)) as vendor, Probe(vendor.url) as probe:
            await probe.send("POST", CHAT, asked(CHAT))
            await vendor.until(lambda: bool(vendor.calls))
            probe.hang_up()
            await vendor.until(lambda: vendor.calls[0].cancelled_by_client)

    _on_uvloop(work)
