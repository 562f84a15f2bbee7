"""What a vendor is not told is said; what is not said to be lost has reached the vendor."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from holdfast.domain.conversation import Media, Part, Prompt, Said, Settings, Text, Thinking, ToolCall, ToolResult, ToolSpec
from holdfast.models.dialects import DIALECTS
from holdfast.models.dialects.lost import Lost

CLIENTS = ("openai-chat", "openai-responses", "anthropic")
TARGETS = {
    "openai-chat": "gpt-4o",
    "openai-responses": "gpt-4o",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-3.5-pro",
}
PIXEL = base64.b64encode(b"\x89PNG shown").decode()
RESULT_PIXEL = base64.b64encode(b"\x89PNG from a tool").decode()
TOOL = {"type": "object", "properties": {"city": {"type": "string"}}}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}

BODIES: dict[str, dict[str, Any]] = {
    "openai-chat": {
        "model": "smart",
        "messages": [
            {"role": "system", "content": "word-system"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "word-user"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                ],
            },
            {
                "role": "assistant",
                "content": "word-assistant",
                "reasoning_content": "word-thought",
                "tool_calls": [
                    {"id": "call_one", "type": "function", "function": {"name": "look", "arguments": '{"city":"Bergen"}'}},
                    {"id": "call_two", "type": "function", "function": {"name": "look", "arguments": '{"city":"Oslo"}'}},
                ],
            },
            {"role": "tool", "tool_call_id": "call_one", "content": "word-result"},
            {"role": "tool", "tool_call_id": "call_two", "content": "word-other"},
        ],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": TOOL, "strict": True}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": OPEN, "strict": True}},
        "parallel_tool_calls": False,
        "seed": 918273,
        "stop": ["word-stop"],
        "temperature": 0.375,
        "user": "word-person",
        "logit_bias": {"50256": -100},
        "store": False,
        "web_search_options": {"search_context_size": "low"},
    },
    "openai-responses": {
        "model": "smart",
        "instructions": "word-system",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "word-user"},
                    {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"},
                ],
            },
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "word-thought"}],
                "encrypted_content": "gAAA",
            },
            {"role": "assistant", "content": "word-assistant"},
            {"type": "function_call", "call_id": "call_one", "name": "look", "arguments": '{"city":"Bergen"}'},
            {"type": "function_call", "call_id": "call_two", "name": "look", "arguments": '{"city":"Oslo"}'},
            {
                "type": "function_call_output",
                "call_id": "call_one",
                "output": [
                    {"type": "input_text", "text": "word-result"},
                    {"type": "input_image", "image_url": f"data:image/png;base64,{RESULT_PIXEL}"},
                ],
            },
            {"type": "function_call_output", "call_id": "call_two", "output": "word-other"},
        ],
        "tools": [{"type": "function", "name": "look", "parameters": TOOL, "strict": True}, {"type": "web_search"}],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": OPEN, "strict": True}, "verbosity": "low"},
        "parallel_tool_calls": False,
        "temperature": 0.375,
        "user": "word-person",
        "reasoning": {"summary": "auto"},
        "service_tier": "flex",
        "include": [],
    },
    "anthropic": {
        "model": "smart",
        "max_tokens": 4000,
        "system": "word-system",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "word-user"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "word-thought", "signature": "sig"},
                    {"type": "text", "text": "word-assistant"},
                    {"type": "tool_use", "id": "call_one", "name": "look", "input": {"city": "Bergen"}},
                    {"type": "tool_use", "id": "call_two", "name": "look", "input": {"city": "Oslo"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "call_one",
                        "is_error": True,
                        "content": [
                            {"type": "text", "text": "word-result"},
                            {
                                "type": "image",
                                "source": {"type": "base64", "media_type": "image/png", "data": RESULT_PIXEL},
                            },
                        ],
                    },
                    {"type": "tool_result", "tool_use_id": "call_two", "content": "word-other"},
                ],
            },
        ],
        "tools": [
            {"name": "look", "input_schema": TOOL, "strict": True},
            {"type": "web_search_20250305", "name": "web_search"},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "output_config": {"format": {"type": "json_schema", "schema": OPEN}},
        "stop_sequences": ["word-stop"],
        "temperature": 0.375,
        "metadata": {"user_id": "word-person"},
        "top_k": 5,
    },
}
OF_CHAT = {"logit_bias", "web_search_options"}
OF_RESPONSES = {"tools.web_search", "text.verbosity", "reasoning.summary", "service_tier"}
OF_ANTHROPIC = {"tools.web_search_20250305", "top_k"}
OF_GEMINI = {"tools.strict", "parallel_tools", "user"}
LOST: dict[tuple[str, str], set[str]] = {
    ("openai-chat", "openai-chat"): {"thinking"},
    ("openai-chat", "openai-responses"): OF_CHAT | {"thinking", "seed", "stop", "schema.strict"},
    ("openai-chat", "anthropic"): OF_CHAT | {"thinking", "seed"},
    ("openai-chat", "gemini"): OF_CHAT | OF_GEMINI | {"thinking"},
    ("openai-responses", "openai-chat"): OF_RESPONSES | {"thinking", "schema.strict"},
    ("openai-responses", "openai-responses"): set(),
    ("openai-responses", "anthropic"): OF_RESPONSES | {"thinking"},
    ("openai-responses", "gemini"): OF_RESPONSES | OF_GEMINI | {"thinking"},
    ("anthropic", "openai-chat"): OF_ANTHROPIC | {"thinking", "tool_result.error"},
    ("anthropic", "openai-responses"): OF_ANTHROPIC | {"thinking", "tool_result.error", "stop"},
    ("anthropic", "anthropic"): set(),
    ("anthropic", "gemini"): OF_ANTHROPIC | OF_GEMINI | {"thinking"},
}
WORDS = {  # what reaches a vendor unless it is said to be lost, and how it looks on the wire
    "": ("word-system", "word-user", "word-assistant", "word-result", "word-other", "Bergen", "Oslo", PIXEL, "look"),
    "thinking": ("word-thought",),
    "seed": ("918273",),
    "stop": ("word-stop",),
    "temperature": ("0.375",),
    "user": ("word-person",),
}


def converted(asked: Prompt, target: str, model: str = "") -> tuple[str, list[str]]:
    lost = Lost()
    body = DIALECTS[target].write_prompt(asked, model or TARGETS[target], stream=False, lost=lost)
    return msgspec.json.encode(body).decode(), lost.told()


@pytest.mark.parametrize(("client", "target"), list(LOST), ids=[f"{c} to {t}" for c, t in LOST])
def test_every_pair_of_dialects_says_what_is_lost_and_carries_the_rest(client: str, target: str) -> None:
    body = BODIES[client]
    text, lost = converted(DIALECTS[client].read_prompt(body), target)
    assert set(lost) == LOST[client, target]
    asked = msgspec.json.encode(body).decode()
    for name, words in WORDS.items():
        for word in words:
            if word in asked and name not in lost:
                assert word in text, f"{word} is neither carried nor said to be lost"
    assert RESULT_PIXEL not in asked or RESULT_PIXEL in text
    for id in ('"call_one"', '"call_two"'):
        assert text.count(id) == asked.count(id)


def test_the_table_is_of_every_pair() -> None:
    assert set(LOST) == {(client, target) for client in CLIENTS for target in TARGETS}
    assert set(DIALECTS) == {*TARGETS, "openai-embeddings"}


@pytest.mark.parametrize("target", list(TARGETS))
@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("seed", 918273, "918273"),
        ("stop", ["word-stop"], "word-stop"),
        ("temperature", 0.375, "0.375"),
        ("top_p", 0.625, "0.625"),
        ("user", "word-person", "word-person"),
        ("max_tokens", 4321, "4321"),
        ("effort", "high", "hink|effort"),
    ],
)
@pytest.mark.parametrize("model", ["", "o3", "claude-opus-4-8", "claude-haiku-3-5", "gemini-2.0-flash", "gemini-1.5-pro"])
def test_a_setting_reaches_a_model_or_is_said_to_be_lost(target: str, field: str, value: Any, word: str, model: str) -> None:
    """Of every generation: some models refuse what others take."""
    prompt = Prompt("m", [Said("user", [Text("hi")])], settings=Settings(**{field: value}))
    text, lost = converted(prompt, target, model)
    assert any(w in text for w in word.split("|")) != (field in lost), (text, lost)
    assert set(lost) <= {field}


@pytest.mark.parametrize("target", list(TARGETS))
def test_parts_without_words_at_the_vendor_are_told(target: str) -> None:
    said: list[Said] = [
        Said("user", [Text("hi")]),
        Said("system", [Text("late")]),
        Said(
            "assistant", [Thinking("hm", vendor="another", signature="x"), Text("look"), Media("image/png", data=b"\x89PNG")]
        ),
        Said("assistant", [ToolCall("c1", "look", "[no object")]),
        Said("user", [ToolResult("c1", [Text("no")], error=True)]),
    ]
    _, lost = converted(Prompt("m", said, [ToolSpec("look")]), target)
    expected = {
        "openai-chat": {"thinking", "assistant.media", "tool_result.error"},
        "openai-responses": {"thinking", "assistant.media", "tool_result.error"},
        "anthropic": {"thinking", "assistant.media", "system.order", "tool_call.arguments"},
        "gemini": {"thinking", "system.order", "tool_call.arguments"},
    }
    assert set(lost) == expected[target]


def test_reasoning_that_goes_back_is_not_lost() -> None:
    for target, signature in (("anthropic", "sig"), ("openai-responses", "rs_1:gAAA"), ("gemini", "sig")):
        parts: list[Part] = [Thinking("hm", signature, vendor=target), Text("so"), ToolCall("c", "look")]
        said = [Said("user", [Text("hi")]), Said("assistant", parts), Said("user", [ToolResult("c", [Text("x")])])]
        text, lost = converted(Prompt("m", said, [ToolSpec("look")]), target)
        assert lost == []
        assert "sig" in text or "gAAA" in text
    said = [Said("user", [Text("hi")]), Said("assistant", [Thinking("hm"), ToolCall("c", "look")])]
    text, lost = converted(Prompt("m", [*said, Said("user", [ToolResult("c", [])])]), "openai-chat", "deepseek-reasoner")
    assert "hm" in text and lost == []


def test_a_strict_schema_is_kept_where_the_vendor_can() -> None:
    closed = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": closed, "strict": True}},
    }
    text, lost = converted(DIALECTS["openai-chat"].read_prompt(body), "openai-responses")
    assert '"strict":true' in text and lost == []


def test_names_of_a_clients_own_making_fit_into_a_header() -> None:
    lost = Lost()
    lost.say_fields({"a\r\nset-cookie: x": 1, "ö" * 100: 2, **{f"x{n}": 1 for n in range(100)}})
    told = lost.told()
    assert told[0] == "a??set-cookie??x" and len(told) == 24
    assert all(name.isascii() and name.isprintable() and len(name) <= 48 for name in told)
