"""A request means the same to every vendor: what is read from one dialect is written in another."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from holdfast.domain.conversation import Media, Prompt, Said, Settings, Text, ToolCall, ToolResult, ToolSpec
from holdfast.domain.errors import Rejected
from holdfast.models.dialects import DIALECTS

CHAT, RESPONSES, ANTHROPIC, GEMINI = (DIALECTS[name] for name in ("openai-chat", "openai-responses", "anthropic", "gemini"))
MODELS = {
    "openai-chat": "gpt-4o",
    "openai-responses": "gpt-4o",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-3.5-pro",
}
PNG = b"\x89PNG..."
PNG64 = base64.b64encode(PNG).decode()
PNG_URL = f"data:image/png;base64,{PNG64}"
PDF = b"%PDF-1.7"
PDF64 = base64.b64encode(PDF).decode()
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def written(name: str, prompt: Prompt, model: str = "", **options: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"stream": False} | options
    return DIALECTS[name].write_prompt(prompt, model or MODELS[name], **given)


def asking(*said: Said, **settings: Any) -> Prompt:
    return Prompt("m", list(said), settings=Settings(**settings))


def user(*parts: Any) -> Said:
    return Said("user", [Text(part) if isinstance(part, str) else part for part in parts])


def assistant(*parts: Any) -> Said:
    return Said("assistant", [Text(part) if isinstance(part, str) else part for part in parts])


def system(text: str) -> Said:
    return Said("system", [Text(text)])


# -- words ------------------------------------------------------------------------------------------------------


def test_words_of_every_role_are_read_the_same_from_every_dialect() -> None:
    chat = CHAT.read_prompt(
        {
            "model": "m",
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"},
                {"role": "user", "content": [{"type": "text", "text": "How"}, {"type": "text", "text": "are you?"}]},
            ],
        }
    )
    responses = RESPONSES.read_prompt(
        {
            "model": "m",
            "instructions": "Be brief.",
            "input": [
                {"role": "user", "content": "Hi"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]},
                {
                    "role": "user",
                    "content": [{"type": "input_text", "text": "How"}, {"type": "input_text", "text": "are you?"}],
                },
            ],
        }
    )
    anthropic = ANTHROPIC.read_prompt(
        {
            "model": "m",
            "max_tokens": 10,
            "system": "Be brief.",
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": [{"type": "text", "text": "Hello"}]},
                {"role": "user", "content": [{"type": "text", "text": "How"}, {"type": "text", "text": "are you?"}]},
            ],
        }
    )
    said = [system("Be brief."), user("Hi"), assistant("Hello"), user("How", "are you?")]
    assert chat.said == responses.said == anthropic.said == said


def test_the_system_at_the_top() -> None:
    prompt = asking(system("Be brief."), user("Hi"))
    assert written("openai-chat", prompt)["messages"][0] == {"role": "system", "content": "Be brief."}
    assert written("openai-responses", prompt)["instructions"] == "Be brief."
    assert written("anthropic", prompt)["system"] == [{"type": "text", "text": "Be brief."}]
    assert written("gemini", prompt)["systemInstruction"] == {"parts": [{"text": "Be brief."}]}


def test_the_system_in_the_middle_stays_there_or_goes_to_the_top() -> None:
    prompt = asking(system("A"), user("1"), assistant("2"), system("B"), user("3"))
    assert [m["role"] for m in written("openai-chat", prompt)["messages"]] == [
        "system",
        "user",
        "assistant",
        "system",
        "user",
    ]
    assert [i["role"] for i in written("openai-responses", prompt)["input"]] == ["user", "assistant", "system", "user"]
    older = written("anthropic", prompt, "claude-sonnet-4-5")
    assert [block["text"] for block in older["system"]] == ["A", "B"]
    assert [m["role"] for m in older["messages"]] == ["user", "assistant", "user"]
    newer = written("anthropic", prompt, "claude-opus-5")
    assert [block["text"] for block in newer["system"]] == ["A"]
    assert [m["role"] for m in newer["messages"]] == ["user", "assistant", "user", "system"], "only before the model's turn"
    assert [part["text"] for part in written("gemini", prompt)["systemInstruction"]["parts"]] == ["A", "B"]


def test_instructions_in_the_middle_are_read_from_anthropic() -> None:
    body = {
        "model": "m",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "1"}, {"role": "system", "content": "B"}],
    }
    assert ANTHROPIC.read_prompt(body).said == [user("1"), system("B")]


def test_a_conversation_that_the_model_begins_is_begun_by_the_user_where_a_vendor_demands_it() -> None:
    for prompt in (asking(system("A")), asking(assistant("Hello"), user("Hi")), asking(assistant("Hello"), system("B"))):
        for model in ("claude-sonnet-4-5", "claude-opus-5"):
            assert written("anthropic", prompt, model)["messages"][0]["role"] == "user"
        assert written("gemini", prompt)["contents"][0]["role"] == "user"


def test_messages_in_a_row_are_one_and_empty_texts_are_not_there() -> None:
    prompt = asking(user("1", ""), user("2"), assistant(""), user("3"))
    blocks = [{"type": "text", "text": text} for text in "123"]
    assert written("anthropic", prompt)["messages"] == [{"role": "user", "content": blocks}]
    assert written("gemini", prompt)["contents"] == [{"role": "user", "parts": [{"text": text} for text in "123"]}]


def test_a_prefill_does_not_end_in_white_space() -> None:
    messages = written("anthropic", asking(user("1"), assistant("The answer is \n")))["messages"]
    assert messages[-1]["content"] == [{"type": "text", "text": "The answer is"}]


# -- images, sound, documents -----------------------------------------------------------------------------------


def test_an_image_inline_and_by_address() -> None:
    inline, remote = Media("image/png", data=PNG), Media("image/jpeg", url="https://x.test/a.jpg")
    prompt = asking(user("Look:", inline, remote))
    assert written("openai-chat", prompt)["messages"][0]["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": PNG_URL}},
        {"type": "image_url", "image_url": {"url": "https://x.test/a.jpg"}},
    ]
    assert written("openai-responses", prompt)["input"][0]["content"] == [
        {"type": "input_text", "text": "Look:"},
        {"type": "input_image", "detail": "auto", "image_url": PNG_URL},
        {"type": "input_image", "detail": "auto", "image_url": "https://x.test/a.jpg"},
    ]
    assert written("anthropic", prompt)["messages"][0]["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG64}},
        {"type": "image", "source": {"type": "url", "url": "https://x.test/a.jpg"}},
    ]
    assert written("gemini", prompt)["contents"][0]["parts"] == [
        {"text": "Look:"},
        {"inlineData": {"mimeType": "image/png", "data": PNG64}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x.test/a.jpg"}},
    ]
    for name in ("openai-chat", "openai-responses", "anthropic"):
        assert DIALECTS[name].read_prompt(written(name, prompt)).said == prompt.said


def test_an_image_of_a_format_that_is_not_said() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "https://x.test/a"}]}],
    }
    prompt = CHAT.read_prompt(body)
    assert written("anthropic", prompt)["messages"][0]["content"][0]["source"] == {"type": "url", "url": "https://x.test/a"}
    assert written("gemini", prompt)["contents"][0]["parts"] == [{"fileData": {"fileUri": "https://x.test/a"}}]


def test_documents() -> None:
    pdf, text = Media("application/pdf", data=PDF, name="a.pdf"), Media("text/plain", data=b"hello", name="b.txt")
    prompt = asking(user(pdf, text))
    assert written("openai-chat", prompt)["messages"][0]["content"][0] == {
        "type": "file",
        "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF64}"},
    }
    assert written("openai-responses", prompt)["input"][0]["content"][0] == {
        "type": "input_file",
        "filename": "a.pdf",
        "file_data": f"data:application/pdf;base64,{PDF64}",
    }
    assert written("anthropic", prompt)["messages"][0]["content"] == [
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF64}, "title": "a.pdf"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hello"}, "title": "b.txt"},
    ]
    assert written("gemini", prompt)["contents"][0]["parts"][0] == {
        "inlineData": {"mimeType": "application/pdf", "data": PDF64}
    }
    for name in ("openai-chat", "openai-responses", "anthropic"):
        assert DIALECTS[name].read_prompt(written(name, prompt)).said == prompt.said


def test_a_document_made_of_blocks_is_its_blocks() -> None:
    source = {"type": "content", "content": [{"type": "text", "text": "a"}]}
    block = {"type": "document", "source": source, "cache_control": {"type": "ephemeral"}}
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [block]}]}
    assert ANTHROPIC.read_prompt(body).said == [Said("user", [Text("a", cache=True)])]


def test_sound_goes_where_a_vendor_takes_it() -> None:
    prompt = asking(user(Media("audio/mpeg", data=b"ID3")))
    sound = {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}}
    assert written("openai-chat", prompt)["messages"][0]["content"] == [sound]
    assert written("openai-responses", prompt)["input"][0]["content"] == [sound]
    assert written("gemini", prompt)["contents"][0]["parts"][0]["inlineData"]["mimeType"] == "audio/mpeg"
    for name in ("openai-chat", "openai-responses"):
        assert DIALECTS[name].read_prompt(written(name, prompt)).said == prompt.said
    with pytest.raises(Rejected, match="audio/mpeg"):
        written("anthropic", prompt)


@pytest.mark.parametrize(
    ("name", "media"),
    [
        ("openai-chat", Media("application/pdf", url="https://x.test/a.pdf")),
        ("openai-chat", Media("audio/flac", data=b"f")),
        ("openai-responses", Media("audio/flac", data=b"f")),
        ("anthropic", Media("image/tiff", data=b"t")),
        ("anthropic", Media("application/zip", data=b"z")),
        ("anthropic", Media("image/png", url="openai-file:file-1")),
        ("openai-chat", Media("application/pdf", url="anthropic-file:file-1")),
        ("gemini", Media("image/png", url="openai-file:file-1")),
        ("openai-responses", Media("image/png", artifact="ab" * 32)),
        ("anthropic", Media("image/png", artifact="ab" * 32)),
    ],
)
def test_what_a_vendor_cannot_take_is_refused_and_not_dropped(name: str, media: Media) -> None:
    with pytest.raises(Rejected) as refused:
        written(name, asking(user(media)))
    assert refused.value.code == "model.bad_request"


def test_files_that_were_uploaded_go_back_to_their_vendor() -> None:
    chat = {"type": "file", "file": {"file_id": "file-1"}}
    responses = {"type": "input_file", "file_id": "file-1"}
    anthropic = {"type": "document", "source": {"type": "file", "file_id": "file-1"}}
    image = {"type": "image", "source": {"type": "file", "file_id": "file-2"}}
    asked = CHAT.read_prompt({"model": "m", "messages": [{"role": "user", "content": [chat]}]})
    assert written("openai-chat", asked)["messages"][0]["content"] == [chat]
    assert written("openai-responses", asked)["input"][0]["content"] == [responses]
    claude = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [anthropic, image]}]}
    assert written("anthropic", ANTHROPIC.read_prompt(claude))["messages"] == claude["messages"]


# -- tools ------------------------------------------------------------------------------------------------------

CALLS = asking(
    user("Weather?"),
    assistant("Let me see.", ToolCall("call_1", "get", '{"city": "Rome"}'), ToolCall("call_2", "get", '{"city": "Oslo"}')),
    user(ToolResult("call_1", [Text("warm")]), ToolResult("call_2", [Text("cold")], error=True), "And Paris?"),
)


def test_calls_side_by_side_and_their_results() -> None:
    chat = written("openai-chat", CALLS)["messages"]
    assert [m["role"] for m in chat] == ["user", "assistant", "tool", "tool", "user"]
    assert chat[1]["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "get", "arguments": '{"city": "Rome"}'}},
        {"id": "call_2", "type": "function", "function": {"name": "get", "arguments": '{"city": "Oslo"}'}},
    ]
    assert chat[2:4] == [
        {"role": "tool", "tool_call_id": "call_1", "content": "warm"},
        {"role": "tool", "tool_call_id": "call_2", "content": "cold"},
    ]
    responses = written("openai-responses", CALLS)["input"]
    assert [item["type"] for item in responses][2:] == [
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
        "message",
    ]
    assert responses[2] == {"type": "function_call", "call_id": "call_1", "name": "get", "arguments": '{"city": "Rome"}'}
    assert responses[4] == {"type": "function_call_output", "call_id": "call_1", "output": "warm"}


def test_results_are_blocks_of_one_message_to_anthropic_and_come_first() -> None:
    apart = asking(*CALLS.said[:2], user("And Paris?"), *(user(part) for part in CALLS.said[2].parts[:2]))
    for prompt in (CALLS, apart):
        messages = written("anthropic", prompt)["messages"]
        assert [m["role"] for m in messages] == ["user", "assistant", "user"]
        assert messages[1]["content"][1] == {"type": "tool_use", "id": "call_1", "name": "get", "input": {"city": "Rome"}}
        assert messages[2]["content"] == [
            {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "warm"}]},
            {
                "type": "tool_result",
                "tool_use_id": "call_2",
                "content": [{"type": "text", "text": "cold"}],
                "is_error": True,
            },
            {"type": "text", "text": "And Paris?"},
        ]
        assert [m["role"] for m in written("openai-chat", prompt)["messages"]] == [
            "user",
            "assistant",
            "tool",
            "tool",
            "user",
        ]


def test_results_stand_in_the_order_of_the_calls_for_gemini() -> None:
    turned = asking(*CALLS.said[:2], user(*reversed(CALLS.said[2].parts)))
    for prompt in (CALLS, turned):
        contents = written("gemini", prompt, "gemini-2.5-pro")["contents"]
        assert contents[1]["parts"] == [
            {"text": "Let me see."},
            {"functionCall": {"name": "get", "args": {"city": "Rome"}}},
            {"functionCall": {"name": "get", "args": {"city": "Oslo"}}},
        ]
        assert contents[2]["parts"] == [
            {"functionResponse": {"name": "get", "response": {"output": "warm"}}},
            {"functionResponse": {"name": "get", "response": {"error": "cold"}}},
            {"text": "And Paris?"},
        ]
    newer = written("gemini", CALLS)["contents"]
    assert [part["functionCall"]["id"] for part in newer[1]["parts"][1:]] == ["call_1", "call_2"]
    assert newer[2]["parts"][0]["functionResponse"]["id"] == "call_1"
    assert "thoughtSignature" in newer[1]["parts"][1], "a call that another model made needs a stand-in"
    assert "thoughtSignature" not in newer[1]["parts"][2]


def test_results_that_are_apart_are_read_as_one_message() -> None:
    for name in ("openai-chat", "openai-responses", "anthropic"):
        said = DIALECTS[name].read_prompt(written(name, CALLS)).said
        results = [message for message in said if any(isinstance(part, ToolResult) for part in message.parts)]
        assert len(results) == 1
        assert [part.id for part in results[0].parts if isinstance(part, ToolResult)] == ["call_1", "call_2"]


def test_a_result_with_an_image() -> None:
    result = ToolResult("call_1", [Text("A chart:"), Media("image/png", data=PNG)])
    prompt = asking(
        user("Draw."),
        assistant(ToolCall("call_1", "draw", "{}"), ToolCall("call_2", "get", "{}")),
        user(result),
        user(ToolResult("call_2", [Text("x")]), "Well?"),
    )
    chat = written("openai-chat", prompt)["messages"]
    assert [m["role"] for m in chat] == ["user", "assistant", "tool", "tool", "user", "user"]
    assert chat[2]["content"] == "A chart:"
    assert "call_1" in chat[4]["content"][0]["text"]
    assert "draw" in chat[4]["content"][0]["text"]
    assert chat[4]["content"][1] == {"type": "image_url", "image_url": {"url": PNG_URL}}
    assert written("openai-responses", prompt)["input"][3]["output"] == [
        {"type": "input_text", "text": "A chart:"},
        {"type": "input_image", "detail": "auto", "image_url": PNG_URL},
    ]
    assert written("anthropic", prompt)["messages"][2]["content"][0]["content"][1]["type"] == "image"
    newer = written("gemini", prompt)["contents"][2]["parts"][0]["functionResponse"]
    assert newer["parts"] == [{"inlineData": {"mimeType": "image/png", "data": PNG64}}]
    older = written("gemini", prompt, "gemini-2.5-flash")["contents"][2]["parts"]
    assert [next(iter(part)) for part in older] == ["functionResponse", "functionResponse", "text", "inlineData", "text"]
    for name in ("openai-responses", "anthropic"):
        assert result in [
            part for message in DIALECTS[name].read_prompt(written(name, prompt)).said for part in message.parts
        ]


def test_arguments_that_are_no_json_survive_a_vendor_that_takes_objects() -> None:
    for text in ('{"a": ', "[1]", "", "7"):
        prompt = asking(user("?"), assistant(ToolCall("c", "f", text)), user(ToolResult("c", [])))
        body = written("anthropic", prompt)
        assert isinstance(body["messages"][1]["content"][0]["input"], dict)
        assert ANTHROPIC.read_prompt(body).said[1].parts == [ToolCall("c", "f", text or "{}")]
        assert isinstance(written("gemini", prompt)["contents"][1]["parts"][0]["functionCall"]["args"], dict)
        assert written("openai-chat", prompt)["messages"][1]["tool_calls"][0]["function"]["arguments"] == text or "{}"


def test_ids_that_a_vendor_refuses_fit_and_still_belong_together() -> None:
    long = "x" * 70
    prompt = asking(
        user("?"),
        assistant(ToolCall("functions.get:0", "f"), ToolCall(long, "f")),
        user(ToolResult("functions.get:0", []), ToolResult(long, [])),
    )
    blocks = [block for message in written("anthropic", prompt)["messages"][1:] for block in message["content"]]
    ids = [block.get("id") or block["tool_use_id"] for block in blocks]
    assert ids[:2] == ids[2:]
    assert all(id.replace("_", "").replace("-", "").isalnum() and len(id) <= 64 for id in ids)
    chat = written("openai-chat", prompt)["messages"]
    assert chat[1]["tool_calls"][0]["id"] == chat[2]["tool_call_id"] == "functions.get:0"
    assert chat[1]["tool_calls"][1]["id"] == chat[3]["tool_call_id"]
    assert len(chat[3]["tool_call_id"]) <= 40
    mistral = written("openai-chat", prompt, "mistral-large-latest")["messages"]
    assert len(mistral[2]["tool_call_id"]) == 9
    assert mistral[2]["tool_call_id"] == mistral[1]["tool_calls"][0]["id"]
    assert len({call["id"] for call in mistral[1]["tool_calls"]}) == 2


TOOLS = Prompt("m", [user("?")], [ToolSpec("get", "Weather of a city", WEATHER, strict=True, cache=True), ToolSpec("now")])


def test_tools() -> None:
    chat = written("openai-chat", TOOLS)["tools"]
    assert chat[0]["function"] == {"name": "get", "description": "Weather of a city", "parameters": WEATHER, "strict": True}
    assert chat[1]["function"] == {"name": "now", "parameters": {"type": "object", "properties": {}}}
    responses = written("openai-responses", TOOLS)["tools"]
    assert responses[0] == {"type": "function", **chat[0]["function"]}
    assert responses[1]["strict"] is False, "left out, OpenAI would take it for true"
    anthropic = written("anthropic", TOOLS)["tools"]
    assert anthropic[0] == {
        "name": "get",
        "description": "Weather of a city",
        "input_schema": WEATHER,
        "strict": True,
        "cache_control": {"type": "ephemeral"},
    }
    assert anthropic[1] == {"name": "now", "input_schema": {"type": "object"}}
    gemini = written("gemini", TOOLS)["tools"][0]["functionDeclarations"]
    assert gemini == [
        {"name": "get", "description": "Weather of a city", "parametersJsonSchema": WEATHER},
        {"name": "now"},
    ]


@pytest.mark.parametrize(
    ("choice", "chat", "responses", "anthropic", "gemini"),
    [
        ("auto", "auto", "auto", {"type": "auto"}, {"mode": "AUTO"}),
        ("none", "none", "none", {"type": "none"}, {"mode": "NONE"}),
        ("required", "required", "required", {"type": "any"}, {"mode": "ANY"}),
        (
            "get",
            {"type": "function", "function": {"name": "get"}},
            {"type": "function", "name": "get"},
            {"type": "tool", "name": "get"},
            {"mode": "ANY", "allowedFunctionNames": ["get"]},
        ),
    ],
)
def test_tool_choice(choice: str, chat: Any, responses: Any, anthropic: Any, gemini: Any) -> None:
    prompt = Prompt("m", TOOLS.said, TOOLS.tools, Settings(tool_choice=choice))
    assert written("openai-chat", prompt)["tool_choice"] == chat
    assert written("openai-responses", prompt)["tool_choice"] == responses
    assert written("anthropic", prompt)["tool_choice"] == anthropic
    assert written("gemini", prompt)["toolConfig"] == {"functionCallingConfig": gemini}
    for name in ("openai-chat", "openai-responses", "anthropic"):
        assert DIALECTS[name].read_prompt(written(name, prompt)).settings.tool_choice == choice


def test_a_choice_of_tools_without_tools_is_not_sent() -> None:
    prompt = asking(user("?"), tool_choice="auto", parallel_tools=False)
    for name in DIALECTS.keys() - {"openai-embeddings"}:
        assert not {"tool_choice", "toolConfig", "parallel_tool_calls"} & written(name, prompt).keys()


def test_calls_one_at_a_time() -> None:
    prompt = Prompt("m", TOOLS.said, TOOLS.tools, Settings(parallel_tools=False))
    assert written("openai-chat", prompt)["parallel_tool_calls"] is False
    assert written("openai-responses", prompt)["parallel_tool_calls"] is False
    assert written("anthropic", prompt)["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    for name in ("openai-chat", "openai-responses", "anthropic"):
        assert DIALECTS[name].read_prompt(written(name, prompt)).settings.parallel_tools is False


# -- what is refused --------------------------------------------------------------------------------------------

CHAT_BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
CLAUDE_BODY: dict[str, Any] = {**CHAT_BODY, "max_tokens": 1}


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("openai-chat", {"messages": []}, "model"),
        ("openai-chat", {"model": "m"}, "messages"),
        ("openai-chat", {"model": 1, "messages": []}, "model"),
        ("openai-chat", {"model": "m", "messages": "?"}, "messages"),
        ("openai-chat", {"model": "m", "messages": [{"role": "robot"}]}, "messages[0].role"),
        ("openai-chat", {"model": "m", "messages": [{"role": "user"}]}, "messages[0].content"),
        (
            "openai-chat",
            {"model": "m", "messages": [{"role": "user", "content": [{"type": "video"}]}]},
            "messages[0].content[0].type",
        ),
        (
            "openai-chat",
            {
                "model": "m",
                "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:x;base64,?"}]}],
            },
            "messages[0].content[0].image_url",
        ),
        ("openai-chat", {**CHAT_BODY, "temperature": "hot"}, "temperature"),
        ("openai-chat", {**CHAT_BODY, "n": 2}, "n"),
        ("openai-chat", {**CHAT_BODY, "tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ("openai-chat", {**CHAT_BODY, "tool_choice": {"type": "custom"}}, "tool_choice"),
        ("openai-chat", {**CHAT_BODY, "response_format": {"type": "xml"}}, "response_format"),
        ("openai-responses", {"input": "?"}, "model"),
        ("openai-responses", {"model": "m", "input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ("openai-responses", {"model": "m", "input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ("openai-responses", {"model": "m", "input": "?", "tools": [{"type": "local_shell"}]}, "tools[0].type"),
        ("openai-responses", {"model": "m", "input": "?", "background": True}, "background"),
        ("openai-responses", {"model": "m", "input": "?", "text": {"format": {"type": "xml"}}}, "text.format"),
        ("anthropic", CHAT_BODY, "max_tokens"),
        ("anthropic", {**CLAUDE_BODY, "messages": [{"role": "tool", "content": ""}]}, "messages[0].role"),
        ("anthropic", {**CLAUDE_BODY, "tools": [{"name": "x"}]}, "tools[0].input_schema"),
        ("anthropic", {**CLAUDE_BODY, "tool_choice": {"type": "some"}}, "tool_choice"),
        ("anthropic", {**CLAUDE_BODY, "system": 7}, "system"),
    ],
)
def test_a_request_that_cannot_be_understood_is_refused_with_its_field(name: str, body: dict[str, Any], field: str) -> None:
    with pytest.raises(Rejected) as refused:
        DIALECTS[name].read_prompt(body)
    assert (refused.value.code, refused.value.details["field"]) == ("model.bad_request", field)
    assert field in refused.value.message


def test_no_client_speaks_gemini() -> None:
    with pytest.raises(Rejected):
        GEMINI.read_prompt({})
