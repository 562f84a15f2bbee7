"""Every edge asks who is there: the wire, operations over HTTP, the endpoints for models."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from holdfast import Runtime
from holdfast.domain.errors import HoldfastError, Rejected
from holdfast.journal.codec import decode_any, encode
from http_site import Site, site


@pytest.fixture(autouse=True)
def _admin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_ADMIN_TOKEN", "the-secret-of-whoever-set-it-up")


async def said(s: Site, token: str, **given: Any) -> Any:
    asked: dict[str, Any] = {"to": "desk/1", "handler": "note", "payload": ["hi"], **given}
    answer = await s.ask("call", token, **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["value"]


async def test_nobody_gets_in_without_a_token(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        answer = await s.ask("agents")
        assert (answer.status_code, answer.json()["code"]) == (401, "auth.required")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert (await s.ask("agents", "hf_made_up")).json()["code"] == "auth.unknown"
        with pytest.raises(Rejected) as caught:
            async with s.connect():
                pass
        assert caught.value.code == "auth.required"
        with pytest.raises(Rejected) as caught:
            async with s.connect("hf_" + "0" * 40):
                pass
        assert caught.value.code == "auth.unknown"
        assert (await s.client.get("/healthz")).status_code == 200


async def test_a_token_opens_what_its_scopes_say(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        viewer = await s.token("person:ada", scopes=["viewer"])
        assert (await s.ask("agents", viewer)).status_code == 200
        refused = await s.ask("pause", viewer, address="desk/1")
        assert (refused.status_code, refused.json()["code"]) == (403, "auth.scope")
        async with s.connect(viewer) as client:
            assert (await client.whoami()).id == "ada"
            with pytest.raises(Rejected) as caught:
                await client.pause("desk/1")
            assert caught.value.code == "auth.scope"


async def test_whoever_set_it_up_gets_in(tmp_path: Path) -> None:
    async with site(tmp_path) as s, s.connect("the-secret-of-whoever-set-it-up") as client:
        made = await client.create_token(who="person:ada", scopes=["admin"], tenant="acme")
        who = (await s.ask("whoami", made.secret)).json()
        assert (who["id"], who["tenant"], who["scopes"], who["owner"]) == ("ada", "acme", ["*"], False)


async def test_nobody_says_of_themselves_who_they_are(tmp_path: Path) -> None:
    """Sender, chain, labels and tags are read off the token."""
    async with site(tmp_path) as s:
        ada = await s.token("person:ada", scopes=["operator"])
        program = await s.token(agent="desk/7", scopes=["send"], labels={"team": "search"})
        assert await said(s, ada, sender="boss") == {
            "sender": "default/person:ada", "chain": ["default/person:ada"], "labels": ["user"], "tags": {}, "text": "hi"
        }  # fmt: skip
        assert await said(s, program, sender="client") == {
            "sender": "default/desk/7",
            "chain": ["default/desk/7"],
            "labels": ["agent:default/desk/7"],
            "tags": {"team": "search"},
            "text": "hi",
        }
        for forged in ({"chain": ["x"]}, {"labels": ["user"]}, {"tags": {"team": "other"}}):
            given: dict[str, Any] = {"to": "desk/1", "handler": "note", "payload": ["hi"], **forged}
            assert (await s.ask("call", program, **given)).json()["code"] == "operation.input"
        async with s.connect(program) as client:
            outcome = await client.channel.request(
                "call", to="desk/2", handler="note", payload=encode((("hi",), {})), sender="me"
            )
            assert decode_any(outcome.value)["sender"] == "default/desk/7"


async def test_a_revoked_token_ends_within_seconds_also_where_it_was_let_in(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        ada = await s.token("person:ada", scopes=["viewer"])
        async with s.connect(ada) as client:
            assert (await client.whoami()).id == "ada"
            [held] = [t for t in await s.server.operations.tokens() if t.who == "person:ada"]
            await s.server.operations.revoke_token(held.id)
            s.server.identity.held.forget()
            with pytest.raises(Rejected) as caught:
                await client.whoami()
            assert caught.value.code == "auth.unknown"


async def test_a_token_ends_when_its_time_is_over(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        short = await s.token("person:ada", scopes=["viewer"], seconds=0.2)
        assert (await s.ask("agents", short)).status_code == 200
        async with asyncio.timeout(10):
            while (await s.ask("agents", short)).status_code == 200:
                await asyncio.sleep(0.05)
        assert (await s.ask("agents", short)).json()["code"] == "auth.unknown"
        assert await s.server.operations.tokens() == []


async def test_only_a_worker_of_every_tenant_reaches_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(tmp_path) as s:
        monkeypatch.setenv("HOLDFAST_TOKEN", await s.token("person:ada", scopes=["admin"], tenant="acme"))
        with pytest.raises(HoldfastError) as caught:
            async with Runtime([], s.wire):
                pass
        assert caught.value.code == "auth.scope"
        monkeypatch.setenv("HOLDFAST_TOKEN", await s.token("service:w", scopes=["worker"], tenant="*"))
        async with Runtime([], s.wire) as worker:
            assert "acme" in {a.address.partition("/")[0] for a in await worker.agents()}


async def test_where_nobody_is_asked_only_this_machines_pages_and_programs_are_answered(tmp_path: Path) -> None:
    async with site(tmp_path, auth=False) as s:
        assert (await s.ask("whoami")).json()["owner"] is True
        rebound = await s.ask("whoami", headers={"host": "evil.example"})
        assert (rebound.status_code, rebound.json()["code"]) == (403, "auth.elsewhere")
        framed = await s.ask("whoami", headers={"origin": "https://evil.example"})
        assert framed.status_code == 403
        assert (await s.ask("whoami", "hf_wrong")).json()["code"] == "auth.unknown", "a wrong token is never nobody"


async def test_models_are_asked_by_agents_only(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        body = {"model": "smart", "messages": [{"role": "user", "content": "hi"}]}
        ada = await s.token("person:ada", scopes=["admin"])
        mute = await s.token(agent="desk/7", scopes=["send"])
        for token, status in (("", 401), ("hf_x", 401), (ada, 403), (mute, 403)):
            headers = {"authorization": f"Bearer {token}"} if token else {}
            answer = await s.client.post("/v1/chat/completions", json=body, headers=headers)
            assert answer.status_code == status, (token, answer.text)
