"""Secrets never enter a prompt, a journal, a log, a ledger, a backup or an agent's memory.

A canary is put wherever a secret can be configured; agents, models, tools, failures and everything that people look at run
against services that repeat whatever they are sent; then all that is left behind is searched for the canaries.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2 as httpx
import msgspec
import pytest

from holdfast.bootstrap.server import Server, Settings
from holdfast.control.identity.exchange import delegated
from holdfast.control.identity.scopes import NEEDS
from holdfast.control.operations import Operations
from holdfast.domain.errors import HoldfastError
from holdfast.domain.principal import Principal
from holdfast.journal.codec import encode
from holdfast.link import Endpoint
from holdfast.models.routes import Models, Route, Target
from holdfast.testing.models import Call, Reply, Vendor
from leaky import DOCUMENT, Leaky
from postgres_server import connect

PROGRAM = str(Path(__file__).with_name("leaky_program.py"))
CANARIES = {
    "MODEL_KEY": "canary-of-the-model-4b1c",
    "LEAKY_KEY": "canary-of-the-leaky-model-77d0",
    "MODEL_HEADER": "canary-of-a-header-9f3e",
    "SERVICE_KEY": "canary-of-the-service-c0ff",
    "PROGRAM_KEY": "canary-of-the-program-5a5a",
    "MCP_HEADER": "canary-of-an-mcp-header-1234",
    "DATABASE_PASSWORD": "canary-of-the-database-beef",
    "STORE_PASSWORD": "canary-of-the-store-d00d",
    "LOGIN_SECRET": "canary-of-the-login-abba",
    "HOLDFAST_ADMIN_TOKEN": "canary-of-whoever-set-it-up-e1e1",
    "VAULT_TOKEN": "canary-of-the-vaults-token-f00f",
}
FROM_VAULT = "canary-of-the-vault-91a2"
AGENTS = """
from holdfast import Agent, Context, tool
from holdfast.tools import McpServer, openapi_tools, sql_tools

service = openapi_tools({document!r}, base_url={url!r}, auth="secret:SERVICE_KEY", headers={{"x-more": "secret:vaulted"}})
database = sql_tools("env:DATABASE_URL")
programs = [
    McpServer([{python!r}, {program!r}], env={{"KEY": "env:PROGRAM_KEY"}}, required=False),
]
beyond = McpServer(url={url!r} + "/mcp", headers={{"authorization": "Bearer env:MCP_HEADER"}}, connect_seconds=2.0)
agent = Agent("leaky", model="smart", tools=[*service, *database], mcp=programs)
remote = Agent("remote", model="smart", mcp=[beyond])
"""
CALLS = ["echo", "fail", "query", "schema", "surroundings", "complain", "no_such_tool"]


def script(call: Call) -> Reply:
    """Call every tool there is, one after another, then tell what came of it."""
    done = sum(1 for message in call.messages if message["role"] == "tool")
    if done >= len(CALLS):
        return Reply(f"what I know: {json.dumps(call.messages)[:50_000]}")
    arguments = {"sql": "SELECT current_user"} if CALLS[done] == "query" else {}
    return Reply(tool_calls=[(f"c{done}", CALLS[done], arguments)])


@asynccontextmanager
async def world(tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[tuple[Server, Vendor, Leaky]]:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody:{CANARIES['DATABASE_PASSWORD']}@127.0.0.1:1/nowhere")
    file = tmp_path / "header"
    file.write_text(CANARIES["MODEL_HEADER"])
    async with Leaky() as leaky, Vendor(script, keys={CANARIES["MODEL_KEY"]}) as vendor:
        monkeypatch.setenv("VAULT_ADDR", leaky.url)
        code = tmp_path / "leaky_agents.py"
        code.write_text(AGENTS.format(document=DOCUMENT, url=leaky.url, python=sys.executable, program=PROGRAM))
        bad = Target(name="bad", vendor="l", url=f"{leaky.url}/v1", model="m", key="env:LEAKY_KEY")
        good = Target(
            name="good", vendor="v", url=vendor.url, model="m", key="env:MODEL_KEY", headers={"x-org": f"file:{file}"}
        )
        models = tmp_path / "models.json"
        models.write_bytes(
            msgspec.json.encode(Models(targets=[bad, good], routes=[Route(name="smart", targets=["bad", "good"])]))
        )
        identity = tmp_path / "identity.json"
        login = {"name": "company", "issuer": leaky.url, "client_id": "x", "client_secret": "env:LOGIN_SECRET"}
        identity.write_bytes(msgspec.json.encode({"oidc": [login]}))
        wire = Endpoint("127.0.0.1", 0)
        settings = Settings(
            places=(str(code),), store=store, listen=wire, http=0, models=str(models), identity=str(identity), auth=True
        )
        server = Server(settings)
        await server.start()
        try:
            yield server, vendor, leaky
        finally:
            await server.stop()


async def everything_people_look_at(server: Server, tmp_path: Path) -> str:
    """Every operation that reads, over HTTP and on the command line, and errors about what is wrong."""
    seen: list[str] = []
    assert server.http is not None and server.listener is not None
    token = CANARIES["HOLDFAST_ADMIN_TOKEN"]
    usual: dict[str, Any] = {
        "address": "leaky/1",
        "name": "leaky",
        "older_than_seconds": 1e9,
        "target": str(tmp_path / "backup.db"),
    }
    async with httpx.AsyncClient(
        base_url=server.http.url, headers={"authorization": f"Bearer {token}"}, timeout=20
    ) as client:
        for name, need in NEEDS.items():
            method = getattr(Operations, name)
            if (
                need.scope not in ("read", "system", "")
                or name in ("drain", "rotate_keys")
                or inspect.isasyncgenfunction(method)
            ):
                continue
            given = {p: usual[p] for p in inspect.signature(method).parameters if p in usual}
            answer = await client.post(f"/api/v1/operations/{name}", json=given)
            if name != "issue_token":
                seen.append(answer.text)
        for path in (
            "/.well-known/jwks.json",
            "/.well-known/oauth-authorization-server",
            "/auth/session",
            "/auth/login/company",
            "/v1/models",
        ):
            seen.append((await client.get(path)).text)
        seen.append(
            (await client.post("/api/v1/operations/call", json={"to": "x"}, headers={"authorization": "Bearer hf_x"})).text
        )
    url = server.listener.at.url
    for command in (
        "ps",
        "describe leaky/1",
        "journal leaky/1 -o json",
        "state leaky/1",
        "models",
        "cost",
        "token list",
        "keys list",
        "workers",
        "version",
    ):
        args = [sys.executable, "-m", "holdfast", "--token", token, *command.split(), "--url", url]
        done = await asyncio.to_thread(subprocess.run, args, capture_output=True, text=True, timeout=60)
        seen.append(done.stdout + done.stderr)
    return "\n".join(seen)


async def dumped(url: str) -> str:
    """All rows of all tables, as text."""
    schema = url.rpartition("schema=")[2]
    connection = await connect(url.partition("?")[0])
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
        assert len(tables) > 5
        return "\n".join(
            [
                repr(list(row.values()))
                for (table,) in tables
                for row in await connection.fetch(f'SELECT * FROM "{schema}"."{table}"')
            ]
        )
    finally:
        await connection.close()


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_no_secret_is_left_anywhere(
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    capfd: pytest.CaptureFixture[str],
) -> None:
    store = f"sqlite:///{tmp_path}/store.db"
    if kind == "postgres":
        parts = urlsplit(str(request.getfixturevalue("postgres_url")))
        login = f"{parts.username}:{quote(CANARIES['STORE_PASSWORD'])}@{parts.hostname}:{parts.port or 5432}"
        monkeypatch.setenv("STORE_URL", f"postgresql://{login}{parts.path}?schema=canaries")
        store = "env:STORE_URL"
    monkeypatch.setenv("HOLDFAST_KEYS", str(tmp_path / "ring"))
    log = logging.FileHandler(tmp_path / "log")
    root = logging.getLogger()
    before = root.level
    root.addHandler(log)
    root.setLevel(logging.DEBUG)
    try:
        async with world(tmp_path, store, monkeypatch) as (server, vendor, leaky):
            operations = server.operations
            made = await operations.create_token("leaky/2", note="a note")
            outcome = await operations.call("leaky/1", "chat", encode((("begin",), {})))
            assert outcome.failure is None, outcome.failure
            failed = await operations.call("remote/1", "chat", encode((("begin",), {})))
            assert failed.failure is not None and failed.failure.code == "mcp.refused", failed.failure
            with pytest.raises(HoldfastError):
                await server.identity.principal("hf_" + "0" * 40)
            looked = await everything_people_look_at(server, tmp_path)
            prompts = json.dumps([call.messages for call in vendor.calls])
            heard = "\n".join(leaky.heard)
            names = [(e.verb, e.name) for e in await operations.journal("leaky/1", limit=1000)]
            rows = await dumped(server.store.url) if kind == "postgres" else ""
    finally:
        root.removeHandler(log)
        root.setLevel(before)
        log.close()
    assert {("tool", name) for name in CALLS} <= set(names), "every tool was really called"
    for name in ("SERVICE_KEY", "LEAKY_KEY", "MCP_HEADER", "VAULT_TOKEN"):
        assert CANARIES[name] in heard, f"{name} was really sent"
    assert FROM_VAULT in heard and "[secret:SERVICE_KEY]" in prompts and "[env:PROGRAM_KEY]" in prompts
    files = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and p.name not in ("header", "ring"))
    assert "leaky/1" in rows or b"leaky/1" in files, "what is searched is really there"
    printed = "".join(capfd.readouterr())
    ring = json.loads((tmp_path / "ring").read_text())["keys"][0]["d"]
    wanted = {**CANARIES, "the vault's": FROM_VAULT, "an API token": made.secret, "the key ring": ring}
    for where, text in (
        ("looked at", looked),
        ("prompts", prompts),
        ("files (store, log, backup)", files.decode("latin-1")),
        ("rows", rows),
        ("printed", printed),
    ):
        assert [name for name, canary in wanted.items() if canary in text] == [], where


async def test_a_service_is_told_who_calls_and_on_whose_behalf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``identity:AUDIENCE``: a token of the agent's own that the service can verify, and that is good nowhere else."""
    monkeypatch.setenv("HOLDFAST_ADMIN_TOKEN", "whoever-set-it-up")
    agents = """
from holdfast import Agent
from holdfast.tools import openapi_tools

agent = Agent("caller", model="m", tools=openapi_tools({document!r}, base_url={url!r}, auth="identity:https://billing"))
"""

    def once(call: Call) -> Reply:
        return Reply("done") if call.messages[-1]["role"] == "tool" else Reply(tool_calls=[("c", "echo", {})])

    async with Leaky() as leaky, Vendor(once) as vendor:
        code = tmp_path / "calling_agents.py"
        code.write_text(agents.format(document=DOCUMENT, url=leaky.url))
        models = tmp_path / "models.json"
        models.write_bytes(msgspec.json.encode(Models(targets=[Target(name="m", vendor="v", url=vendor.url, model="m")])))
        settings = Settings(
            places=(str(code),),
            store=f"sqlite:///{tmp_path}/s.db",
            listen=Endpoint("127.0.0.1", 0),
            models=str(models),
            auth=True,
        )
        server = Server(settings)
        await server.start()
        try:
            desk = Principal("agent", "default/desk/7", "default", frozenset({"*"}))
            ada = Principal("person", "ada", "default", frozenset({"send"}))
            acting = server.operations.acting_for(delegated(ada, desk, 4))
            outcome = await acting.call("caller/1", "chat", encode((("go",), {})))
            assert outcome.failure is None, outcome.failure
            [head] = leaky.heard
            token = next(line[22:] for line in head.split("\r\n") if line.lower().startswith("authorization: bearer "))
            who = server.identity.authority.principal(server.identity.authority.read(token, audience="https://billing"))
            assert (who.id, who.act, who.scopes) == ("ada", ("default/desk/7", "default/caller/1"), frozenset())
            assert token not in json.dumps([call.messages for call in vendor.calls]), "and it is no part of a conversation"
            with pytest.raises(HoldfastError) as caught:
                await server.identity.principal(token)
            assert caught.value.code == "token.audience"
        finally:
            await server.stop()
