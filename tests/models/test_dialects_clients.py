"""The vendors' own clients, against a server that speaks through the dialects: what they send is read, what they get is
what was meant, whole and streamed. Where the clients are not installed these tests are skipped."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from holdfast.domain.conversation import (
    Answer,
    Media,
    Prompt,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    events_of,
)
from holdfast.models.dialects import DIALECTS
from holdfast.models.dialects.dialect import KINDS, Kind

USAGE = Usage(120, 40, 100, 10, 25)
CALLING = Answer(
    [
        Thinking("Let me ", "sig", vendor="anthropic"),
        Text("I look "),
        ToolCall("call_1", "get", '{"city":"Rome"}'),
        ToolCall("call_2", "get", "{}"),
    ],
    "tool_calls",
    USAGE,
)
SAYING = Answer([Text("Grüße, 🌍!"), Text(" And more.")], "stop", USAGE)
CUT_SHORT = Answer([Text("I was goi")], "length", USAGE)
REFUSING = Answer([Text("No.")], "refusal", USAGE)
EMPTY = Answer([], "stop", USAGE)
ALL = [CALLING, SAYING, CUT_SHORT, REFUSING, EMPTY]
CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
PNG = "data:image/png;base64,aGVsbG8="


class Server:
    """Answers every request with ``answer``, or with ``problem``; in the middle of a stream after ``breaks`` events."""

    def __init__(self) -> None:
        self.answer = SAYING
        self.problem: tuple[Kind, str] | None = None
        self.breaks = -1
        self.prompts: list[Prompt] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.serve(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        body = msgspec.json.decode(request.rfile.read(int(request.headers["content-length"])))
        dialect = next(dialect for dialect in DIALECTS.values() if request.path.removeprefix("/v1") == dialect.path)
        self.prompts.append(dialect.read_prompt(body))
        if self.problem is not None and self.breaks < 0:
            status, refusal = dialect.write_error(*self.problem)
            self._send(request, status, "application/json", [msgspec.json.encode(refusal)])
        elif not body.get("stream"):
            answer = dialect.write_answer(self.answer, "a-model", id="an_id", created=1_700_000_000)
            self._send(request, 200, "application/json", [msgspec.json.encode(answer)])
        else:
            include = body.get("stream_options", {}).get("include_usage", False)
            writer = dialect.writer("a-model", id="an_id", created=1_700_000_000, include_usage=include)
            events = events_of(self.answer)
            pieces = [writer.write(event) for event in (events[: self.breaks] if self.problem else events)]
            if self.problem:
                pieces.append(writer.error(*self.problem))
            self._send(request, 200, "text/event-stream", pieces)

    def _send(self, request: BaseHTTPRequestHandler, status: int, kind: str, pieces: list[bytes]) -> None:
        request.send_response(status)
        request.send_header("content-type", kind)
        request.send_header("connection", "close")
        request.end_headers()
        for piece in pieces:  # cut where it hurts
            request.wfile.write(piece[:-3])
            request.wfile.flush()
            request.wfile.write(piece[-3:])


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def openai(server: Server) -> Iterator[Any]:
    module: Any = pytest.importorskip("openai")
    with module.OpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture
def anthropic(server: Server) -> Iterator[Any]:
    module: Any = pytest.importorskip("anthropic")
    with module.Anthropic(base_url=server.url, api_key="k", max_retries=0, timeout=10) as client:
        yield client


def valid(model: Any) -> Any:
    """Every field that the client documents is there and has its type: the clients do not look for themselves."""
    kind: Any = model.__class__
    kind.model_validate(model.to_dict())
    return model


HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]

# -- chat completions -------------------------------------------------------------------------------------------


def check_chat(completion: Any, answer: Answer, *, streamed: bool) -> None:
    (choice,) = completion.choices
    refused = answer.finish == "refusal"
    assert (choice.message.content or "") == (answer.text if streamed or not refused else "")
    assert (choice.message.refusal or "") == (answer.text if refused else "")
    calls: list[Any] = choice.message.tool_calls or []
    assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
        (call.id, call.name, call.arguments) for call in answer.calls
    ]
    assert choice.finish_reason == {"length": "length", "tool_calls": "tool_calls"}.get(answer.finish, "stop")
    assert getattr(choice.message, "reasoning_content", "") == "".join(
        part.text for part in answer.parts if isinstance(part, Thinking)
    )
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (120, 40, 160)
    assert usage.prompt_tokens_details.cached_tokens == 100
    assert usage.completion_tokens_details.reasoning_tokens == 25
    assert (completion.id, completion.model) == ("an_id", "a-model")


@pytest.mark.parametrize("answer", ALL)
def test_chat_whole(server: Server, openai: Any, answer: Answer) -> None:
    server.answer = answer
    check_chat(valid(openai.chat.completions.create(model="m", messages=HELLO)), answer, streamed=False)


@pytest.mark.parametrize("answer", ALL)
def test_chat_streamed(server: Server, openai: Any, answer: Answer) -> None:
    server.answer = answer
    options: dict[str, Any] = {"model": "m", "messages": HELLO, "stream_options": {"include_usage": True}}
    chunks = [valid(chunk) for chunk in openai.chat.completions.create(**options, stream=True)]
    assert chunks[-1].usage.total_tokens == 160
    assert not chunks[-1].choices
    assert all(chunk.usage is None for chunk in chunks[:-1])
    with openai.chat.completions.stream(**options) as stream:
        stream.until_done()  # the helper refuses to give an answer that was cut short
        check_chat(stream.current_completion_snapshot, answer, streamed=True)


def test_chat_usage_is_streamed_only_if_it_is_asked_for(server: Server, openai: Any) -> None:
    chunks = list(openai.chat.completions.create(model="m", messages=HELLO, stream=True))
    assert all(chunk.choices for chunk in chunks)


def test_what_a_chat_client_sends_is_read(server: Server, openai: Any) -> None:
    function = {"name": "get", "description": "d", "parameters": CITY, "strict": True}
    calls = [{"id": "c1", "type": "function", "function": {"name": "get", "arguments": "{}"}}]
    openai.chat.completions.create(
        model="m",
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}]},
            {"role": "assistant", "tool_calls": calls},
            {"role": "tool", "tool_call_id": "c1", "content": "warm"},
        ],
        tools=[{"type": "function", "function": function}],
        tool_choice={"type": "function", "function": {"name": "get"}},
        reasoning_effort="low",
        max_completion_tokens=5,
    )
    (prompt,) = server.prompts
    assert [message.parts for message in prompt.said[1:]] == [
        [Media("image/png", data=b"hello")],
        [ToolCall("c1", "get", "{}")],
        [ToolResult("c1", [Text("warm")])],
    ]
    assert (prompt.tools[0].schema, prompt.tools[0].strict) == (CITY, True)
    assert (prompt.settings.tool_choice, prompt.settings.effort, prompt.settings.max_tokens) == ("get", "low", 5)


# -- responses --------------------------------------------------------------------------------------------------


def check_response(response: Any, answer: Answer, *, streamed: bool) -> None:
    kinds = {Text: "message", Thinking: "reasoning", ToolCall: "function_call"}
    parts = answer.parts
    assert [item.type for item in response.output] == [kinds[type(part)] for part in parts]  # pyright: ignore[reportArgumentType]
    refused = answer.finish == "refusal"
    assert response.output_text == (answer.text if streamed or not refused else "")
    if refused:
        assert response.output[-1].content[-1].type == "refusal"
    for item, part in zip(response.output, parts, strict=True):
        if isinstance(part, ToolCall):
            assert (item.call_id, item.name, item.arguments) == (part.id, part.name, part.arguments)
        elif isinstance(part, Thinking):
            assert "".join(piece.text for piece in item.summary) == part.text
    assert response.status == ("incomplete" if answer.finish == "length" else "completed")
    if answer.finish == "length":
        assert response.incomplete_details.reason == "max_output_tokens"
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (120, 40, 160)
    assert (usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens) == (100, 25)


@pytest.mark.parametrize("answer", ALL)
def test_response_whole(server: Server, openai: Any, answer: Answer) -> None:
    server.answer = answer
    check_response(valid(openai.responses.create(model="m", input="Hello")), answer, streamed=False)


@pytest.mark.parametrize("answer", ALL)
def test_response_streamed(server: Server, openai: Any, answer: Answer) -> None:
    server.answer = answer
    events = [valid(event) for event in openai.responses.create(model="m", input="Hello", stream=True)]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    check_response(events[-1].response, answer, streamed=True)
    with openai.responses.stream(model="m", input="Hello") as stream:
        told = list(stream)
        if answer.finish != "length":  # the helper gives no response that is incomplete
            check_response(stream.get_final_response(), answer, streamed=True)
    assert "".join(event.delta for event in told if event.type == "response.output_text.delta") == answer.text
    added = [event.item.type for event in told if event.type == "response.output_item.added"]
    done = [event.item.type for event in told if event.type == "response.output_item.done"]
    assert sorted(added) == sorted(done)


def test_what_a_responses_client_sends_is_read(server: Server, openai: Any) -> None:
    openai.responses.create(
        model="m",
        instructions="Be brief.",
        input=[
            {"role": "user", "content": [{"type": "input_image", "image_url": PNG, "detail": "auto"}]},
            {"type": "function_call", "call_id": "c1", "name": "get", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "warm"},
        ],
        tools=[{"type": "function", "name": "get", "parameters": CITY, "strict": False}],
        reasoning={"effort": "low", "summary": "auto"},
        max_output_tokens=50,
    )
    (prompt,) = server.prompts
    assert [message.parts for message in prompt.said] == [
        [Text("Be brief.")],
        [Media("image/png", data=b"hello")],
        [ToolCall("c1", "get", "{}")],
        [ToolResult("c1", [Text("warm")])],
    ]
    assert (prompt.settings.effort, prompt.settings.max_tokens) == ("low", 50)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_responses_client_hands_claudes_signature_back(server: Server, openai: Any, streamed: bool) -> None:
    server.answer = CALLING
    if streamed:
        with openai.responses.stream(model="m", input="Hello") as stream:
            stream.until_done()
            output = stream.get_final_response().output
    else:
        output = openai.responses.create(model="m", input="Hello").output
    history = [{"role": "user", "content": "Hello"}, *(item.to_dict() for item in output)]
    results = [{"type": "function_call_output", "call_id": call.id, "output": "x"} for call in CALLING.calls]
    openai.responses.create(model="m", input=[*history, *results])
    thought = server.prompts[-1].said[1].parts[0]
    assert thought == Thinking("Let me ", "sig", vendor="anthropic")
    body = DIALECTS["anthropic"].write_prompt(server.prompts[-1], "claude-sonnet-4-5", stream=False)
    block = {"type": "thinking", "thinking": "Let me ", "signature": "sig"}
    assert body["messages"][1]["content"][0] == block


# -- messages ---------------------------------------------------------------------------------------------------


def check_message(message: Any, answer: Answer) -> None:
    kinds = {Text: "text", Thinking: "thinking", ToolCall: "tool_use"}
    assert [block.type for block in message.content] == [kinds[type(part)] for part in answer.parts]  # pyright: ignore[reportArgumentType]
    for block, part in zip(message.content, answer.parts, strict=True):
        if isinstance(part, Text):
            assert block.text == part.text
        elif isinstance(part, Thinking):
            assert (block.thinking, block.signature) == (part.text, part.signature)
        elif isinstance(part, ToolCall):
            assert (block.id, block.name, block.input) == (part.id, part.name, msgspec.json.decode(part.arguments))
    reasons = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "refusal": "refusal"}
    assert message.stop_reason == reasons[answer.finish]
    usage = message.usage
    assert (usage.input_tokens, usage.output_tokens) == (10, 40), "what the cache has to do with is counted apart"
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (100, 10)
    assert usage.output_tokens_details.thinking_tokens == 25
    assert (message.id, message.model, message.role) == ("an_id", "a-model", "assistant")


@pytest.mark.parametrize("answer", ALL)
def test_message_whole(server: Server, anthropic: Any, answer: Answer) -> None:
    server.answer = answer
    check_message(valid(anthropic.messages.create(model="m", max_tokens=9, messages=HELLO)), answer)


@pytest.mark.parametrize("answer", ALL)
def test_message_streamed(server: Server, anthropic: Any, answer: Answer) -> None:
    server.answer = answer
    options: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": HELLO}
    events = [valid(event) for event in anthropic.messages.create(**options, stream=True)]
    assert (events[0].type, events[-2].type, events[-1].type) == ("message_start", "message_delta", "message_stop")
    with anthropic.messages.stream(**options) as stream:
        assert "".join(stream.text_stream) == answer.text
        check_message(stream.get_final_message(), answer)


def test_what_a_messages_client_sends_is_read(server: Server, anthropic: Any) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}
    anthropic.messages.create(
        model="m",
        max_tokens=2000,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[
            {"role": "user", "content": [{"type": "image", "source": source}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "get", "input": {"city": "Rome"}}]},
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "warm", "is_error": False}],
            },
        ],
        tools=[{"name": "get", "input_schema": CITY}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 1024},
    )
    (prompt,) = server.prompts
    assert [message.parts for message in prompt.said] == [
        [Text("Be brief.", cache=True)],
        [Media("image/png", data=b"hello")],
        [ToolCall("c1", "get", '{"city":"Rome"}')],
        [ToolResult("c1", [Text("warm")])],
    ]
    settings = prompt.settings
    assert (settings.tool_choice, settings.parallel_tools, settings.effort) == ("required", False, "minimal")


def test_a_messages_client_hands_openais_reasoning_back(server: Server, anthropic: Any) -> None:
    own = Thinking("hm", "rs_1:gAAA", vendor="openai-responses")
    server.answer = Answer([own, Text("Well.")], "stop", USAGE)
    options: dict[str, Any] = {"model": "m", "max_tokens": 9}
    with anthropic.messages.stream(**options, messages=HELLO) as stream:
        said = stream.get_final_message()
    anthropic.messages.create(**options, messages=[*HELLO, {"role": "assistant", "content": said.content}, *HELLO])
    assert server.prompts[-1].said[1].parts[0] == own
    body = DIALECTS["openai-responses"].write_prompt(server.prompts[-1], "gpt-5.6", stream=False)
    assert (body["input"][1]["id"], body["input"][1]["encrypted_content"]) == ("rs_1", "gAAA")


# -- errors -----------------------------------------------------------------------------------------------------

OPENAI_ERRORS = {
    "rate_limited": "RateLimitError",
    "quota": "RateLimitError",
    "auth": "AuthenticationError",
    "not_allowed": "PermissionDeniedError",
    "unknown_model": "NotFoundError",
    "bad_request": "BadRequestError",
    "too_long": "BadRequestError",
    "content_filter": "BadRequestError",
    "prefill_refused": "BadRequestError",
}


@pytest.mark.parametrize("kind", KINDS)
def test_openais_client_raises_the_right_error(server: Server, openai: Any, kind: Kind) -> None:
    errors: Any = pytest.importorskip("openai")
    server.problem = (kind, "so it is")
    for ask in (openai.chat.completions.create, openai.responses.create):
        sent = {"messages": HELLO} if ask == openai.chat.completions.create else {"input": "Hello"}
        with pytest.raises(getattr(errors, OPENAI_ERRORS.get(kind, "InternalServerError"))) as raised:
            ask(model="m", **sent)
        assert "so it is" in raised.value.message
        assert DIALECTS["openai-chat"].read_error(raised.value.status_code, {"error": raised.value.body})[0] == kind


@pytest.mark.parametrize("kind", KINDS)
def test_anthropics_client_raises_the_right_error(server: Server, anthropic: Any, kind: Kind) -> None:
    errors: Any = pytest.importorskip("anthropic")
    server.problem = (kind, "so it is")
    with pytest.raises(errors.APIStatusError) as raised:
        anthropic.messages.create(model="m", max_tokens=9, messages=HELLO)
    status, body = DIALECTS["anthropic"].write_error(kind, "so it is")
    assert (raised.value.status_code, raised.value.body) == (status, body)
    assert "so it is" in str(raised.value)


def test_a_stream_that_breaks_off_is_an_error_to_every_client(server: Server, openai: Any, anthropic: Any) -> None:
    openai_errors: Any = pytest.importorskip("openai")
    anthropic_errors: Any = pytest.importorskip("anthropic")
    server.problem = ("overloaded", "come back later")
    for server.breaks in (0, 2):
        with pytest.raises(openai_errors.APIError, match="come back later"):
            list(openai.chat.completions.create(model="m", messages=HELLO, stream=True))
        with pytest.raises(openai_errors.APIError, match="come back later"):
            list(openai.responses.create(model="m", input="Hello", stream=True))
        with pytest.raises(anthropic_errors.APIStatusError, match="come back later"):
            list(anthropic.messages.create(model="m", max_tokens=9, messages=HELLO, stream=True))
