"""Pictures and files: beside the journal, once, and whole wherever a vendor needs them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anthropic
import pytest

import holdfast
from holdfast import Agent, HoldfastError, Limits, Runtime, tool
from holdfast.domain.conversation import Media, Text
from holdfast.models.routes import Models, Target
from holdfast.testing import models as bad
from holdfast.testing.models import Call, Reply, Vendor
from http_front import front
from processes import Place

PNG = b"\x89PNG\r\n\x1a\n" + hashlib.sha512(b"a picture").digest() * 3_000
PDF = b"%PDF-1.7\n" + hashlib.sha512(b"a document").digest() * 3_000
KEY = hashlib.sha256(PNG).hexdigest()
SENT = base64.b64encode(PNG).decode()


async def until(look: Callable[[], Any], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not look():
            await asyncio.sleep(0.01)


class Turned:
    """Every byte turned over. Not a cipher: it only shows what is sealed."""

    def seal(self, body: bytes) -> bytes:
        """See ``Seal``."""
        return bytes(255 - b for b in body)

    open = seal


@asynccontextmanager
async def running(agents: list[Agent], script: Any, store: str = "memory://", **how: Any) -> AsyncGenerator[Any]:
    async with Vendor(script) as vendor:
        models = Models(targets=[Target(name="m", vendor="v", url=vendor.url, model="m1", vision=True)])
        async with Runtime(agents, store, models=models, lease_seconds=2.0, **how) as runtime:
            yield runtime, vendor


async def weight(runtime: Runtime, address: str) -> int:
    """Bytes of everything that the store has of an agent, artifacts aside."""
    store = runtime.engine.worker.store
    rows = await store.entries(address, 0, 10_000)
    messages = await store.messages(statuses=range(10), address=address, limit=1000)
    state = await store.state(address)
    return (
        sum(len(r.body) for r in rows)
        + sum(len(m.body) for m in messages)
        + sum(len(s.value or b"") for s in state.values())
    )


@pytest.mark.parametrize("place", ["memory", "sqlite", "postgres"])
async def test_a_picture_that_is_said_is_kept_beside_the_journal(
    place: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/s.db"}.get(place) or request.getfixturevalue(
        "postgres_url"
    )
    seer = Agent("seer", model="m")
    async with running([seer], bad.always(Reply("a cat")), url) as (runtime, vendor):
        assert await runtime.call(seer["1"].chat, [Text("what is it?"), Media("image/png", data=PNG)]) == "a cat"
        assert await runtime.call(seer["1"].chat, "and now?") == "a cat"
        assert all(SENT in str(call.messages) for call in vendor.calls) and len(vendor.calls) == 2
        assert await weight(runtime, "default/seer/1") < 20_000
        assert await runtime.engine.worker.store.artifact("default", KEY) == PNG
        said = await runtime.call(seer["1"].conversation)
        assert said[0].parts[1] == Media("image/png", artifact=KEY)


async def test_a_small_picture_stays_where_it_is() -> None:
    seer = Agent("seer", model="m")
    async with running([seer], bad.always(Reply("a dot"))) as (runtime, vendor):
        await runtime.call(seer["1"].chat, [Media("image/png", data=PNG[:500])])
        assert base64.b64encode(PNG[:500]).decode() in str(vendor.calls[0].messages)
        assert await runtime.engine.worker.store.artifact("default", hashlib.sha256(PNG[:500]).hexdigest()) is None


@pytest.mark.parametrize("how", ["async", "thread", "steps"])
async def test_what_a_tool_shows_is_kept_too(how: str) -> None:
    shown = [Text("here:"), Media("image/png", data=PNG)]

    async def on_loop() -> list[Text | Media]:
        return shown

    def in_thread() -> Media:
        return shown[1]  # type: ignore[return-value]

    async def with_steps(ctx: Any) -> list[Text | Media]:
        return shown

    with_steps.__annotations__["ctx"] = "Context"
    made = {"async": on_loop, "thread": in_thread, "steps": with_steps}[how]
    seer = Agent("seer", model="m", tools=[tool(made)])

    def script(call: Call) -> Reply:
        return Reply("seen") if call.messages[-1]["role"] != "user" or SENT in str(call.messages) else Reply(
            tool_calls=[("c", made.__name__, {})]
        )  # fmt: skip

    async with running([seer], script) as (runtime, vendor):
        assert await runtime.call(seer["1"].chat, "show me") == "seen"
        assert SENT in str(vendor.calls[1].messages)
        assert await weight(runtime, "default/seer/1") < 20_000
        assert await runtime.engine.worker.store.artifact("default", KEY) == PNG


OPENAI_CHAT = [
    {"type": "text", "text": "what?"},
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{SENT}"}},
]
RESPONSES = [
    {"role": "user", "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{SENT}", "detail": "auto"}]}
]
ANTHROPIC = [
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": SENT}},
    {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(PDF).decode()},
    },
]


@pytest.mark.parametrize("target", ["openai-chat", "openai-responses", "anthropic"])
@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses", "anthropic"])
async def test_endpoints_keep_what_programs_send(dialect: str, target: str, tmp_path: Path) -> None:
    said = Reply("a cat", input_tokens=5, output_tokens=2)
    own = {"dialect": target, "vision": True}
    async with front(tmp_path, bad.always(said), target=own) as (f, (vendor,)):
        if dialect == "anthropic":
            async with anthropic.AsyncAnthropic(base_url=f.url, api_key=f.secret, max_retries=0) as client:
                messages: Any = [{"role": "user", "content": ANTHROPIC}]
                await client.messages.create(model="smart", max_tokens=100, messages=messages)
        else:
            async with f.openai() as client:
                if dialect == "openai-chat":
                    messages = [{"role": "user", "content": OPENAI_CHAT}]
                    await client.chat.completions.create(model="smart", messages=messages)
                else:
                    await client.responses.create(model="smart", input=cast(Any, RESPONSES))
        sent = json.dumps(vendor.calls[0].body)
        assert SENT in sent and (dialect != "anthropic" or base64.b64encode(PDF).decode() in sent)
        store = f.server.store
        rows = await store.entries("default/outside/me", 0, 100)
        messages_kept = await store.messages(statuses=range(10), address="default/outside/me", limit=100)
        assert sum(len(r.body) for r in [*rows, *messages_kept]) < 20_000
        assert await store.artifact("default", KEY) == PNG


async def test_what_is_larger_than_a_message_may_be_goes_through(tmp_path: Path) -> None:
    seer = Agent("seer", model="m")
    huge = PNG * 30
    async with running([seer], bad.always(Reply("a cat"))) as (runtime, vendor):
        assert len(huge) > runtime.engine.worker.limits.payload_bytes
        assert await runtime.call(seer["1"].chat, [Media("image/png", data=huge)]) == "a cat"
        assert base64.b64encode(huge).decode() in str(vendor.calls[0].messages)


async def test_what_is_too_large_is_refused_and_nothing_is_written() -> None:
    seer = Agent("seer", model="m")
    async with running([seer], bad.always(Reply("a cat")), limits=Limits(artifact_bytes=1_000)) as (runtime, vendor):
        with pytest.raises(HoldfastError) as caught:
            await runtime.call(seer["1"].chat, [Media("image/png", data=PNG)])
        assert caught.value.code == "artifact.too_large" and "limits.artifact_bytes" in caught.value.message
        assert not vendor.calls and await runtime.engine.worker.store.agent("default/seer/1") is None


async def test_what_is_not_there_is_said_and_no_vendor_is_asked() -> None:
    seer = Agent("seer", model="m")
    async with running([seer], bad.always(Reply("a cat"))) as (runtime, vendor):
        with pytest.raises(HoldfastError) as caught:
            await runtime.call(seer["1"].chat, [Media("image/png", artifact="0" * 64)])
        assert caught.value.code == "artifact.missing" and not vendor.calls
        await runtime.engine.worker.store.keep("default", {"1" * 64: b"something else"})
        with pytest.raises(HoldfastError) as caught:
            await runtime.call(seer["2"].chat, [Media("image/png", artifact="1" * 64)])
        assert caught.value.code == "artifact.damaged" and not vendor.calls


async def test_an_image_is_not_counted_by_its_bytes() -> None:
    seer = Agent("seer", model="m")
    async with Vendor(bad.always(Reply("a cat"))) as vendor:
        target = Target(name="m", vendor="v", url=vendor.url, model="m1", vision=True, context=8_000)
        async with Runtime([seer], "memory://", models=Models(targets=[target])) as runtime:
            assert await runtime.call(seer["1"].chat, [Media("image/png", data=PNG)]) == "a cat"
            with pytest.raises(HoldfastError) as caught:
                await runtime.call(seer["1"].chat, [Media("application/pdf", data=PDF)])
            assert caught.value.code == "model.no_fit"


async def test_in_a_sealed_store_it_is_sealed(tmp_path: Path) -> None:
    seer, seal = Agent("seer", model="m"), Turned()
    url = f"sqlite:///{tmp_path}/s.db"
    async with running([seer], bad.always(Reply("a cat")), url, seal=seal) as (runtime, vendor):
        await runtime.call(seer["1"].chat, [Media("image/png", data=PNG)])
        kept = await runtime.engine.worker.store.artifact("default", KEY)
        assert kept is not None and PNG[:64] not in kept and seal.open(kept) == PNG
        assert SENT in str(vendor.calls[0].messages)
    assert all(PNG[:64] not in file.read_bytes() for file in tmp_path.iterdir())
    async with running([seer], bad.always(Reply("a cat")), url, seal=seal) as (runtime, vendor):
        await runtime.call(seer["1"].chat, "again")
        assert SENT in str(vendor.calls[0].messages)


SEER = """
from holdfast import Agent, tool
from holdfast.domain.conversation import Media, Text

async def look() -> Media:
    "Look."
    open("looked", "a").write("x")
    return Media("image/png", data=open("picture", "rb").read())

seer = Agent("seer", model="m", tools=[look])
"""


@pytest.mark.parametrize("beside", [False, True])
async def test_it_is_there_after_kill_9(beside: bool, tmp_path: Path) -> None:
    """In the server's own process, and in a worker beside it, which keeps it over the wire."""
    (tmp_path / "picture").write_bytes(PNG)
    held = True

    async def script(call: Call) -> Any:
        if call.messages[-1]["role"] == "user" and SENT not in str(call.messages):
            return Reply(tool_calls=[("c", "look", {})])
        return bad.NoAnswer() if held else Reply("a cat")

    async with Vendor(script) as vendor:
        place = Place(tmp_path, SEER.replace('"looked"', repr(str(tmp_path / "looked"))).replace(
            '"picture"', repr(str(tmp_path / "picture"))))  # fmt: skip
        models = tmp_path / "models.yaml"
        target = {"name": "m", "vendor": "v", "url": vendor.url, "model": "m1", "vision": True}
        models.write_text(json.dumps({"targets": [target]}))
        (tmp_path / "idle.py").write_text("from holdfast import Agent\n\nidle = Agent('idle')\n")
        served = [str(tmp_path / "idle.py")] if beside else [str(place.file), "--models", str(models)]
        up = ["up", *served, "--store", place.store, "--unix", str(place.socket)]
        worker = ["worker", str(place.file), "--models", str(models), "--store", f"holdfast+unix://{place.socket}"]
        try:
            server = place.start(*up)
            await until(lambda: place.socket.exists())
            victim = place.start(*worker) if beside else server
            async with holdfast.connect(place.url) as client:
                while "seer" not in {v.name for v in await client.versions()}:
                    await asyncio.sleep(0.05)
                await client.send(Agent("seer", model="m")["1"].chat, "what is there?")
            await until(lambda: len(vendor.calls) >= 2)
            victim.kill()
            victim.wait(10)
            held = False
            if beside:
                place.start(*worker)
            else:
                place.socket.unlink(missing_ok=True)
                place.start(*up)
            await until(lambda: len(vendor.calls) >= 3, 40.0)
            assert SENT in str(vendor.calls[-1].messages) and (tmp_path / "looked").read_text() == "x"
        finally:
            place.close()
