"""Rules change what programs outside ask models, in every dialect, whole and streamed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from holdfast.testing import models as bad
from holdfast.testing.models import Reply
from http_front import front

POLICY = r"""
kind: Policy
name: prompts
spec:
  rules:
    - name: pins
      does: model
      then: transform
      transform: {redact: {prompt: '\d{4}'}, cap: {max_tokens: 50}}
"""
ANY = pytest.mark.parametrize("dialect", ["openai-chat", "anthropic", "openai-responses"])


@ANY
@pytest.mark.parametrize("stream", [False, True])
async def test_chat_completions(tmp_path: Path, dialect: str, stream: bool) -> None:
    said: list[Any] = [
        {"role": "system", "content": "Never say 1111."},
        {"role": "user", "content": [{"type": "text", "text": "my pin is 1234"}]},
        {"role": "assistant", "tool_calls": [_call({"pin": 2222})]},
        {"role": "tool", "tool_call_id": "c1", "content": "3333 is wrong"},
    ]
    async with front(tmp_path, bad.always(Reply("hello")), policy=POLICY, target={"dialect": dialect}) as (f, (vendor,)):
        async with f.openai() as client:
            if stream:
                pieces = await client.chat.completions.create(model="smart", messages=said, max_tokens=900, stream=True)
                text = "".join([c.choices[0].delta.content or "" async for c in pieces if c.choices])
            else:
                done = await client.chat.completions.create(model="smart", messages=said, max_tokens=900)
                text = done.choices[0].message.content or ""
        assert text == "hello"
        _hidden(vendor, dialect)
        kinds = [e.kind for e in await f.client.journal("outside/me") if e.verb == "model"]
        assert kinds == ["intent", "step"]


@ANY
@pytest.mark.parametrize("stream", [False, True])
async def test_responses(tmp_path: Path, dialect: str, stream: bool) -> None:
    async with front(tmp_path, bad.always(Reply("hello")), policy=POLICY, target={"dialect": dialect}) as (f, (vendor,)):
        asked: dict[str, Any] = {
            "model": "smart",
            "instructions": "Never say 1111.",
            "input": "1234",
            "max_output_tokens": 900,
        }
        async with f.openai() as client:
            ask: Any = client.responses
            if stream:
                async with ask.stream(**asked) as running:
                    done = await running.get_final_response()
            else:
                done = await ask.create(**asked)
        assert done.output_text == "hello"
        _hidden(vendor, dialect)


@ANY
@pytest.mark.parametrize("stream", [False, True])
async def test_messages(tmp_path: Path, dialect: str, stream: bool) -> None:
    async with front(tmp_path, bad.always(Reply("hello")), policy=POLICY, target={"dialect": dialect}) as (f, (vendor,)):
        said: list[Any] = [
            {"role": "user", "content": "1234"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "look", "input": {"pin": "2222"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "3333 is wrong"}]},
        ]
        asked: dict[str, Any] = {"model": "smart", "max_tokens": 900, "system": "Never say 1111.", "messages": said}
        async with anthropic.AsyncAnthropic(base_url=f.url, api_key=f.secret, max_retries=0) as client:
            ask: Any = client.messages
            if stream:
                async with ask.stream(**asked) as running:
                    done = await running.get_final_message()
            else:
                done = await ask.create(**asked)
        assert done.content[0].text == "hello"
        _hidden(vendor, dialect)


async def test_embeddings_are_redacted_and_tokens_are_counted(tmp_path: Path) -> None:
    tokens = POLICY + "    - {name: tokens, does: model, when: args.media > 0, then: deny, reason: nobody can read that}\n"
    policy = tokens.replace(", cap: {max_tokens: 50}", "")
    async with front(tmp_path, bad.always(Reply("x")), policy=policy) as (f, (vendor,)), f.openai() as client:
        await client.embeddings.create(model="smart", input=["pin 1234", "nothing"], encoding_format="float")
        assert vendor.calls[0].body["input"] == ["pin [redacted]", "nothing"]
        with pytest.raises(openai.APIStatusError, match="nobody can read that") as refused:
            await client.embeddings.create(model="smart", input=[[1234, 5]], encoding_format="float")
        assert refused.value.response.headers["x-holdfast-error"] == "gate.denied"
        assert len(vendor.calls) == 1


async def test_what_no_rule_touches_goes_through_as_it_came(tmp_path: Path) -> None:
    other = POLICY.replace("cap: {max_tokens: 50}", "cap: {max_tokens: 5000}")
    async with front(tmp_path, bad.always(Reply("x")), policy=other) as (f, (vendor,)), f.openai() as client:
        said: list[Any] = [{"role": "user", "content": "hi", "name": "ada"}]
        await client.chat.completions.create(model="smart", messages=said, extra_body={"top_k": 5}, max_tokens=9)
        assert vendor.calls[0].body["messages"] == said and vendor.calls[0].body["top_k"] == 5


async def test_a_program_is_told_what_does_not_fit(tmp_path: Path) -> None:
    nowhere = POLICY.replace("cap: {max_tokens: 50}", "set: {route: \"'nowhere'\"}")
    async with front(tmp_path, bad.always(Reply("x")), policy=nowhere) as (f, (vendor,)), f.openai() as client:
        with pytest.raises(openai.PermissionDeniedError, match="nowhere") as refused:
            await client.chat.completions.create(model="smart", messages=[{"role": "user", "content": "hi"}])
        assert refused.value.response.headers["x-holdfast-error"] == "gate.unfit"
        assert not vendor.calls


def _call(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": "look", "arguments": json.dumps(arguments)}}


def _hidden(vendor: Any, dialect: str) -> None:
    (call,) = vendor.calls
    told = json.dumps(call.body)
    assert not any(pin in told for pin in ("1111", "1234", "2222", "3333"))
    assert "Never say [redacted]." in told and "[redacted]" in call.text
    assert call.body["max_output_tokens" if dialect == "openai-responses" else "max_tokens"] == 50
