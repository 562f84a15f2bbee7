"""Pictures, files and thinking through a whole conversation: whichever vendor answers, what was said before is there, and
the journal stays as small as its words."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import anthropic
import pytest

from holdfast import Agent, Runtime
from holdfast.control.sweeping import sweep
from holdfast.domain.conversation import Media, Text
from holdfast.models.routes import Models, Route, Target
from holdfast.testing import models as bad
from holdfast.testing.models import Reply, Vendor
from http_front import front

PNG = b"\x89PNG\r\n\x1a\n" + hashlib.sha512(b"a picture of a cat").digest() * 2_000
PDF = b"%PDF-1.7\n" + hashlib.sha512(b"a contract").digest() * 2_000
PICTURE, CONTRACT = base64.b64encode(PNG).decode(), base64.b64encode(PDF).decode()
KEYS = [hashlib.sha256(data).hexdigest() for data in (PNG, PDF)]
DIALECTS = ["openai-chat", "openai-responses", "anthropic"]
LATER = 10**15
MAIN: dict[str, Any] = {"first_token_seconds": 2.0, "connect_seconds": 2.0, "answer_seconds": 5.0}


async def kept(store: Any, address: str) -> int:
    """Bytes that the store has of an agent, artifacts aside."""
    rows = [*await store.entries(address, 0, 1000), *await store.messages(statuses=range(10), address=address, limit=100)]
    return sum(len(row.body) for row in rows) + sum(len(s.value or b"") for s in (await store.state(address)).values())


@pytest.mark.parametrize("other", DIALECTS)
async def test_a_programs_picture_file_and_thinking_go_on_with_another_vendor(tmp_path: Path, other: str) -> None:
    """Anthropic's client, first answered by one that thinks, then, mid-conversation, by one of any dialect."""
    answered = Reply("I look.", thinking="it may be a cat", tool_calls=[("t1", "look", {"x": 1})])
    first = bad.first(1, answered, then=bad.ServerError(503))
    dialects: dict[str, Any] = {"t0": {"dialect": "anthropic", "vision": True}, "t1": {"dialect": other, "vision": True}}
    async with front(tmp_path, first, bad.always(Reply("a cat")), **dialects) as (f, (one, two)):
        tools: list[Any] = [{"name": "look", "input_schema": {"type": "object", "properties": {"x": {"type": "integer"}}}}]
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
        file = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": CONTRACT}}
        said: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "what is it?"}, image, file]}]
        async with anthropic.AsyncAnthropic(base_url=f.url, api_key=f.secret, max_retries=0) as known:
            client: Any = known
            asked: dict[str, Any] = {"model": "smart", "max_tokens": 2000, "tools": tools}
            done: Any = await client.messages.create(**asked, messages=said)
            blocks: list[Any] = [b.model_dump(exclude_none=True) for b in done.content]
            assert [b["type"] for b in blocks] == ["thinking", "text", "tool_use"]
            result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "seven"}, image]}
            said += [{"role": "assistant", "content": blocks}, {"role": "user", "content": [result]}]
            again: Any = await client.messages.create(**asked, messages=said)
        assert again.content[0].text == "a cat"
        sent = json.dumps(two.calls[-1].body)
        assert sent.count(PICTURE) == 2 and sent.count(CONTRACT) == 1
        assert "what is it?" in sent and "I look." in sent and "seven" in sent and '"t1"' in sent
        assert PICTURE in json.dumps(one.calls[0].body)
        assert await kept(f.server.store, "default/outside/me") < 30_000
        assert [await f.server.store.artifact("default", key) for key in KEYS] == [PNG, PDF]


@pytest.mark.parametrize("other", DIALECTS)
async def test_openais_picture_and_file_go_on_with_another_vendor(tmp_path: Path, other: str) -> None:
    """OpenAI's client with a data URL and a file, answered by another vendor once the first one is down."""
    first = bad.first(1, Reply("A cat, and a contract."), then=bad.ServerError(503))
    dialects: dict[str, Any] = {"t0": {"dialect": "openai-chat", "vision": True}, "t1": {"dialect": other, "vision": True}}
    async with front(tmp_path, first, bad.always(Reply("Ginger.")), **dialects) as (f, (_, two)), f.openai() as client:
        parts = [
            {"type": "text", "text": "what are they?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
            {"type": "file", "file": {"filename": "c.pdf", "file_data": f"data:application/pdf;base64,{CONTRACT}"}},
        ]
        said: list[Any] = [{"role": "user", "content": parts}]
        done = await client.chat.completions.create(model="smart", messages=said)
        said += [
            {"role": "assistant", "content": done.choices[0].message.content},
            {"role": "user", "content": "which colour?"},
        ]
        again = await client.chat.completions.create(model="smart", messages=said)
        assert again.choices[0].message.content == "Ginger."
        sent = json.dumps(two.calls[-1].body)
        assert sent.count(PICTURE) == 1 and sent.count(CONTRACT) == 1 and "A cat, and a contract." in sent
        assert await kept(f.server.store, "default/outside/me") < 30_000


@pytest.mark.parametrize("place", ["sqlite", "postgres"])
@pytest.mark.parametrize("other", DIALECTS)
async def test_an_agents_conversation_goes_on_with_another_vendor(
    other: str, place: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    if place == "postgres":
        url = f"{request.getfixturevalue('postgres_url')}?schema=pictures_{other.replace('-', '_')}"
    first = bad.first(1, Reply("A cat.", thinking="whiskers"), then=bad.ServerError(503))
    seer = Agent("seer", model="smart")
    async with Vendor(first) as one, Vendor(bad.always(Reply("Ginger."))) as two:
        targets = [
            Target(name="one", vendor="v", url=one.url, model="m", dialect="anthropic", vision=True, **MAIN),
            Target(name="two", vendor="w", url=two.url, model="n", dialect=other, vision=True, **MAIN),
        ]
        models = Models(targets=targets, routes=[Route(name="smart", targets=["one", "two"])])
        async with Runtime([seer], url, models=models) as runtime:
            assert await runtime.call(seer["1"].chat, [Text("what is it?"), Media("image/png", data=PNG)]) == "A cat."
        async with Runtime([seer], url, models=models) as runtime:  # another process, another vendor
            assert await runtime.call(seer["1"].chat, "which colour?") == "Ginger."
            sent = json.dumps(two.calls[-1].body)
            assert sent.count(PICTURE) == 1 and "A cat." in sent and "which colour?" in sent
            assert await kept(runtime.store, "default/seer/1") < 30_000
            said = await runtime.call(seer["1"].conversation)
            assert [s.role for s in said] == ["user", "assistant", "user", "assistant"]


async def test_a_conversation_with_pictures_is_summed_up_and_they_stay(tmp_path: Path) -> None:
    """What was summed up is not sent any more; its picture is there for whoever reads the journal."""
    seer = Agent("seer", model="m", memory_tokens=700)
    said = Reply("It is a cat. " + "A long story of it. " * 60)
    async with Vendor(bad.always(said)) as vendor:
        target = Target(name="m", vendor="v", url=vendor.url, model="m1", vision=True)
        async with Runtime([seer], f"sqlite:///{tmp_path}/s.db", models=Models(targets=[target])) as runtime:
            await runtime.call(seer["1"].chat, [Text("what is it?"), Media("image/png", data=PNG)])
            for n in range(6):
                await runtime.call(seer["1"].chat, f"and now, number {n}? " + "Tell me all. " * 30)
            assert PICTURE in json.dumps(vendor.calls[0].body)
            assert PICTURE not in json.dumps(vendor.calls[-1].body)
            conversation = await runtime.call(seer["1"].conversation)
            assert len(conversation) < 14 and not any(isinstance(p, Media) and p.data for s in conversation for p in s.parts)
            assert await runtime.store.artifact("default", KEYS[0]) == PNG
            assert await sweep(runtime.store, runtime.engine.worker, LATER) == 0  # the journal names it
            while await runtime.store.compact(LATER, 100):
                pass
            assert await sweep(runtime.store, runtime.engine.worker, LATER) == 1  # and nobody does any more
            assert await runtime.store.artifact("default", KEYS[0]) is None
