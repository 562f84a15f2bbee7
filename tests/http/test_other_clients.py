"""Anthropic's client and OpenAI's responses, over targets of any dialect."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import anthropic
import pytest

from holdfast.testing import models as bad
from holdfast.testing.models import Reply
from http_front import front


def claude(f: Any, secret: str = "") -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=f.url, api_key=secret or f.secret, max_retries=0)


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic", "openai-responses"])
@pytest.mark.parametrize("stream", [False, True])
async def test_anthropics_client_over_any_dialect(tmp_path: Path, dialect: str, stream: bool) -> None:
    reply = Reply("let me see", tool_calls=[("t1", "look", {"x": 1})], input_tokens=9, output_tokens=5)
    async with front(tmp_path, bad.always(reply), target={"dialect": dialect}) as (f, _), claude(f) as client:
        asked: dict[str, Any] = {
            "model": "smart",
            "max_tokens": 100,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [{"name": "look", "input_schema": {"type": "object", "properties": {"x": {"type": "integer"}}}}],
        }
        if stream:
            async with client.messages.stream(**asked) as running:
                done = await running.get_final_message()
        else:
            done = cast(anthropic.types.Message, await client.messages.create(**asked))
    blocks: list[Any] = list(done.content)
    assert [b.type for b in blocks] == ["text", "tool_use"]
    assert blocks[0].text == "let me see" and (blocks[1].name, blocks[1].input) == ("look", {"x": 1})
    assert done.stop_reason == "tool_use" and (done.usage.input_tokens, done.usage.output_tokens) == (9, 5)


async def test_anthropics_client_is_told_what_is_wrong(tmp_path: Path) -> None:
    async with front(tmp_path, bad.always(Reply("x"))) as (f, _):
        async with claude(f, "hf_nobody") as client:
            with pytest.raises(anthropic.AuthenticationError):
                await client.messages.create(model="smart", max_tokens=5, messages=[{"role": "user", "content": "x"}])
        async with claude(f) as client:
            with pytest.raises(anthropic.NotFoundError, match="no model or route"):
                await client.messages.create(model="nothing", max_tokens=5, messages=[{"role": "user", "content": "x"}])


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic", "openai-responses"])
@pytest.mark.parametrize("stream", [False, True])
async def test_responses_over_any_dialect(tmp_path: Path, dialect: str, stream: bool) -> None:
    reply = Reply("forty-two", input_tokens=9, output_tokens=5)
    async with front(tmp_path, bad.always(reply), target={"dialect": dialect}) as (f, _), f.openai() as client:
        if stream:
            async with client.responses.stream(model="smart", input="what?", instructions="Be brief.") as running:
                done = await running.get_final_response()
        else:
            done = await client.responses.create(model="smart", input="what?", instructions="Be brief.")
    assert done.output_text == "forty-two" and done.usage is not None
    assert (done.usage.input_tokens, done.usage.output_tokens) == (9, 5)


async def test_a_conversation_goes_on_with_another_vendor(tmp_path: Path) -> None:
    first = bad.first(
        1, Reply("thinking aloud", thinking="hmm", tool_calls=[("t1", "look", {"x": 1})]), then=bad.ServerError(503)
    )
    second = bad.always(Reply("from the other one"))
    dialects: dict[str, Any] = {"t0": {"dialect": "anthropic"}, "t1": {"dialect": "openai-chat"}}
    async with front(tmp_path, first, second, **dialects) as (f, (_, other)), claude(f) as client:
        tools: list[Any] = [{"name": "look", "input_schema": {"type": "object", "properties": {"x": {"type": "integer"}}}}]
        said: list[Any] = [{"role": "user", "content": "hi"}]
        one = await client.messages.create(model="smart", max_tokens=100, messages=said, tools=tools)
        said += [
            {"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in one.content]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "7"}]},
        ]
        two = await client.messages.create(model="smart", max_tokens=100, messages=said, tools=tools)
        block: Any = two.content[0]
        assert block.text == "from the other one"
        roles = [m["role"] for m in other.calls[-1].messages]
        assert roles == ["user", "assistant", "tool"]
        assert other.calls[-1].messages[1]["tool_calls"][0]["id"] == "t1"


async def test_embeddings(tmp_path: Path) -> None:
    async with front(tmp_path, bad.always(Reply("x", input_tokens=4))) as (f, (vendor,)), f.openai() as client:
        done = await client.embeddings.create(model="smart", input=["one", "two"])
        assert len(done.data) == 2 and done.usage.prompt_tokens > 0
        assert vendor.calls[0].path == "/v1/embeddings"
        (row,) = await f.client.usage()
        assert row.agent == "default/outside/me" and row.input > 0
