"""Answers as vendors and the servers that copy them really give them, whole and in pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from holdfast.domain.conversation import (
    Answer,
    Assembly,
    Ended,
    Event,
    Part,
    PartBegan,
    PartGrew,
    Prompt,
    Said,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from holdfast.models.dialects import DIALECTS
from holdfast.models.dialects.dialect import Malformed, ModelProblem, StreamError, Truncated
from holdfast.models.sse import Parser

CHAT, RESPONSES, ANTHROPIC, GEMINI = (DIALECTS[name] for name in ("openai-chat", "openai-responses", "anthropic", "gemini"))
Piece = dict[str, Any] | str


def streamed(name: str, *pieces: Piece, close: bool = False) -> Answer:
    """The answer of a stream; ``close`` says that nothing marks its end."""
    reader, assembly = DIALECTS[name].reader(), Assembly()
    events: list[Event] = []
    for piece in pieces:
        assert not reader.done
        text = piece if isinstance(piece, str) else msgspec.json.encode(piece).decode()
        events += reader.feed("" if isinstance(piece, str) else str(piece.get("type", "")), text)
    assert reader.done is not close
    for event in events + reader.close():
        assembly.add(event)
    return assembly.answer()


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": "x", "model": "m", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def call(index: int | None, arguments: str, id: str | None = None, name: str | None = None) -> dict[str, Any]:
    return delta(tool_calls=[{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}])


# -- chat completions -------------------------------------------------------------------------------------------


def test_chat_calls_grow_side_by_side_and_usage_comes_last() -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    answer = streamed(
        "openai-chat",
        {"id": "", "model": "", "choices": [], "prompt_filter_results": []},  # Azure
        delta(role="assistant", content=""),
        delta(content="Let "),
        delta(content="me"),
        call(0, "", "a", "f"),
        call(1, "", "b", "g"),
        call(0, '{"x"'),
        call(1, "{}"),
        call(0, ":1}"),
        delta("tool_calls"),
        {"id": "x", "model": "m", "choices": [], "usage": usage},
        "[DONE]",
    )
    parts: list[Part] = [Text("Let me"), ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{}")]
    assert answer == Answer(parts, "tool_calls", Usage(9, 5, 3, 2, 4), "m", "x")


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_chat_reasoning_of_open_models(field: str) -> None:
    answer = streamed(
        "openai-chat", delta(**{field: "h"}), delta(**{field: "m"}), delta(content="So."), delta("stop"), "[DONE]"
    )
    assert answer.parts == [Thinking("hm"), Text("So.")]
    whole = {"choices": [{"message": {"content": "So.", field: "hm"}, "finish_reason": "stop"}]}
    assert CHAT.read_answer(whole).parts == answer.parts


def test_chat_reasoning_of_mistral() -> None:
    content = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "So."}]
    assert streamed("openai-chat", delta("stop", content=content), "[DONE]").parts == [Thinking("hm"), Text("So.")]


def test_chat_calls_of_servers_that_do_not_number_them() -> None:
    each = [
        [call(None, "{}", "a", "f"), call(None, '{"x":1}', "b", "f")],
        [call(0, "{}", "a", "f"), call(0, '{"x":1}', "b", "f")],
        [call(0, "{}", "a", "f"), call(1, "", "b", "f"), call(1, '{"x":1}', "b", "f")],
        [call(None, "", "a", "f"), call(None, "{}"), call(None, "", "b", "f"), call(None, '{"x":1}')],
    ]
    for pieces in each:
        answer = streamed("openai-chat", *pieces, delta("stop"), "[DONE]")
        assert answer.parts == [ToolCall("a", "f", "{}"), ToolCall("b", "f", '{"x":1}')]
        assert answer.finish == "tool_calls", "not every server says so"


def test_chat_calls_without_ids_get_some_that_stay_the_same() -> None:
    pieces = [call(0, "{}", None, "f"), call(1, "{}", None, "f"), delta("tool_calls"), "[DONE]"]
    ids = [part.id for part in streamed("openai-chat", *pieces).calls]
    assert len(set(ids)) == 2
    assert ids == [part.id for part in streamed("openai-chat", *pieces).calls]


def test_chat_arguments_that_are_an_object_become_text() -> None:
    message = {"content": None, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}]}
    answer = CHAT.read_answer({"choices": [{"message": message, "finish_reason": "tool_calls"}]})
    assert answer.calls == [ToolCall("a", "f", '{"x":1}')]


def test_chat_words_after_a_call_are_a_part_of_their_own() -> None:
    answer = streamed(
        "openai-chat", delta(content="a"), call(0, "{}", "c", "f"), delta(content="b"), delta("stop"), "[DONE]"
    )
    assert answer.parts == [Text("a"), ToolCall("c", "f", "{}"), Text("b")]


def test_chat_refusal() -> None:
    answer = streamed("openai-chat", delta(refusal="I "), delta(refusal="won't"), delta("stop"), "[DONE]")
    assert (answer.text, answer.finish) == ("I won't", "refusal")
    message = {"role": "assistant", "content": None, "refusal": "I won't"}
    whole = CHAT.read_answer({"choices": [{"message": message, "finish_reason": "stop"}]})
    assert (whole.text, whole.finish) == ("I won't", "refusal")


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("content_filter", "content_filter"),
        ("function_call", "tool_calls"),
        ("whatever", "other"),
    ],
)
def test_chat_finish_reasons(reason: str, finish: str) -> None:
    assert streamed("openai-chat", delta(content="a"), delta(reason), "[DONE]").finish == finish


def test_chat_without_its_end_mark_is_whole_if_it_said_why_it_ended() -> None:
    usage: dict[str, Any] = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
    answer = streamed("openai-chat", delta(content="a"), delta("stop"), usage, close=True)
    assert (answer.text, answer.finish, answer.usage) == ("a", "stop", Usage(3, 2))
    reader = CHAT.reader()
    reader.feed("", msgspec.json.encode(delta(content="a")).decode())
    assert not reader.finished
    with pytest.raises(Truncated):
        reader.close()


def test_chat_with_its_end_mark_but_no_reason_is_whole_unless_it_is_empty() -> None:
    assert streamed("openai-chat", delta(content="a"), "[DONE]").finish == "stop"
    with pytest.raises(Truncated):
        streamed("openai-chat", delta(role="assistant", content=""), "[DONE]")


def test_deepseek_counts_the_cache_in_a_field_of_its_own() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5}
    assert CHAT.read_usage({"usage": usage}) == Usage(9, 5, 4)


# -- responses --------------------------------------------------------------------------------------------------


def response(status: str, **fields: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"id": "r", "model": "m", "status": status, "output": [], **fields}
    return {"type": f"response.{status}", "response": whole}


def item(what: str, number: int, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.output_item.{what}", "output_index": number, "item": fields}


def test_responses_items_of_every_kind() -> None:
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 1},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 4},
    }
    text = {"output_index": 2, "content_index": 0}
    answer = streamed(
        "openai-responses",
        response("in_progress"),
        item("added", 0, type="reasoning", id="rs_1", summary=[]),
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "One."},
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 1, "delta": "Two."},
        item("done", 0, type="reasoning", id="rs_1", summary=[], encrypted_content="gAAA"),
        item("added", 1, type="web_search_call", id="ws_1"),
        item("done", 1, type="web_search_call", id="ws_1"),
        item("added", 2, type="message", id="msg_1", content=[]),
        {"type": "response.content_part.added", **text, "part": {"type": "output_text", "text": ""}},
        {"type": "response.output_text.delta", **text, "delta": "Hel", "obfuscation": "xx"},
        {"type": "response.output_text.delta", **text, "delta": "lo"},
        item("done", 2, type="message", id="msg_1", content=[{"type": "output_text", "text": "Hello"}]),
        item("added", 3, type="function_call", id="fc_1", call_id="call_1", name="f", arguments=""),
        {"type": "response.function_call_arguments.delta", "output_index": 3, "delta": '{"x":1}'},
        {"type": "response.function_call_arguments.done", "output_index": 3, "arguments": '{"x":1}'},
        item("done", 3, type="function_call", id="fc_1", call_id="call_1", name="f", arguments='{"x":1}'),
        response("completed", usage=usage),
    )
    thought = Thinking("One.\n\nTwo.", "rs_1:gAAA", vendor="openai-responses")
    parts: list[Part] = [thought, Text("Hello"), ToolCall("call_1", "f", '{"x":1}')]
    assert answer == Answer(parts, "tool_calls", Usage(9, 5, 3, 1, 4), "m", "r")


def test_responses_of_servers_that_say_things_only_once() -> None:
    answer = streamed(
        "openai-responses",
        item("added", 0, type="function_call", call_id="a", name="f"),
        {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"x":1}'},
        item("done", 1, type="function_call", call_id="b", name="g", arguments="{}"),
        item("done", 2, type="message", content=[{"type": "output_text", "text": "Hello"}]),
        "[DONE]",
        response("completed"),
    )
    assert answer.parts == [ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{}"), Text("Hello")]


def test_responses_open_models_give_reasoning_in_the_clear() -> None:
    answer = streamed(
        "openai-responses",
        item("added", 0, type="reasoning", id="rs_1"),
        {"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "hm"},
        item("done", 0, type="reasoning", id="rs_1"),
        response("completed"),
    )
    assert answer.parts == [Thinking("hm", "rs_1:", vendor="openai-responses")]


def test_responses_that_are_refused_or_cut_short() -> None:
    place = {"output_index": 0, "content_index": 0}
    refusal = {"type": "response.refusal.delta", **place, "delta": "No."}
    answer = streamed("openai-responses", refusal, response("completed"))
    assert (answer.text, answer.finish) == ("No.", "refusal")
    text = {"type": "response.output_text.delta", **place, "delta": "I was"}
    for reason, finish in (("max_output_tokens", "length"), ("content_filter", "content_filter"), (None, "other")):
        answer = streamed("openai-responses", text, response("incomplete", incomplete_details={"reason": reason}))
        assert (answer.text, answer.finish) == ("I was", finish)


def test_responses_that_failed() -> None:
    failed = response("failed", error={"code": "rate_limit_exceeded", "message": "slow"})
    with pytest.raises(StreamError) as in_stream:
        streamed("openai-responses", failed)
    with pytest.raises(ModelProblem) as whole:
        RESPONSES.read_answer(failed["response"])
    assert in_stream.value.kind == whole.value.kind == "rate_limited"


# -- messages ---------------------------------------------------------------------------------------------------

START: dict[str, Any] = {
    "type": "message_start",
    "message": {
        "id": "x",
        "model": "m",
        "role": "assistant",
        "content": [],
        "usage": {"input_tokens": 9, "output_tokens": 1},
    },
}
STOP: dict[str, Any] = {"type": "message_stop"}


def began(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def grew(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": f"{kind}_delta", **fields}}


def ended(reason: str, **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}


def test_messages_blocks_of_every_kind() -> None:
    answer = streamed(
        "anthropic",
        START,
        began(0, type="thinking", thinking="", signature=""),
        {"type": "ping"},
        grew(0, "thinking", thinking="hm"),
        grew(0, "signature", signature="sig=="),
        {"type": "content_block_stop", "index": 0},
        began(1, type="redacted_thinking", data="secret"),
        {"type": "content_block_stop", "index": 1},
        began(2, type="server_tool_use", id="s", name="web_search", input={}),
        grew(2, "input_json", partial_json='{"query":'),
        {"type": "content_block_stop", "index": 2},
        began(3, type="text", text=""),
        grew(3, "text", text="So."),
        grew(3, "citations", citation={}),
        {"type": "content_block_stop", "index": 3},
        began(4, type="tool_use", id="a", name="f", input={}),
        grew(4, "input_json", partial_json=""),
        grew(4, "input_json", partial_json='{"x": 1}'),
        {"type": "content_block_stop", "index": 4},
        began(5, type="tool_use", id="b", name="g", input={}),
        {"type": "content_block_stop", "index": 5},
        {"type": "something_new"},
        ended("tool_use", output_tokens=7, cache_read_input_tokens=3, cache_creation_input_tokens=2),
        STOP,
    )
    parts: list[Part] = [
        Thinking("hm", "sig==", vendor="anthropic"),
        Thinking(redacted="secret", vendor="anthropic"),
        Text("So."),
        ToolCall("a", "f", '{"x": 1}'),
        ToolCall("b", "g", "{}"),
    ]
    assert answer == Answer(parts, "tool_calls", Usage(14, 7, 3, 2), "m", "x")


def test_messages_of_servers_that_give_a_calls_input_at_once() -> None:
    block = began(0, type="tool_use", id="a", name="f", input={"x": 1})
    answer = streamed("anthropic", START, block, {"type": "content_block_stop", "index": 0}, ended("tool_use"), STOP)
    assert answer.calls == [ToolCall("a", "f", '{"x":1}')]


def test_messages_without_their_end_mark() -> None:
    text = [began(0, type="text", text=""), grew(0, "text", text="a")]
    assert streamed("anthropic", START, *text, ended("end_turn", output_tokens=2), close=True).usage == Usage(9, 2)
    with pytest.raises(Truncated):
        streamed("anthropic", START, *text, close=True)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refusal"),
        ("pause_turn", "other"),
    ],
)
def test_messages_stop_reasons(reason: str, finish: str) -> None:
    assert streamed("anthropic", START, ended(reason), STOP).finish == finish


# -- gemini -----------------------------------------------------------------------------------------------------


def generated(*parts: Any, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0, "finishReason": finish}
    return {"candidates": [candidate], "modelVersion": "m", "responseId": "r", **fields}


GEMINI_USAGE = {
    "promptTokenCount": 9,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 7,
    "totalTokenCount": 21,
}


def test_gemini_in_pieces_and_whole() -> None:
    pieces: list[list[dict[str, Any]]] = [
        [{"text": "h", "thought": True}],
        [{"text": "m", "thought": True}],
        [{"text": "So"}],
        [{"text": "."}],
        [{"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "c2ln"}],
        [{"functionCall": {"name": "f", "args": {}, "id": "given"}}],
    ]
    streaming = [generated(*piece) for piece in pieces]
    streaming.append(generated(finish="STOP", usageMetadata=GEMINI_USAGE))
    answer = streamed("gemini", *streaming, close=True)
    id = answer.calls[0].id
    assert id.startswith("call_")
    assert answer.parts == [
        Thinking("hm", vendor="gemini"),
        Text("So."),
        Thinking("", "c2ln", vendor="gemini"),
        ToolCall(id, "f", '{"x":1}'),
        ToolCall("given", "f", "{}"),
    ]
    assert (answer.finish, answer.usage, answer.model, answer.id) == ("tool_calls", Usage(9, 12, 4, 0, 7), "m", "r")
    whole = generated(*(part for piece in pieces for part in piece), finish="STOP", usageMetadata=GEMINI_USAGE)
    assert GEMINI.read_answer(whole) == answer, "ids, too, are the same each time"
    assert GEMINI.read_usage(whole) == answer.usage


def test_gemini_signatures_go_back_to_where_they_stood() -> None:
    parts: list[dict[str, Any]] = [
        {"text": "a", "thoughtSignature": "czE="},
        {"functionCall": {"name": "f", "args": {}, "id": "c1"}, "thoughtSignature": "czI="},
        {"functionCall": {"name": "g", "args": {}, "id": "c2"}},
        {"text": "", "thoughtSignature": "czM="},
    ]
    answer = GEMINI.read_answer(generated(*parts, finish="STOP"))
    prompt = Prompt("m", [Said("user", [Text("?")]), Said("assistant", answer.parts)])
    assert GEMINI.write_prompt(prompt, "gemini-3.5-pro", stream=False)["contents"][1]["parts"] == parts


def test_gemini_signature_at_the_end_of_streamed_words() -> None:
    answer = streamed(
        "gemini", generated({"text": "a"}), generated({"text": "b", "thoughtSignature": "s"}, finish="STOP"), close=True
    )
    assert answer.parts == [Text("ab"), Thinking("", "s", vendor="gemini")]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("MALFORMED_FUNCTION_CALL", "other")],
)
def test_gemini_finish_reasons(reason: str, finish: str) -> None:
    assert GEMINI.read_answer(generated({"text": "a"}, finish=reason)).finish == finish


def test_gemini_blocks_a_prompt() -> None:
    assert GEMINI.read_answer({"promptFeedback": {"blockReason": "SAFETY"}}).finish == "content_filter"
    assert streamed("gemini", {"promptFeedback": {"blockReason": "OTHER"}}, close=True).parts == []


# -- what is no answer ------------------------------------------------------------------------------------------

HTML = "<html><head><title>502 Bad Gateway</title></head></html>"
NO_ANSWERS: list[Any] = [None, "", HTML, [], 7, {}, {"message": "hi"}]


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("body", NO_ANSWERS, ids=lambda body: str(body)[:20])
def test_what_is_no_answer_is_malformed(name: str, body: Any) -> None:
    with pytest.raises(Malformed):
        DIALECTS[name].read_answer(body)


HALF_ANSWERS: list[tuple[str, Any]] = [
    ("openai-chat", {"choices": []}),
    ("openai-chat", {"choices": [{"finish_reason": "stop"}]}),
    ("openai-chat", {"choices": [{"message": {"content": 7}}]}),
    ("openai-chat", {"choices": [{"message": {"tool_calls": [{"id": "a"}]}}]}),
    ("openai-responses", {"status": "completed"}),
    ("openai-responses", {"status": "queued", "output": []}),
    ("openai-responses", {"status": "completed", "output": [{"type": "function_call", "name": "f"}]}),
    ("anthropic", {"content": "hi", "stop_reason": "end_turn"}),
    ("anthropic", {"content": [{"type": "text"}], "stop_reason": "end_turn"}),
    ("anthropic", {"content": []}),
    ("gemini", {"candidates": [{"content": {"parts": [{"text": "a"}]}}]}),
    ("gemini", {"candidates": [{"content": {"parts": [{"functionCall": {}}]}, "finishReason": "STOP"}]}),
]


@pytest.mark.parametrize(("name", "body"), HALF_ANSWERS)
def test_an_answer_of_which_something_is_missing_is_malformed(name: str, body: Any) -> None:
    with pytest.raises(Malformed):
        DIALECTS[name].read_answer(body)


@pytest.mark.parametrize(
    ("name", "piece"),
    [
        *(
            (name, data)
            for name in DIALECTS
            for data in ("{", HTML, "7", "null", '{"choices": 3, "type": 4, "candidates": 5}')
        ),
        ("openai-chat", '{"object": "thing"}'),
        ("openai-chat", '{"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]}'),
        ("openai-responses", '{"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{"}'),
        ("openai-responses", '{"type": "response.output_text.delta", "output_index": 0}'),
        ("anthropic", '{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}'),
        ("anthropic", '{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}}'),
        ("anthropic", '{"type": "content_block_start", "index": 0}'),
        ("anthropic", '{"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use"}}'),
        ("gemini", "{}"),
    ],
)
def test_a_piece_that_is_no_piece_is_malformed(name: str, piece: str) -> None:
    with pytest.raises(Malformed):
        DIALECTS[name].reader().feed("", piece)


@pytest.mark.parametrize(
    ("name", "event", "data", "kind"),
    [
        (
            "openai-chat",
            "",
            '{"error": {"message": "slow", "type": "requests", "code": "rate_limit_exceeded"}}',
            "rate_limited",
        ),
        ("openai-chat", "error", '{"code": 500, "message": "oh", "type": "server_error"}', "server_error"),
        ("openai-chat", "", '{"error": {"code": 502, "message": "gone"}, "choices": []}', "server_error"),
        ("openai-chat", "", '{"choices": [{"delta": {}, "finish_reason": "error"}]}', "server_error"),
        ("openai-responses", "error", '{"type": "error", "code": "server_error", "message": "oh"}', "server_error"),
        ("openai-responses", "", '{"type": "error", "code": "rate_limit_exceeded", "message": "slow"}', "rate_limited"),
        (
            "anthropic",
            "error",
            '{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}',
            "overloaded",
        ),
        ("anthropic", "", '{"type": "error", "error": {"type": "api_error", "message": "oh"}}', "server_error"),
        ("gemini", "", '{"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}', "overloaded"),
    ],
)
def test_an_error_in_a_stream(name: str, event: str, data: str, kind: str) -> None:
    with pytest.raises(StreamError) as raised:
        DIALECTS[name].reader().feed(event, data)
    assert raised.value.kind == kind


@pytest.mark.parametrize("name", ["openai-chat", "openai-responses", "anthropic"])
def test_what_comes_after_the_end_is_ignored(name: str) -> None:
    dialect = DIALECTS[name]
    writer, reader = dialect.writer("m", id="x", created=1), dialect.reader()
    for event, data in Parser().feed(writer.write(Ended("stop", Usage()))):
        reader.feed(event, data)
    assert reader.done
    assert reader.feed("", "whatever") == reader.close() == []


# -- writing ----------------------------------------------------------------------------------------------------

Grow = Callable[[int, str], PartGrew]


@pytest.mark.parametrize("name", ["openai-chat", "openai-responses", "anthropic"])
def test_parts_that_grow_late_lose_nothing(name: str) -> None:
    """Other vendors' calls may grow side by side."""
    events: list[Event] = [
        PartBegan(0, Text("")),
        PartGrew(0, "a"),
        PartBegan(1, ToolCall("c1", "f", "")),
        PartBegan(2, ToolCall("c2", "g", "")),
        PartGrew(1, '{"x"'),
        PartGrew(2, "{}"),
        PartGrew(1, ":1}"),
        PartGrew(0, "b"),
        Ended("tool_calls", Usage(1, 1)),
    ]
    dialect = DIALECTS[name]
    writer, reader, assembly = dialect.writer("m", id="x", created=1), dialect.reader(), Assembly()
    for event, data in Parser().feed(b"".join(map(writer.write, events))):
        for told in reader.feed(event, data):
            assembly.add(told)
    answer = assembly.answer()
    assert answer.text == "ab"
    assert answer.calls == [ToolCall("c1", "f", '{"x":1}'), ToolCall("c2", "g", "{}")]


@pytest.mark.parametrize("name", ["openai-chat", "openai-responses", "anthropic"])
def test_a_part_that_begins_with_words_is_written_with_them(name: str) -> None:
    events: list[Event] = [
        PartBegan(0, Thinking("h")),
        PartGrew(0, "m"),
        PartBegan(1, Text("a")),
        PartGrew(1, "b"),
        PartBegan(2, ToolCall("c", "f", '{"x"')),
        PartGrew(2, ":1}"),
        Ended("tool_calls", Usage()),
    ]
    dialect = DIALECTS[name]
    writer, reader, assembly = dialect.writer("m", id="x", created=1), dialect.reader(), Assembly()
    for event, data in Parser().feed(b"".join(map(writer.write, events))):
        for told in reader.feed(event, data):
            assembly.add(told)
    answer = assembly.answer()
    assert (answer.text, answer.calls) == ("ab", [ToolCall("c", "f", '{"x":1}')])
    assert [part.text for part in answer.parts if isinstance(part, Thinking)] == ["hm"]
