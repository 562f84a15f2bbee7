"""A picture is its tenant's: who knows its key elsewhere reads nothing, learns nothing, keeps nothing and spoils nothing."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from holdfast import Agent, HoldfastError, Runtime
from holdfast.control.lifting import Placed
from holdfast.control.outside import ASK, Asked
from holdfast.control.sweeping import sweep
from holdfast.domain.address import Address
from holdfast.domain.conversation import Media, Text
from holdfast.domain.message import Kind, Message
from holdfast.journal.codec import encode
from holdfast.models.routes import Models, Target
from holdfast.testing import models as bad
from holdfast.testing.models import Reply, Vendor
from http_front import front

PNG = b"\x89PNG\r\n\x1a\n" + hashlib.sha512(b"acme's picture").digest() * 3_000
KEY = hashlib.sha256(PNG).hexdigest()
SENT = base64.b64encode(PNG).decode()
NOBODYS = hashlib.sha256(b"a picture that nobody has").hexdigest()
LATER = 10**15


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for a store."""
    places = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/s.db"}
    return places.get(request.param) or f"{request.getfixturevalue('postgres_url')}?schema=tenants_{abs(hash(tmp_path))}"


async def refusal(asking: Any) -> tuple[str, str]:
    """What somebody is told, without the key that they named themselves."""
    with pytest.raises(HoldfastError) as caught:
        await asking
    said = caught.value
    return said.code, said.message.replace(KEY[:12], "?").replace(NOBODYS[:12], "?")


async def test_a_message_with_another_tenants_key_reads_nothing(url: str) -> None:
    seer = Agent("seer", model="m")
    async with Vendor(bad.always(Reply("a cat"))) as vendor:
        target = Target(name="m", vendor="v", url=vendor.url, model="m1", vision=True)
        async with Runtime([seer], url, models=Models(targets=[target])) as runtime:
            store, worker = runtime.engine.worker.store, runtime.engine.worker
            acme, globex = seer.of("1", "acme"), seer.of("1", "globex")
            assert await runtime.call(acme.chat, [Media("image/png", data=PNG)]) == "a cat"
            assert await runtime.call(seer.of("2", "acme").chat, [Media("image/png", artifact=KEY)]) == "a cat"
            asked = len(vendor.calls)
            there = await refusal(runtime.call(globex.chat, [Text("what?"), Media("image/png", artifact=KEY)]))
            none = await refusal(
                runtime.call(seer.of("2", "globex").chat, [Text("what?"), Media("image/png", artifact=NOBODYS)])
            )
            assert there == none and there[0] == "artifact.missing" and len(vendor.calls) == asked
            assert await store.artifact("globex", KEY) is None

            # who has the same picture has one of its own, and what the other says of it keeps or removes nothing
            assert await runtime.call(seer.of("3", "globex").chat, [Media("image/png", data=PNG)]) == "a cat"
            assert await store.artifact("globex", KEY) == PNG
            await runtime.call(acme.forget)
            await runtime.call(seer.of("2", "acme").forget)
            while await store.compact(LATER, 100):
                pass
            assert await sweep(store, worker, LATER) == 1
            assert [await store.artifact(tenant, KEY) for tenant in ("acme", "globex")] == [None, PNG]


async def test_a_request_that_says_what_was_taken_out_of_it_reads_nothing_of_others(url: str) -> None:
    """What a request refers to is written beside it by the endpoint; here it is made up."""
    async with Vendor(bad.always(Reply("a cat"))) as vendor:
        target = Target(name="m", vendor="v", url=vendor.url, model="m1", vision=True)
        seer = Agent("seer", model="m")
        async with Runtime([seer], url, models=Models(targets=[target])) as runtime:
            await runtime.call(seer.of("1", "acme").chat, [Media("image/png", data=PNG)])
            told: dict[str, Any] = {}
            for to, key in (("globex/seer/1", KEY), ("globex/seer/1", NOBODYS), ("acme/seer/1", KEY)):
                body = {"model": "m", "messages": [{"role": "user", "content": ""}]}
                request = Asked("openai-chat", body, placed=[Placed(["messages", 0, "content"], key)])
                message = Message(Address(to), Kind.REQUEST, ASK, encode(((request,), {}), "request"), sender=to)
                _, outcome = await runtime.engine.flow.accept(message, wait=True)
                assert outcome is not None
                said = outcome.failure and (outcome.failure.code, outcome.failure.message.replace(key[:12], "?"))
                told[f"{to} {key}"] = said
            theirs, nobodys, own = told.values()
            assert theirs == nobodys and theirs[0] == "artifact.missing" and own is None
            assert len(vendor.calls) == 2  # the two of acme's


SEER = """
from holdfast import Agent

seer = Agent("seer", model="smart")
"""


async def test_through_the_public_endpoints(tmp_path: Path) -> None:
    """What a program of one tenant posts, somebody with every right in another one does not get to see or know of."""
    async with front(tmp_path, bad.always(Reply("a cat")), target={"vision": True}, agents=SEER) as (f, (vendor,)):
        acme = (await f.client.create_token("them", tenant="acme")).secret
        picture: Any = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{SENT}"}}
        async with f.openai(acme) as client:
            await client.chat.completions.create(model="smart", messages=[{"role": "user", "content": [picture]}])
        assert await f.server.store.artifact("acme", KEY) == PNG
        told: dict[tuple[str, str, str], tuple[int, str]] = {}
        for tenant in ("acme", "globex"):
            own = (await f.client.create_token("", who="person:eve", tenant=tenant, scopes=["admin"])).secret
            async with httpx.AsyncClient(base_url=f.url, headers={"authorization": f"Bearer {own}"}, timeout=20) as http:
                for to in ("seer/1", "acme/seer/2"):
                    for key in (KEY, NOBODYS):
                        said = [{"type": "media", "media_type": "image/png", "artifact": key}]
                        given = {"to": to, "handler": "chat", "payload": [said]}
                        answer = await http.post("/api/v1/operations/call", json=given)
                        text = answer.text.replace(key, "?").replace(key[:12], "?")
                        told[tenant, to, key] = answer.status_code, text
        assert "a cat" in told["acme", "seer/1", KEY][1] and "artifact.missing" in told["acme", "seer/1", NOBODYS][1]
        assert told["globex", "seer/1", KEY] == told["globex", "seer/1", NOBODYS]
        assert "artifact.missing" in told["globex", "seer/1", KEY][1]
        assert told["globex", "acme/seer/2", KEY] == told["globex", "acme/seer/2", NOBODYS]
        assert "tenant.crossed" in told["globex", "acme/seer/2", KEY][1]
        assert len(vendor.calls) == 3  # the first, and acme's own by key
