"""The vendor on loopback answers like vendors do, remembers what it saw, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import base64
import signal
import struct
import sys
from typing import Any

import pytest

from holdfast.testing.models import (
    Call,
    Cut,
    NoAnswer,
    Probe,
    RateLimited,
    Reply,
    Reset,
    ServerError,
    Vendor,
    always,
    by_model,
    fault,
    first,
    flapping,
    late,
    percent,
    sequence,
)

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
MESSAGES = "/v1/messages"
EMBEDDINGS = "/v1/embeddings"

ASKED: dict[str, Any] = {"model": "m1", "messages": [{"role": "user", "content": "What is durable?"}]}
STREAMED: dict[str, Any] = {**ASKED, "stream": True}
FULL = Reply(
    "It lasts.",
    tool_calls=[("call_1", "look_up", {"word": "durable"})],
    thinking="Let me think.",
    input_tokens=100,
    output_tokens=20,
    cached_tokens=40,
    model="m1-2026",
)


# Answers


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
async def test_without_a_script_the_last_user_text_comes_back(path: str) -> None:
    messages = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "no"},
        {"role": "user", "content": "last"},
    ]
    async with Vendor() as vendor, Probe(vendor.url) as probe:
        heard = await probe.post(path, {"model": "m1", "messages" if path != RESPONSES else "input": messages})
    assert (heard.status, heard.headers["content-type"], heard.ended) == (200, "application/json", "whole")
    assert b'"last"' in heard.body and b'"first"' not in heard.body
    assert vendor.calls[0].text == "last"


async def test_a_chat_completion_has_everything() -> None:
    async with Vendor(FULL) as vendor, Probe(vendor.url) as probe:
        said = (await probe.post(CHAT, ASKED)).json
    (choice,) = said["choices"]
    assert (said["object"], said["model"], choice["finish_reason"]) == ("chat.completion", "m1-2026", "tool_calls")
    assert choice["message"]["content"] == "It lasts."
    assert choice["message"]["reasoning_content"] == "Let me think."
    function = {"name": "look_up", "arguments": '{"word":"durable"}'}
    assert choice["message"]["tool_calls"] == [{"id": "call_1", "type": "function", "function": function}]
    assert (said["usage"]["prompt_tokens"], said["usage"]["completion_tokens"], said["usage"]["total_tokens"]) == (
        100,
        20,
        120,
    )
    assert said["usage"]["prompt_tokens_details"]["cached_tokens"] == 40


async def test_a_chat_completion_streams_the_same() -> None:
    async with Vendor(FULL) as vendor, Probe(vendor.url) as probe:
        heard = await probe.post(CHAT, {**STREAMED, "stream_options": {"include_usage": True}})
    assert heard.headers["content-type"].startswith("text/event-stream")
    assert heard.data[-1] == "[DONE]"
    *chunks, usage = heard.events
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta.get("content") or "" for delta in deltas) == "It lasts."
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Let me think."
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    assert (calls[0]["id"], calls[0]["function"]["name"]) == ("call_1", "look_up")
    assert "".join(call["function"]["arguments"] for call in calls) == '{"word":"durable"}'
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 120)
    assert all(chunk["usage"] is None for chunk in chunks)


async def test_a_stream_says_its_usage_only_if_asked() -> None:
    async with Vendor() as vendor, Probe(vendor.url) as probe:
        heard = await probe.post(CHAT, STREAMED)
    assert not any("usage" in event for event in heard.events)


async def test_a_text_is_cut_into_as_many_pieces_as_the_reply_says() -> None:
    async with Vendor(Reply("abcdefgh", chunks=3)) as vendor, Probe(vendor.url) as probe:
        heard = await probe.post(CHAT, STREAMED)
    said = [event["choices"][0]["delta"].get("content") for event in heard.events]
    assert [text for text in said if text] == ["ab", "cde", "fgh"]
    assert len(heard.chunks) == 1 + 3 + 1 + 1, "one HTTP chunk for each event"


async def test_responses_are_whole_and_streamed_alike() -> None:
    async with Vendor(FULL) as vendor, Probe(vendor.url) as probe:
        whole = (await probe.post(RESPONSES, {"model": "m1", "input": "hi"})).json
        events = (await probe.post(RESPONSES, {"model": "m1", "input": "hi", "stream": True})).events
    assert [item["type"] for item in whole["output"]] == ["reasoning", "message", "function_call"]
    assert (whole["status"], whole["usage"]["total_tokens"]) == ("completed", 120)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[0]["type"] == "response.created" and events[-1]["type"] == "response.completed"
    text = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    given = "".join(event["delta"] for event in events if event["type"] == "response.function_call_arguments.delta")
    assert (text, given) == ("It lasts.", '{"word":"durable"}')
    last = events[-1]["response"]
    assert [item["type"] for item in last["output"]] == ["reasoning", "message", "function_call"]
    assert last["usage"] == whole["usage"]


async def test_a_response_that_ran_out_of_tokens_is_incomplete() -> None:
    async with Vendor(Reply("It la", finish="length")) as vendor, Probe(vendor.url) as probe:
        whole = (await probe.post(RESPONSES, {"model": "m1", "input": "hi"})).json
        events = (await probe.post(RESPONSES, {"model": "m1", "input": "hi", "stream": True})).events
    assert (whole["status"], whole["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert events[-1]["type"] == "response.incomplete"


async def test_messages_are_whole_and_streamed_alike() -> None:
    async with Vendor(FULL) as vendor, Probe(vendor.url) as probe:
        whole = (await probe.post(MESSAGES, ASKED)).json
        heard = await probe.post(MESSAGES, STREAMED)
    assert [block["type"] for block in whole["content"]] == ["thinking", "text", "tool_use"]
    assert whole["content"][2]["input"] == {"word": "durable"}
    assert (whole["stop_reason"], whole["usage"]["input_tokens"], whole["usage"]["cache_read_input_tokens"]) == (
        "tool_use",
        60,
        40,
    )
    names = [line.removeprefix("event: ") for line in heard.body.decode().split("\n") if line.startswith("event: ")]
    assert names == [event["type"] for event in heard.events]
    assert names[0] == "message_start" and names[-2:] == ["message_delta", "message_stop"] and "ping" in names
    deltas = [event["delta"] for event in heard.events if event["type"] == "content_block_delta"]
    assert "".join(delta.get("text", "") for delta in deltas) == "It lasts."
    assert "".join(delta.get("partial_json", "") for delta in deltas) == '{"word":"durable"}'
    assert heard.events[-2]["usage"]["output_tokens"] == 20


async def test_embeddings_are_the_same_for_the_same_text() -> None:
    async with Vendor() as vendor, Probe(vendor.url) as probe:
        numbers = (await probe.post(EMBEDDINGS, {"model": "m1", "input": ["a", "b", "a"], "dimensions": 4})).json
        encoded = (
            await probe.post(EMBEDDINGS, {"model": "m1", "input": "a", "dimensions": 4, "encoding_format": "base64"})
        ).json
    first_a, b, second_a = (entry["embedding"] for entry in numbers["data"])
    assert first_a == second_a != b
    assert sum(value * value for value in b) == pytest.approx(1)
    assert struct.unpack("<4f", base64.b64decode(encoded["data"][0]["embedding"])) == pytest.approx(first_a)


async def test_models_are_listed_in_the_form_of_who_asks() -> None:
    async with Vendor(models={"m2", "m1"}) as vendor, Probe(vendor.url) as probe:
        openai = (await probe.get("/v1/models")).json
        anthropic = (await probe.get("/v1/models", {"anthropic-version": "2023-06-01"})).json
        one = (await probe.get("/v1/models/m1")).json
        none = await probe.get("/v1/models/m3")
    assert [model["id"] for model in openai["data"]] == [model["id"] for model in anthropic["data"]] == ["m1", "m2"]
    assert (one["id"], one["object"], anthropic["data"][0]["type"], none.status) == ("m1", "model", "model", 404)


# HTTP


async def test_requests_in_one_piece_in_many_and_in_chunks_are_the_same() -> None:
    body = b'{"model":"m1","messages":[{"role":"user","content":"hi"}]}'
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
    async with Vendor() as vendor, Probe(vendor.url) as probe:
        await probe.write(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for index in range(0, len(chunked), 9):
            await probe.write(chunked[index : index + 9])
        assert (await probe.hear()).status == 200
        assert (await probe.post(CHAT, body)).status == 200
    assert vendor.calls[0].body == vendor.calls[1].body
    assert vendor.calls[0].headers["host"] == "x"


async def test_requests_sent_at_once_are_answered_in_order() -> None:
    async with Vendor(late(0.01)) as vendor, Probe(vendor.url) as probe:
        for text in ("a", "b", "c"):
            await probe.send("POST", CHAT, {"model": "m1", "messages": [{"role": "user", "content": text}]})
        said = [(await probe.hear()).json["choices"][0]["message"]["content"] for _ in range(3)]
    assert said == ["a", "b", "c"]


async def test_a_caller_that_waits_to_go_on_is_told_to() -> None:
    async with Vendor() as vendor, Probe(vendor.url) as probe:
        await probe.write(f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 14\r\nexpect: 100-continue\r\n\r\n".encode())
        assert (await probe.hear()).status == 100
        await probe.write(b'{"model":"m1"}')
        assert (await probe.hear()).status == 200


async def test_a_connection_closes_when_the_caller_wishes() -> None:
    async with Vendor() as vendor, Probe(vendor.url) as probe:
        heard = await probe.post(CHAT, ASKED, {"connection": "close"})
        assert (heard.headers["connection"], heard.ended) == ("close", "whole")
        assert (await probe.hear()).ended == "closed"


@pytest.mark.parametrize(
    "garbage", [b"hello\r\n\r\n", b"GET / HTTP/2\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n"]
)
async def test_what_is_no_http_is_refused(garbage: bytes) -> None:
    async with Vendor() as vendor, Probe(vendor.url) as probe:
        await probe.write(garbage)
        assert (await probe.hear()).status == 400
        assert (await probe.hear()).ended == "closed"


async def test_unknown_paths_methods_and_bodies_are_refused_and_recorded() -> None:
    async with Vendor() as vendor, Probe(vendor.url) as probe:
        heard = [
            await probe.post("/v1/nothing", ASKED),
            await probe.get(CHAT),
            await probe.post(CHAT, b"{"),
            await probe.post(CHAT, b"[]"),
        ]
    assert [answer.status for answer in heard] == [404, 405, 400, 400] == [call.status for call in vendor.calls]
    assert all(answer.json["error"]["type"] == "invalid_request_error" for answer in heard)
    assert all(call.fault is not None and call.completed for call in vendor.calls)


# Records


async def test_every_call_is_recorded_with_what_became_of_it() -> None:
    async with Vendor() as vendor, Probe(vendor.url) as probe:
        await probe.post(CHAT, ASKED, {"authorization": "Bearer sk-1"})
        await probe.post(MESSAGES, STREAMED, {"x-api-key": "sk-2"})
    one, two = vendor.calls
    assert (one.number, one.path, one.model, one.streamed, one.key, one.status) == (0, CHAT, "m1", False, "sk-1", 200)
    assert (two.number, two.path, two.streamed, two.key, two.anthropic) == (1, MESSAGES, True, "sk-2", True)
    assert one.completed and two.completed and not one.cancelled_by_client and one.fault is None
    assert one.ended_monotonic is not None and one.at_monotonic <= one.ended_monotonic <= two.at_monotonic
    assert vendor.answered == 2


async def test_a_caller_that_hangs_up_before_the_answer_is_noticed() -> None:
    async with Vendor(NoAnswer()) as vendor, Probe(vendor.url) as probe:
        await probe.send("POST", CHAT, ASKED)
        await vendor.until(lambda: len(vendor.calls) == 1)
        probe.hang_up()
        await vendor.until(lambda: vendor.calls[0].cancelled_by_client)
    assert not vendor.calls[0].completed and vendor.calls[0].ended and vendor.cancelled == 1


async def test_a_caller_that_hangs_up_in_the_middle_of_a_stream_is_noticed() -> None:
    async with Vendor(Reply("a long answer", chunk_delay=0.01, chunks=1000)) as vendor, Probe(vendor.url) as probe:
        await probe.send("POST", CHAT, {**STREAMED, "messages": []})
        assert len((await probe.hear(chunks=3)).chunks) == 3
        probe.hang_up()
        await vendor.until(lambda: vendor.calls[0].cancelled_by_client)
    assert (vendor.calls[0].completed, vendor.calls[0].status) == (False, 200)


async def test_a_caller_that_does_not_read_has_not_got_its_answer() -> None:
    async with Vendor(Reply("x" * 20_000_000)) as vendor, Probe(vendor.url) as probe:
        await probe.send("POST", CHAT, ASKED)
        await vendor.until(lambda: bool(vendor.calls))
        assert not vendor.calls[0].ended
        probe.hang_up()
        await vendor.until(lambda: vendor.calls[0].ended)
        assert vendor.calls[0].cancelled_by_client and not vendor.calls[0].completed
        async with Probe(vendor.url) as patient:
            assert len((await patient.post(CHAT, ASKED)).body) > 20_000_000
        assert vendor.calls[1].completed


async def test_a_script_that_waits_ends_with_its_caller() -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def script(call: Call) -> Reply:
        asked.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()
        return Reply()

    async with Vendor(script) as vendor, Probe(vendor.url) as probe:
        await probe.send("POST", CHAT, ASKED)
        await asked.wait()
        probe.hang_up()
        await vendor.until(lambda: vendor.calls[0].cancelled_by_client)
        await asyncio.wait_for(ended.wait(), 5)


@pytest.mark.parametrize("waits", [False, True])
async def test_a_script_that_fails_is_answered_with_500_and_raised_at_the_end(waits: bool) -> None:
    def fails(call: Call) -> Reply:
        raise KeyError("oops")

    with pytest.raises(ExceptionGroup) as raised:
        async with Vendor(late(0.001, fails) if waits else fails) as vendor, Probe(vendor.url) as probe:
            assert (await probe.post(CHAT, ASKED)).status == 500
    assert isinstance(raised.value.exceptions[0], KeyError)


async def test_nothing_is_left_behind() -> None:
    async with Vendor(NoAnswer()) as vendor:
        probes = [await Probe(vendor.url).__aenter__() for _ in range(20)]
        for probe in probes:
            await probe.send("POST", CHAT, ASKED)
        await vendor.until(lambda: len(vendor.calls) == 20)
    assert vendor.connections == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert all(call.ended and not call.cancelled_by_client and not call.completed for call in vendor.calls)
    assert {(await probe.hear()).ended for probe in probes} <= {"closed", "reset"}
    for probe in probes:
        probe.hang_up()


async def test_a_vendor_goes_down_and_comes_back_on_its_port() -> None:
    async with Vendor() as vendor:
        port = vendor.port
        await vendor.close()
        with pytest.raises(ConnectionRefusedError):
            await Probe(vendor.url).__aenter__()
        await vendor.start()
        assert vendor.port == port
        async with Probe(vendor.url) as probe:
            assert (await probe.post(CHAT, ASKED)).status == 200


async def test_waiting_for_what_does_not_happen_ends() -> None:
    async with Vendor() as vendor:
        with pytest.raises(TimeoutError):
            await vendor.until(lambda: bool(vendor.calls), 0.01)


# Scripts


async def _statuses(vendor: Vendor, count: int) -> list[int]:
    async with vendor, Probe(vendor.url) as probe:
        return [(await probe.post(CHAT, ASKED)).status for _ in range(count)]


async def test_scripts_choose_by_count() -> None:
    assert await _statuses(Vendor(always(ServerError(503))), 3) == [503] * 3
    assert await _statuses(Vendor(first(2, RateLimited())), 4) == [429, 429, 200, 200]
    assert await _statuses(Vendor(sequence(ServerError(500), Reply(), RateLimited())), 4) == [500, 200, 429, 200]
    assert await _statuses(Vendor(first(1, RateLimited(), first(1, ServerError(529)))), 3) == [429, 529, 200]


async def test_scripts_choose_by_dice_that_a_seed_repeats() -> None:
    one = await _statuses(Vendor(percent(30, ServerError(500), seed=7)), 100)
    assert one == await _statuses(Vendor(percent(30, ServerError(500), seed=7)), 100)
    assert 10 < one.count(500) < 50
    assert await _statuses(Vendor(percent(100, ServerError(500))), 3) == [500] * 3


async def test_scripts_choose_by_the_clock() -> None:
    times = iter([100.0, 104.9, 105.0, 106.9, 107.0, 112.0])
    script = flapping(5, 2, clock=lambda: next(times))
    assert await _statuses(Vendor(script), 6) == [200, 200, 503, 503, 200, 503]


async def test_scripts_choose_by_model() -> None:
    async with Vendor(by_model({"bad": ServerError(500), "good": Reply("ok")})) as vendor, Probe(vendor.url) as probe:
        bad = await probe.post(CHAT, {**ASKED, "model": "bad"})
        good = await probe.post(CHAT, {**ASKED, "model": "good"})
        other = await probe.post(CHAT, ASKED)
    assert (bad.status, good.json["choices"][0]["message"]["content"], other.status) == (500, "ok", 200)


async def test_faults_have_names() -> None:
    assert fault("cut:3,how=close") == Cut(3, how="close")
    assert fault("rate-limited:0.5,date") == RateLimited(0.5, "date")
    assert fault("reset") == Reset()
    for wrong in ("nothing", "cut:x", "cut:1,how=softly", "cut:reply=1", "reset:1"):
        with pytest.raises(ValueError):
            fault(wrong)


# A process of its own, and the fast way


async def test_a_vendor_runs_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "holdfast.testing.models", "--fault", "server-error:503", "--delay", "1"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    try:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
        async with Probe(url) as probe:
            assert (await probe.post(CHAT, ASKED)).status == 503
    finally:
        process.send_signal(signal.SIGTERM)
        _, told = await process.communicate()
    assert (process.returncode, told.decode().strip()) == (0, "1 answered, 0 cancelled by the caller")


async def test_a_lean_vendor_answers_plain_requests_without_reading_them() -> None:
    async with Vendor(record=False) as vendor, Probe(vendor.url) as probe:
        whole = await probe.post(CHAT, ASKED)
        stream = await probe.post(CHAT, STREAMED)
        other = await probe.post(RESPONSES, {"model": "m1", "input": "hi"})
        last = await probe.post(CHAT, ASKED, {"connection": "close"})
        closed = await probe.hear()
    assert whole.json["usage"]["total_tokens"] == 60
    assert (whole.ended, stream.data[-1], other.json["output"][0]["content"][0]["text"]) == ("whole", "[DONE]", "hi")
    assert last.json["choices"][0]["message"]["content"] == "What is durable?", "not plain, so it went the ordinary way"
    assert (closed.ended, vendor.answered, vendor.calls) == ("closed", 4, [])
