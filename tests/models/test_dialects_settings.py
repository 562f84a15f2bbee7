"""How a model shall answer, and what only one vendor knows: read from one dialect, written in another."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.domain.conversation import (
    Answer,
    Assembly,
    Part,
    Prompt,
    Said,
    Settings,
    Text,
    Thinking,
    ToolCall,
    events_of,
)
from holdfast.domain.errors import Rejected
from holdfast.models.dialects import DIALECTS
from holdfast.models.sse import Parser
from test_dialects_prompts import (
    ANTHROPIC,
    CALLS,
    CHAT,
    GEMINI,
    RESPONSES,
    TOOLS,
    WEATHER,
    asking,
    assistant,
    system,
    user,
    written,
)

# -- reasoning --------------------------------------------------------------------------------------------------


def test_signed_reasoning_goes_back_unchanged_to_its_vendor_and_to_no_other() -> None:
    anthropic = [Thinking("hm", "sig==", vendor="anthropic"), Thinking(redacted="secret", vendor="anthropic")]
    openai = [Thinking("hm", "rs_1:gAAA", vendor="openai-responses")]
    google = [Thinking("hm", "c2ln", vendor="gemini")]
    prompt = asking(user("?"), assistant(*anthropic, *openai, *google, Thinking("plain"), "Well.", ToolCall("c", "f")))
    assert written("anthropic", prompt)["messages"][1]["content"][:-2] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig=="},
        {"type": "redacted_thinking", "data": "secret"},
    ]
    assert written("openai-responses", prompt)["input"][1] == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "gAAA",
    }
    assert [item["type"] for item in written("openai-responses", prompt)["input"]].count("reasoning") == 1
    assert written("gemini", prompt)["contents"][1]["parts"] == [
        {"text": "Well.", "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "f", "args": {}, "id": "c"}, "thoughtSignature": "skip_thought_signature_validator"},
    ]
    assert written("openai-chat", prompt)["messages"][1].keys() == {"role", "content", "tool_calls"}
    for name, own in (("anthropic", anthropic), ("openai-responses", openai)):
        assert DIALECTS[name].read_prompt(written(name, prompt)).said[1].parts[: len(own)] == own


@pytest.mark.parametrize("name", ["anthropic", "openai-responses"])
@pytest.mark.parametrize("streams", [False, True])
def test_a_client_of_another_vendor_hands_back_what_it_cannot_read(name: str, streams: bool) -> None:
    thoughts: list[Part] = [
        Thinking("hm", "sig==", vendor="gemini"),
        Thinking(redacted="secret", vendor="anthropic"),
        Thinking("", "rs_1:gAAA", vendor="openai-responses"),
    ]
    dialect = DIALECTS[name]
    answer = Answer([*thoughts, Text("So.")])
    if streams:
        writer, reader, assembly = dialect.writer("m", id="x", created=1), dialect.reader(), Assembly()
        for event, data in Parser().feed(b"".join(map(writer.write, events_of(answer)))):
            for told in reader.feed(event, data):
                assembly.add(told)
        answer = assembly.answer()
    else:
        answer = dialect.read_answer(dialect.write_answer(answer, "m", id="x", created=1))
    handed_back = written(name, Prompt("m", [user("?"), Said("assistant", answer.parts), user("?")]))
    assert dialect.read_prompt(handed_back).said[1].parts == [*thoughts, Text("So.")]


def test_open_models_that_need_their_reasoning_back_get_it() -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "?"},
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "hm",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
        ],
    }
    prompt = CHAT.read_prompt(body)
    assert prompt.said[1].parts[0] == Thinking("hm")
    assert written("openai-chat", prompt, "deepseek-v3.2")["messages"][1]["reasoning_content"] == "hm"
    assert "reasoning_content" not in written("openai-chat", prompt, "gpt-4o")["messages"][1]


@pytest.mark.parametrize(
    ("effort", "model", "expected"),
    [
        ("high", "claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 16384}}),
        ("low", "some-open-model", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        ("high", "claude-opus-5", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ("xhigh", "claude-opus-4-6", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        ("xhigh", "claude-opus-4-7", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}),
        ("minimal", "claude-haiku-5-5", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ("none", "claude-sonnet-4-5-20250929", {"thinking": {"type": "disabled"}}),
        ("none", "claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}),
        ("none", "claude-opus-5-5", {"output_config": {"effort": "low"}}),
        ("", "claude-opus-5", {}),
    ],
)
def test_effort_in_the_words_of_each_generation_of_claude(effort: str, model: str, expected: dict[str, Any]) -> None:
    body = written("anthropic", asking(user("?"), effort=effort, max_tokens=64000), model)
    assert {key: body[key] for key in ("thinking", "output_config") if key in body} == expected


def test_a_budget_to_think_leaves_room_for_the_answer() -> None:
    def budget(limit: int) -> Any:
        body = written("anthropic", asking(user("?"), effort="high", max_tokens=limit), "claude-sonnet-4-5")
        return body.get("thinking", {}).get("budget_tokens")

    assert (budget(64000), budget(4000), budget(1200)) == (16384, 3000, None)


def test_a_budget_to_think_is_left_out_where_anthropic_refuses_it() -> None:
    forced = Prompt(
        "m", TOOLS.said, TOOLS.tools, Settings(effort="high", tool_choice="get", max_tokens=32000, temperature=0.5)
    )
    assert "thinking" not in written("anthropic", forced)
    lost = Prompt("m", CALLS.said, TOOLS.tools, Settings(effort="high", max_tokens=32000))
    assert "thinking" not in written("anthropic", lost), "the calls were made without reasoning that is signed"
    kept = [CALLS.said[0], assistant(Thinking("hm", "s", vendor="anthropic"), *CALLS.said[1].parts), CALLS.said[2]]
    assert "thinking" in written("anthropic", Prompt("m", kept, TOOLS.tools, Settings(effort="high", max_tokens=32000)))
    warm = asking(user("?"), effort="high", temperature=0.5, max_tokens=32000)
    assert "temperature" not in written("anthropic", warm)


def test_effort_in_the_words_of_the_others() -> None:
    prompt = asking(user("?"), effort="high")
    assert written("openai-chat", prompt)["reasoning_effort"] == "high"
    assert written("openai-responses", prompt)["reasoning"] == {"effort": "high"}
    assert written("gemini", prompt)["generationConfig"]["thinkingConfig"] == {
        "thinkingLevel": "HIGH",
        "includeThoughts": True,
    }
    older = written("gemini", prompt, "gemini-2.5-flash")["generationConfig"]["thinkingConfig"]
    assert older == {"thinkingBudget": 24576, "includeThoughts": True}
    off = asking(user("?"), effort="none")
    assert written("gemini", off, "gemini-2.5-flash")["generationConfig"] == {"thinkingConfig": {"thinkingBudget": 0}}
    assert "generationConfig" not in written("gemini", off, "gemini-2.0-flash")


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 50000}}, "xhigh"),
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "adaptive"}}, ""),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "max"),
        ({"output_config": {"effort": "low"}}, "low"),
        ({}, ""),
    ],
)
def test_a_budget_is_an_effort_to_others_and_itself_to_anthropic(fields: dict[str, Any], effort: str) -> None:
    model = "claude-opus-4-6"  # takes both ways
    body = {"model": model, "max_tokens": 60000, "messages": [{"role": "user", "content": "?"}], **fields}
    prompt = ANTHROPIC.read_prompt(body)
    assert prompt.settings.effort == effort
    again = written("anthropic", prompt, model)
    assert {key: again[key] for key in ("thinking", "output_config") if key in again} == fields


def test_a_clients_budget_is_said_anew_for_a_claude_that_takes_none() -> None:
    messages = [{"role": "user", "content": "?"}]
    budget = {
        "model": "m",
        "max_tokens": 60000,
        "messages": messages,
        "thinking": {"type": "enabled", "budget_tokens": 8000},
    }
    newer = written("anthropic", ANTHROPIC.read_prompt(budget), "claude-opus-5")
    assert (newer["thinking"], newer["output_config"]) == ({"type": "adaptive"}, {"effort": "medium"})
    adaptive = {"model": "m", "max_tokens": 60000, "messages": messages, "thinking": {"type": "adaptive"}}
    older = written("anthropic", ANTHROPIC.read_prompt(adaptive), "claude-sonnet-4-5")
    assert older["thinking"] == {"type": "enabled", "budget_tokens": 8192}


# -- settings ---------------------------------------------------------------------------------------------------


def test_structured_output() -> None:
    schema = {**WEATHER, "additionalProperties": False}
    prompt = asking(user("?"), schema=schema, schema_name="weather")
    named = {"name": "weather", "schema": schema, "strict": True}
    assert written("openai-chat", prompt)["response_format"] == {"type": "json_schema", "json_schema": named}
    assert written("openai-responses", prompt)["text"] == {"format": {"type": "json_schema", **named}}
    assert written("anthropic", prompt)["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    expected = {"responseMimeType": "application/json", "responseJsonSchema": schema}
    assert written("gemini", prompt)["generationConfig"] == expected
    for name in ("openai-chat", "openai-responses", "anthropic"):
        settings = DIALECTS[name].read_prompt(written(name, prompt)).settings
        assert settings.schema == schema
        assert settings.schema_name == ("" if name == "anthropic" else "weather")


def test_a_schema_is_strict_only_where_openai_takes_it_so() -> None:
    open_schema = asking(user("?"), schema=WEATHER)
    assert written("openai-chat", open_schema)["response_format"]["json_schema"] == {"name": "answer", "schema": WEATHER}
    assert "strict" not in written("openai-responses", open_schema)["text"]["format"]
    said = {"type": "json_schema", "json_schema": {"name": "n", "schema": WEATHER, "strict": False, "description": "d"}}
    body = {"model": "m", "messages": [{"role": "user", "content": "?"}], "response_format": said}
    assert written("openai-chat", CHAT.read_prompt(body))["response_format"] == said, "as the client said it"


def test_any_json() -> None:
    prompt = asking(system("Be brief."), user("?"), json_mode=True)
    assert written("openai-chat", prompt)["response_format"] == {"type": "json_object"}
    assert written("openai-responses", prompt)["text"] == {"format": {"type": "json_object"}}
    assert written("gemini", prompt)["generationConfig"] == {"responseMimeType": "application/json"}
    assert "JSON" in written("anthropic", prompt)["system"][1]["text"]
    for name in ("openai-chat", "openai-responses", "anthropic"):
        again = DIALECTS[name].read_prompt(written(name, prompt))
        assert (again.settings.json_mode, again.said) == (True, prompt.said)


def test_stop_sequences() -> None:
    prompt = asking(user("?"), stop=["END", "\n"])
    assert written("openai-chat", prompt)["stop"] == ["END", "\n"]
    assert "stop" not in written("openai-responses", prompt)
    assert written("anthropic", prompt)["stop_sequences"] == ["END"], "white space is refused"
    assert written("gemini", prompt)["generationConfig"] == {"stopSequences": ["END", "\n"]}
    body = {"model": "m", "messages": [{"role": "user", "content": "?"}], "stop": "END"}
    assert CHAT.read_prompt(body).settings.stop == ["END"]


@pytest.mark.parametrize("model", ["gpt-5-mini", "o3", "o4-mini", "gpt-5.6", "openai/gpt-5", "gpt-6-sol"])
def test_the_limit_for_models_that_reason(model: str) -> None:
    assert written("openai-chat", asking(user("?"), max_tokens=9), model)["max_completion_tokens"] == 9


@pytest.mark.parametrize("model", ["gpt-4o", "llama-4", "gpt-oss-120b", "mistral-large", "qwen3-o1-like"])
def test_the_limit_for_all_others(model: str) -> None:
    assert written("openai-chat", asking(user("?"), max_tokens=9), model)["max_tokens"] == 9


def test_limits() -> None:
    for field in ("max_tokens", "max_completion_tokens"):
        body = {"model": "m", "messages": [{"role": "user", "content": "?"}], field: 9}
        assert CHAT.read_prompt(body).settings.max_tokens == 9
    prompt = asking(user("?"), max_tokens=9)
    assert written("openai-responses", prompt)["max_output_tokens"] == 9
    assert written("anthropic", prompt, max_tokens=5000)["max_tokens"] == 9
    assert written("anthropic", asking(user("?")), max_tokens=5000)["max_tokens"] == 5000
    assert written("anthropic", asking(user("?")))["max_tokens"] > 0
    assert written("gemini", prompt)["generationConfig"] == {"maxOutputTokens": 9}


def test_sampling_goes_to_models_that_take_it() -> None:
    prompt = asking(user("?"), temperature=1.5, top_p=0.9, seed=7)
    chat = written("openai-chat", prompt)
    assert (chat["temperature"], chat["top_p"], chat["seed"]) == (1.5, 0.9, 7)
    assert {"temperature", "top_p"}.isdisjoint(written("openai-chat", prompt, "o3"))
    assert {"temperature", "top_p"}.isdisjoint(written("openai-responses", prompt, "gpt-5.6"))
    assert "temperature" in written("openai-responses", asking(user("?"), temperature=0.5, effort="none"), "gpt-5.6")
    assert "temperature" in written("openai-chat", prompt, "gpt-5.1")
    claude = written("anthropic", prompt)
    assert claude["temperature"] == 1.0
    assert "top_p" not in claude, "Claude takes one of both"
    assert written("anthropic", prompt, "claude-3-haiku-20240307")["top_p"] == 0.9
    assert {"temperature", "top_p"}.isdisjoint(written("anthropic", prompt, "claude-opus-5"))
    gemini = written("gemini", prompt)["generationConfig"]
    assert gemini == {"temperature": 1.5, "topP": 0.9, "seed": 7}


def test_whom_it_is_for() -> None:
    prompt = asking(user("?"), user="u1")
    assert written("openai-chat", prompt)["user"] == written("openai-responses", prompt)["user"] == "u1"
    assert written("anthropic", prompt)["metadata"] == {"user_id": "u1"}
    for name in ("openai-chat", "openai-responses", "anthropic"):
        assert DIALECTS[name].read_prompt(written(name, prompt)).settings.user == "u1"


def test_streaming_is_asked_for() -> None:
    prompt = asking(user("?"))
    assert written("openai-chat", prompt, stream=True)["stream_options"] == {"include_usage": True}
    for name in ("openai-chat", "openai-responses", "anthropic"):
        assert written(name, prompt, stream=True)["stream"] is True
        assert not written(name, prompt).get("stream")
    assert "stream" in GEMINI.url_path("gemini-3.5-pro", stream=True)
    assert GEMINI.url_path("gemini-3.5-pro", stream=False) == "/models/gemini-3.5-pro:generateContent"


def test_openai_keeps_nothing_of_another_vendors_client() -> None:
    body = written("openai-responses", asking(user("?")), "gpt-5.6")
    assert (body["store"], body["include"]) == (False, ["reasoning.encrypted_content"])
    assert "include" not in written("openai-responses", asking(user("?")), "gpt-4o"), "refused by models that do not reason"
    own = RESPONSES.read_prompt({"model": "m", "input": "?"})
    assert {"store", "include"}.isdisjoint(written("openai-responses", own, "gpt-5.6"))


# -- caches and fields of one vendor ------------------------------------------------------------------------------


def test_cache_breakpoints_stay_where_they_are_for_anthropic_and_go_nowhere_else() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    body: dict[str, Any] = {
        "model": "m",
        "max_tokens": 10,
        "system": [{"type": "text", "text": "A"}, {"type": "text", "text": "B", **mark}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, **mark}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "1", **mark}, {"type": "text", "text": "2"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", **mark}]},
        ],
    }
    prompt = ANTHROPIC.read_prompt(body)
    assert written("anthropic", prompt, "m") == body
    for name in ("openai-chat", "openai-responses", "gemini"):
        assert "cache_control" not in str(written(name, prompt))


def test_breakpoints_of_openais_clients_reach_anthropic() -> None:
    for mark in ({"prompt_cache_breakpoint": {"mode": "explicit"}}, {"cache_control": {"type": "ephemeral"}}):
        part = {"type": "text", "text": "1", **mark}
        prompt = CHAT.read_prompt({"model": "m", "messages": [{"role": "user", "content": [part]}]})
        assert "cache_control" in written("anthropic", prompt)["messages"][0]["content"][0]


OWN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "openai-chat": (
        {"messages": [{"role": "user", "content": "?"}]},
        {"logit_bias": {"1": 2}, "service_tier": "flex", "verbosity": "low", "metadata": {"a": "b"}, "top_k": 3},
    ),
    "openai-responses": (
        {"input": "?"},
        {
            "include": ["x"],
            "store": True,
            "truncation": "auto",
            "reasoning": {"summary": "auto"},
            "text": {"verbosity": "low"},
            "tools": [{"type": "web_search"}],
            "tool_choice": {"type": "web_search"},
        },
    ),
    "anthropic": (
        {"max_tokens": 5, "messages": [{"role": "user", "content": [{"type": "text", "text": "?"}]}]},
        {
            "top_k": 3,
            "service_tier": "auto",
            "container": "c",
            "output_config": {"task_budget": {"total": 1}},
            "tools": [{"type": "web_search_20260318", "name": "web_search"}],
        },
    ),
}


@pytest.mark.parametrize("name", OWN)
def test_fields_that_only_one_vendor_knows_come_out_in_its_dialect_only(name: str) -> None:
    needed, own = OWN[name]
    body = {"model": "m", **needed, **own}
    prompt = DIALECTS[name].read_prompt(body)
    again = written(name, prompt, "m")
    assert {key: again[key] for key in own} == own
    for other in DIALECTS.keys() - {name, "openai-embeddings"}:
        assert not own.keys() & (written(other, prompt).keys() - {"store", "max_tokens"}), other


def test_a_prompt_of_which_one_vendor_keeps_a_part_goes_to_that_vendor_only() -> None:
    prompt = RESPONSES.read_prompt({"model": "m", "input": "?", "previous_response_id": "resp_1"})
    assert written("openai-responses", prompt)["previous_response_id"] == "resp_1"
    for name in ("openai-chat", "anthropic", "gemini"):
        with pytest.raises(Rejected, match="previous_response_id"):
            written(name, prompt)


def test_a_choice_among_some_tools_is_kept_for_openai() -> None:
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function"}]}}
    tool = {"type": "function", "function": {"name": "f"}}
    body = {"model": "m", "messages": [{"role": "user", "content": "?"}], "tools": [tool], "tool_choice": choice}
    prompt = CHAT.read_prompt(body)
    assert written("openai-chat", prompt)["tool_choice"] == choice
    assert written("anthropic", prompt)["tool_choice"] == {"type": "any"}
