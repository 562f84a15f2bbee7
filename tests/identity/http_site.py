"""A server that asks everybody who they are, its tokens, and a plain HTTP client."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx2 as httpx
import msgspec

import holdfast
from holdfast.bootstrap.server import Server, Settings
from holdfast.domain.principal import OWNER, Principal
from holdfast.link import Endpoint
from holdfast.testing.identity_provider import IdentityProvider

AGENTS = '''
    """An agent that keeps notes."""

    import holdfast

    desk = holdfast.Agent("desk")


    @desk.handler
    async def note(ctx: holdfast.Context, text: str) -> dict[str, object]:
        message = ctx.turn.item.message
        return {
            "sender": message.sender, "chain": message.chain, "labels": message.labels, "tags": message.tags, "text": text
        }
'''
ROOT = Principal("person", "root", "*", frozenset({"*"}))


class Site:
    """A server, and how to ask it."""

    def __init__(self, server: Server, client: httpx.AsyncClient) -> None:
        self.server = server
        self.client = client
        assert server.listener is not None
        self.wire = server.listener.at.url

    async def token(
        self, who: str = "", *, agent: str = "", tenant: str = "", scopes: list[str] | None = None, **more: Any
    ) -> str:
        acting = self.server.operations.acting_for(OWNER)
        return (await acting.create_token(agent, who=who, tenant=tenant, scopes=scopes, **more)).secret

    async def ask(
        self, operation: str, token: str = "", headers: dict[str, str] | None = None, **given: Any
    ) -> httpx.Response:
        sent = {**({"authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        return await self.client.post(f"/api/v1/operations/{operation}", json=given, headers=sent)

    async def exchange(self, actor: str, subject: str, **more: str) -> httpx.Response:
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": subject,
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "actor_token": actor,
            **more,
        }
        return await self.client.post("/oauth/token", data=form)

    def connect(self, token: str = "") -> holdfast.connect:
        return holdfast.connect(self.wire, token=token)


@asynccontextmanager
async def site(
    tmp_path: Path,
    *,
    store: str = "",
    login: IdentityProvider | None = None,
    file: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncGenerator[Site]:
    """A server on this machine; with ``login`` it takes that provider's word for who people are."""
    code = tmp_path / "desks.py"
    code.write_text(dedent(AGENTS))
    said: dict[str, Any] = {**(file or {})}
    if login is not None:
        one = {"name": "company", "issuer": login.issuer, "client_id": login.client_id, "roles": {"operator": ["ops"]}}
        said["oidc"] = [{**one, "client_secret": "env:LOGIN_SECRET" if login.client_secret else ""}]
    path = ""
    if said:
        path = str(tmp_path / "identity.json")
        Path(path).write_bytes(msgspec.json.encode(said))
    defaults: dict[str, Any] = {
        "places": (str(code),),
        "store": store or f"sqlite:///{tmp_path}/s.db",
        "listen": Endpoint("127.0.0.1", 0),
        "http": 0,
        "identity": path,
        "auth": True,
    }
    server = Server(Settings(**{**defaults, **settings}))
    await server.start()
    try:
        assert server.http is not None
        async with httpx.AsyncClient(base_url=server.http.url, timeout=20) as client:
            yield Site(server, client)
    finally:
        await server.stop()
