"""Bad requests and bad providers at every endpoint, streamed and whole: an error in the words of that endpoint's vendor."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from holdfast.testing import models as bad
from holdfast.testing.models import Reply
from http_front import Front, front

SAID = [{"role": "user", "content": "hi"}]
CHAT, RESPONSES, MESSAGES, EMBEDDINGS = "/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings"
BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"model": "smart", "messages": SAID},
    RESPONSES: {"model": "smart", "input": "hi"},
    MESSAGES: {"model": "smart", "max_tokens": 50, "messages": SAID},
    EMBEDDINGS: {"model": "smart", "input": "hi"},
}
WAYS = [(path, stream) for path in BODIES for stream in (False, True) if path != EMBEDDINGS or not stream]
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "invalid_request_error",
}


def said(path: str, told: httpx.Response) -> str:
    """The message of an error, if it has the shape that clients of this endpoint's vendor read."""
    assert told.headers["content-type"].startswith("application/json"), told.text[:200]
    body = told.json()
    if path == MESSAGES:
        assert set(body) == {"type", "error"} and body["type"] == "error"
        assert set(body["error"]) == {"type", "message"}
        if told.status_code in _ANTHROPIC_TYPES:
            assert body["error"]["type"] == _ANTHROPIC_TYPES[told.status_code]
    else:
        assert set(body) == {"error"} and set(body["error"]) == {"message", "type", "param", "code"}
        assert body["error"]["code"]
    assert "<" not in body["error"]["message"][:1] and "Traceback" not in told.text
    return str(body["error"]["message"])


async def posted(f: Front, path: str, content: bytes, secret: str | None = None) -> httpx.Response:
    secret = f.secret if secret is None else secret
    shown = {"x-api-key": secret} if path == MESSAGES else {"authorization": f"Bearer {secret}"}
    shown = shown if secret else {}
    async with httpx.AsyncClient(timeout=20) as client:
        return await client.post(f.url + path, content=content, headers={"content-type": "application/json", **shown})


def body_of(path: str, stream: bool, **fields: Any) -> bytes:
    streamed: dict[str, Any] = {"stream": True} if stream else {}
    return msgspec.json.encode({**BODIES[path], **streamed, **fields})


ODD: dict[str, tuple[Callable[[str, bool], bytes], int, str]] = {
    "HTML": (lambda p, s: b"<html><body>hello</body></html>", 400, "not a JSON object"),
    "nothing": (lambda p, s: b"", 400, "not a JSON object"),
    "half of a body": (lambda p, s: body_of(p, s)[:-3], 400, "not a JSON object"),
    "a list": (lambda p, s: b"[]", 400, "not a JSON object"),
    "no UTF-8": (lambda p, s: b'{"model": "\xff\xfe"}', 400, "not a JSON object"),
    "no model": (lambda p, s: b'{"stream": false}', 400, "model"),
    "a number for a model": (lambda p, s: body_of(p, s, model=7), 400, "model"),
    "an unknown model": (lambda p, s: body_of(p, s, model="clever"), 404, "no model or route named 'clever'"),
}


async def test_what_is_no_request_is_refused_in_the_vendors_words(tmp_path: Path) -> None:
    async with front(tmp_path, bad.always(Reply("x"))) as (f, (vendor,)):
        for path, stream in WAYS:
            for name, (made, status, words) in ODD.items():
                told = await posted(f, path, made(path, stream))
                assert (told.status_code, words in said(path, told)) == (status, True), (path, stream, name, told.text)
                assert told.headers["x-holdfast-error"].startswith("model."), name
            for secret in ("hf_nobody", ""):
                told = await posted(f, path, body_of(path, stream), secret)
                assert told.status_code == 401, (path, stream, told.text)
                said(path, told)
        assert vendor.calls == []


async def test_a_huge_body_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async with front(tmp_path, bad.always(Reply("x"))) as (f, (vendor,)):
        for path, stream in WAYS:
            told = await posted(f, path, body_of(path, stream, padding="x" * (65 << 20)))
            assert told.status_code in (400, 413) and "too large" in said(path, told)
        assert vendor.calls == []


ODD_FIELDS: dict[str, list[dict[str, Any]]] = {
    CHAT: [
        {"messages": "hi"},
        {"messages": [7]},
        {"messages": [{"role": "nobody", "content": "x"}]},
        {"tools": "all"},
        {"tools": [7]},
        {"tool_choice": 7},
        {"response_format": "json"},
        {"temperature": "hot"},
        {"stop": 7},
        {"n": 3},
    ],
    RESPONSES: [
        {"input": 7},
        {"input": [7]},
        {"input": [{"type": "unheard_of"}]},
        {"tools": "all"},
        {"tools": [{"type": "shell"}]},
        {"text": "json"},
        {"reasoning": {"effort": 7}},
        {"background": True},
    ],
    MESSAGES: [
        {"messages": "hi"},
        {"messages": [7]},
        {"max_tokens": "many"},
        {"system": 7},
        {"tools": [7]},
        {"tools": "all"},
        {"tool_choice": "any"},
        {"thinking": "hard"},
        {"metadata": "x"},
    ],
}


async def test_a_field_of_a_wrong_shape_is_named_where_a_request_is_converted(tmp_path: Path) -> None:
    """The target speaks none of the endpoints' dialects, so that every request is read. An agent's own tools are not at
    fault either: arguments that are no JSON go on."""
    async with front(tmp_path, bad.always(Reply("x")), target={"dialect": "gemini"}) as (f, (vendor,)):
        for path, fields in ODD_FIELDS.items():
            for stream in (False, True):
                for odd in fields:
                    told = await posted(f, path, body_of(path, stream, **odd))
                    assert told.status_code == 400, (path, stream, odd, told.text)
                    assert next(iter(odd)) in said(path, told), (odd, told.text)
        assert vendor.calls == []


@pytest.mark.parametrize("odd", [{"stream_options": "x"}, {"stream_options": [7]}, {"stream_options": True}])
async def test_odd_options_of_a_stream_are_no_failure_of_the_server(tmp_path: Path, odd: dict[str, Any]) -> None:
    async with front(tmp_path, bad.always(Reply("x"))) as (f, _):
        for path in (CHAT, RESPONSES, MESSAGES):
            told = await posted(f, path, body_of(path, True, **odd))
            assert told.status_code in (200, 400), told.text
            if told.status_code == 400:
                said(path, told)


BROKEN_CALL: dict[str, dict[str, Any]] = {
    CHAT: {
        "messages": [
            *SAID,
            {
                "role": "assistant",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"x": '}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "no"},
        ]
    },
    RESPONSES: {
        "input": [
            {"role": "user", "content": "hi"},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"x": '},
            {"type": "function_call_output", "call_id": "c1", "output": "no"},
        ]
    },
}


@pytest.mark.parametrize("stream", [False, True])
async def test_malformed_arguments_in_a_conversation_reach_a_vendor_that_takes_objects(tmp_path: Path, stream: bool) -> None:
    async with front(tmp_path, bad.always(Reply("fine")), target={"dialect": "anthropic"}) as (f, (vendor,)):
        for path, fields in BROKEN_CALL.items():
            told = await posted(f, path, body_of(path, stream, **fields))
            assert told.status_code == 200, told.text
            assert told.headers["x-holdfast-lost"] == "tool_call.arguments"
            calls = [b for m in vendor.calls[-1].body["messages"] for b in m["content"] if b["type"] == "tool_use"]
            assert calls[0]["input"] == {"invalid_json": '{"x": '}


PROVIDERS: dict[str, Any] = {
    "wrong key": bad.WrongKey(),
    "unknown model": bad.UnknownModel(),
    "HTML with 200": bad.Html(200),
    "HTML with 502": bad.Html(502),
    "empty body": bad.EmptyBody(),
}


@pytest.mark.parametrize("name", list(PROVIDERS))
async def test_a_bad_provider_is_an_error_in_the_endpoints_words(tmp_path: Path, name: str) -> None:
    """And one of which the client knows that it is not its own: none of the client's faults (4xx) among them."""
    async with front(tmp_path, bad.always(PROVIDERS[name]), attempts=2, patience_seconds=0.2) as (f, (vendor,)):
        for path, stream in WAYS:
            told = await posted(f, path, body_of(path, stream))
            assert told.status_code >= 500, (path, stream, told.text)
            assert "<html" not in said(path, told).lower() and told.headers["x-holdfast-error"].startswith("model.")
        assert vendor.calls


async def test_a_route_of_one_target_makes_no_dead_attempts_while_its_breaker_is_open(tmp_path: Path) -> None:
    async with front(tmp_path, bad.always(bad.ServerError(503)), patience_seconds=0.0) as (f, (vendor,)):
        while len(vendor.calls) < 3:
            assert (await posted(f, CHAT, body_of(CHAT, False))).status_code == 503
        for path, stream in WAYS * 3:
            told = await posted(f, path, body_of(path, stream))
            assert told.status_code >= 503 and int(told.headers["retry-after"]) >= 1, told.text
            assert "t0" in said(path, told)
        calls = vendor.calls[2:]  # the third opened it: from there on only its own probes ask, after ever longer pauses
        pauses = [b.at_monotonic - a.at_monotonic for a, b in pairwise(calls)]
        assert all(pause >= min(2.0**n, 15.0) for n, pause in enumerate(pauses)), pauses
        assert len(vendor.calls) < 3 + len(WAYS * 3)
