"""A server with model endpoints, real model servers behind it, and a token."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import openai

import holdfast
from holdfast import Limits
from holdfast.bootstrap.server import Server, Settings
from holdfast.link import Endpoint
from holdfast.models.routes import Models, Route, Target
from holdfast.testing.models import Vendor


class Front:
    """A server with endpoints, and a token of ``outside/me``."""

    def __init__(self, server: Server, client: holdfast.Client, secret: str) -> None:
        self.server = server
        self.client = client
        self.secret = secret
        assert server.http is not None
        self.url = server.http.url

    def openai(self, secret: str = "") -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=secret or self.secret, max_retries=0)


@asynccontextmanager
async def front(
    tmp_path: Path,
    *scripts: Any,
    target: dict[str, Any] | None = None,
    agents: str = "",
    policy: str = "",
    turns: int = 2000,
    **route: Any,
) -> AsyncGenerator[tuple[Front, list[Vendor]]]:
    vendors = [Vendor(script) for script in scripts]
    for vendor in vendors:
        await vendor.start()
    limits: dict[str, Any] = {
        "first_token_seconds": 0.6,
        "stall_seconds": 0.6,
        "answer_seconds": 1.0,
        "connect_seconds": 1.0,
    }
    own: list[dict[str, Any]] = [{**limits, **(target or {}), **route.pop(f"t{n}", {})} for n in range(len(vendors))]
    targets = [Target(name=f"t{n}", vendor="v", url=v.url, model=f"m{n}", **own[n]) for n, v in enumerate(vendors)]
    models = Models(targets=targets, routes=[Route(name="smart", targets=[t.name for t in targets], **route)])
    file = tmp_path / "models.json"
    file.write_bytes(msgspec.json.encode(models))
    wire = Endpoint("", 0, str(tmp_path / "wire"))
    places: tuple[str, ...] = ()
    if agents:
        (tmp_path / "front_agents.py").write_text(agents)
        places = (str(tmp_path / "front_agents.py"),)
    policies: tuple[str, ...] = ()
    if policy:
        (tmp_path / "policy.yaml").write_text(policy)
        policies = (str(tmp_path / "policy.yaml"),)
    server = Server(
        Settings(
            places=places,
            policies=policies,
            store=f"sqlite:///{tmp_path / 's.db'}",
            listen=wire,
            models=str(file),
            http=0,
            limits=Limits(turns=turns),
        )
    )
    await server.start()
    try:
        async with holdfast.connect(f"holdfast+unix://{tmp_path / 'wire'}") as client:
            made = await client.create_token("me")
            yield Front(server, client, made.secret), vendors
    finally:
        await server.stop()
        for vendor in vendors:
            await vendor.close()
