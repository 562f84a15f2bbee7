"""Whatever is said comes back as it was, but for what a dialect says it cannot carry (``canonical`` below is that list)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.domain.conversation import (
    Answer,
    Assembly,
    Finish,
    Media,
    Part,
    Prompt,
    Said,
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
    events_of,
)
from holdfast.models.dialects import DIALECTS
from holdfast.models.sse import Parser

NAMES = ("openai-chat", "openai-responses", "anthropic")
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
ids = st.from_regex(r"[a-z0-9_]{3,12}", fullmatch=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words, lambda inner: st.lists(inner, max_size=3), max_leaves=4
)
arguments = st.dictionaries(words, json_values, max_size=3).map(lambda value: msgspec.json.encode(value).decode())
tokens = st.integers(0, 10**6)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    fresh, cached, wrote, out, reasoning = (draw(tokens) for _ in range(5))
    return Usage(fresh + cached + wrote, out + reasoning, cached, wrote, reasoning)


def thinkings(name: str) -> st.SearchStrategy[Thinking]:
    if name == "openai-responses":
        return st.builds(Thinking, words, st.builds("rs_{}:{}".format, ids, ids), vendor=st.just(name))
    if name == "anthropic":
        redacted: st.SearchStrategy[Thinking] = st.builds(Thinking, redacted=ids, vendor=st.just(name))
        return redacted | st.builds(Thinking, st.just("") | words, ids, vendor=st.just(name))
    return st.builds(Thinking, words)


@st.composite
def answers(draw: st.DrawFn, name: str) -> Answer:
    call = st.builds(ToolCall, ids, ids, arguments)
    parts: list[Part] = draw(st.lists(st.builds(Text, words) | thinkings(name) | call, max_size=6))
    calls = any(isinstance(part, ToolCall) for part in parts)
    finishes: list[Finish] = ["length", "content_filter", "refusal", "other", "tool_calls" if calls else "stop"]
    return Answer(parts, draw(st.sampled_from(finishes)), draw(usages()), "a-model", draw(ids))


def canonical_answer(answer: Answer, name: str, *, whole: bool) -> Answer:
    parts, finish = answer.parts, answer.finish
    ends = "tool_calls" if answer.calls else "stop"
    if name == "openai-chat":
        if whole:
            parts = sorted(parts, key=lambda part: [Thinking, Text, ToolCall].index(type(part)))  # pyright: ignore[reportArgumentType]
        parts = _run_together(parts)
        finish = ends if finish == "other" else finish
        finish = "content_filter" if finish == "refusal" and not answer.text else finish
    elif name == "anthropic":
        finish = ends if finish == "other" else "refusal" if finish == "content_filter" else finish
    return Answer(parts, finish, answer.usage, answer.model, answer.id)


def _run_together(parts: list[Part]) -> list[Part]:
    merged: list[Part] = []
    for part in parts:
        last = merged[-1] if merged else None
        if isinstance(part, (Text, Thinking)) and isinstance(last, (Text, Thinking)) and type(part) is type(last):
            merged[-1] = msgspec.structs.replace(last, text=last.text + part.text)
        else:
            merged.append(part)
    return merged


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({min(place, len(data)) for place in places} | {len(data)})
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
def test_a_streamed_answer_comes_back(name: str, data: st.DataObject) -> None:
    answer = data.draw(answers(name))
    dialect = DIALECTS[name]
    writer = dialect.writer("a-model", id=answer.id, created=7)
    stream = b"".join(writer.write(event) for event in events_of(answer))
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))
    reader, parser, assembly = dialect.reader(), Parser(), Assembly()
    for piece in cut(stream, places):
        for event, text in parser.feed(piece):
            for told in reader.feed(event, text):
                assembly.add(told)
    assert reader.done
    assert reader.close() == []
    assert assembly.answer() == canonical_answer(answer, name, whole=False)


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
def test_a_whole_answer_comes_back(name: str, data: st.DataObject) -> None:
    answer = data.draw(answers(name))
    body = DIALECTS[name].write_answer(answer, "a-model", id=answer.id, created=7)
    body = msgspec.json.decode(msgspec.json.encode(body))
    assert DIALECTS[name].read_answer(body) == canonical_answer(answer, name, whole=True)
    assert DIALECTS[name].read_usage(body) == answer.usage


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=50)
@given(st.data())
def test_a_stream_that_breaks_off_anywhere_is_never_taken_for_whole(name: str, data: st.DataObject) -> None:
    """Nothing but a stream that said how the answer ended gives an answer."""
    answer = data.draw(answers(name))
    dialect = DIALECTS[name]
    writer = dialect.writer("a-model", id="x", created=7)
    stream = b"".join(writer.write(event) for event in events_of(answer)[:-1])
    stream = stream[: data.draw(st.integers(0, len(stream)))]
    reader, parser = dialect.reader(), Parser()
    for event, text in parser.feed(stream) + parser.close():
        reader.feed(event, text)
    assert not reader.done
    assert not reader.finished
    with pytest.raises(Exception, match="before the answer was whole"):
        reader.close()


# -- prompts ----------------------------------------------------------------------------------------------------

media = st.sampled_from(
    [
        Media("image/png", data=b"\x89PNG"),
        Media("image/jpeg", url="https://x.test/a.jpg"),
        Media("application/pdf", data=b"%PDF", name="a.pdf"),
    ]
)
texts = st.builds(Text, words)


@st.composite
def conversations(draw: st.DrawFn, name: str) -> list[Said]:
    said: list[Said] = []
    if draw(st.booleans()):
        said.append(Said("system", list(draw(st.lists(texts, min_size=1, max_size=2)))))
    said.append(Said("user", list(draw(st.lists(texts | media, min_size=1, max_size=3)))))
    for turn in range(draw(st.integers(0, 3))):
        calls = [ToolCall(f"call_{turn}_{n}", draw(ids), draw(arguments)) for n in range(draw(st.integers(0, 2)))]
        said.append(Said("assistant", [*draw(st.lists(thinkings(name), max_size=1)), draw(texts), *calls]))
        content = st.lists(texts if name == "openai-chat" else texts | media, max_size=2)
        parts: list[Part] = [ToolResult(call.id, draw(content), error=draw(st.booleans())) for call in calls]
        said.append(Said("user", [*parts, *draw(st.lists(texts | media, min_size=not calls, max_size=2))]))
        if draw(st.booleans()):
            said.append(Said("system", [draw(texts)]))
    return said


SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}


@st.composite
def prompts(draw: st.DrawFn, name: str) -> Prompt:
    tools = draw(
        st.lists(st.builds(ToolSpec, ids, words, st.just({"type": "object"}), st.none() | st.booleans()), max_size=2)
    )
    wanted = Settings(
        max_tokens=draw(st.integers(1, 10**5)),
        temperature=draw(st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.floats(0, 1)),
        stop=draw(st.lists(words, max_size=2)),
        seed=draw(st.none() | st.integers(0, 100)),
        tool_choice=draw(st.sampled_from(["", "auto", "none", "required", "a_tool"])),
        parallel_tools=draw(st.none() | st.booleans()),
        effort=draw(st.sampled_from(["", "none", "minimal", "low", "medium", "high", "xhigh", "max"])),
        schema=draw(st.none() | st.just(SCHEMA)),
        schema_name=draw(st.just("") | ids),
        json_mode=draw(st.booleans()),
        user=draw(st.just("") | ids),
    )
    return Prompt("m", draw(conversations(name)), tools, wanted)


def canonical_prompt(prompt: Prompt, name: str) -> Prompt:
    """What the dialects say they cannot carry, and settings that mean nothing beside others."""
    wanted = msgspec.structs.replace(prompt.settings)
    if not prompt.tools:
        wanted.tool_choice, wanted.parallel_tools = "", None
    wanted.json_mode = wanted.json_mode and wanted.schema is None
    wanted.schema_name = (wanted.schema_name or "answer") if wanted.schema is not None else ""
    if name == "openai-responses":
        wanted.stop, wanted.seed = [], None
    if name == "anthropic":
        wanted.stop, wanted.seed = [stop for stop in wanted.stop if stop.strip()], None
        wanted.schema_name = ""
        wanted.effort = {"minimal": "low", "xhigh": "max"}.get(wanted.effort, wanted.effort)
        wanted.top_p = None if wanted.temperature is not None else wanted.top_p
        if wanted.tool_choice == "none":
            wanted.parallel_tools = None
        elif wanted.parallel_tools is not None:
            wanted.tool_choice = wanted.tool_choice or "auto"
    tools = [
        msgspec.structs.replace(tool, strict=bool(tool.strict)) if name == "openai-responses" else tool
        for tool in prompt.tools
    ]
    return Prompt("m", canonical_said(prompt.said, name), tools, wanted)


def canonical_said(said: list[Said], name: str) -> list[Said]:
    if name == "anthropic":
        said = sorted(said, key=lambda message: message.role != "system")
    whole: list[Said] = []
    for message in said:
        parts = CANONICAL_PARTS[name](message)
        if whole and whole[-1].role == message.role:
            whole[-1].parts.extend(parts)
        else:
            whole.append(Said(message.role, parts))
    for message in whole:
        message.parts.sort(key=lambda part: not isinstance(part, ToolResult))
        if message.role == "system" and name != "anthropic":
            message.parts = _joined(message.parts)
    if name == "anthropic" and whole[-1].role == "assistant" and isinstance(last := whole[-1].parts[-1], Text):
        last.text = last.text.rstrip()
    return whole


def _joined(parts: list[Part], between: str = "\n\n") -> list[Part]:
    text = between.join(part.text for part in parts if isinstance(part, Text))
    return [Text(text)] if text else []


def _chat_parts(message: Said) -> list[Part]:
    if message.role == "assistant":
        return [*_joined(message.parts, ""), *(part for part in message.parts if isinstance(part, ToolCall))]
    results = [ToolResult(p.id, _joined(list(p.content))) for p in message.parts if isinstance(p, ToolResult)]  # pyright: ignore[reportArgumentType]
    rest: list[Part] = [part for part in message.parts if not isinstance(part, ToolResult)]
    return [*results, *(_joined(rest) if all(isinstance(part, Text) for part in rest) else rest)]


def _responses_parts(message: Said) -> list[Part]:
    return [ToolResult(p.id, p.content) if isinstance(p, ToolResult) else p for p in message.parts]


CANONICAL_PARTS: dict[str, Callable[[Said], list[Part]]] = {
    "openai-chat": _chat_parts,
    "openai-responses": _responses_parts,
    "anthropic": lambda message: list(message.parts),
}
MODELS = {"openai-chat": "gpt-4o", "openai-responses": "gpt-4o", "anthropic": "claude-opus-4-6"}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=50)
@given(st.data())
def test_a_prompt_comes_back(name: str, data: st.DataObject) -> None:
    prompt = data.draw(prompts(name))
    body = DIALECTS[name].write_prompt(prompt, MODELS[name], stream=data.draw(st.booleans()))
    again = DIALECTS[name].read_prompt(msgspec.json.decode(msgspec.json.encode(body)))
    again.said = canonical_said(again.said, name)
    expected = canonical_prompt(prompt, name)
    assert (again.said, again.tools, again.settings) == (expected.said, expected.tools, expected.settings)


@pytest.mark.parametrize("target", list(DIALECTS))
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15)
@given(st.data())
def test_a_prompt_of_any_client_can_be_said_to_any_target(name: str, target: str, data: st.DataObject) -> None:
    prompt = data.draw(prompts(name))
    asked = DIALECTS[name].read_prompt(DIALECTS[name].write_prompt(prompt, MODELS[name], stream=False))
    body = DIALECTS[target].write_prompt(asked, MODELS.get(target, "gemini-3.5-pro"), stream=False)
    text = msgspec.json.encode(body).decode()
    for call in (part for message in asked.said for part in message.parts if isinstance(part, ToolCall)):
        assert call.name in text


@given(st.text() | st.binary() | st.dictionaries(words, json_values), st.integers(200, 599))
def test_any_error_has_a_kind_and_a_message(body: Any, status: int) -> None:
    for dialect in DIALECTS.values():
        _, message = dialect.read_error(status, body)
        assert message
