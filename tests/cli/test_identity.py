"""Who one is on the command line: tokens made before there is a server, logging in, keys."""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx
import pytest

from holdfast.testing.identity_provider import IdentityProvider
from processes import Place


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("HOLDFAST_TOKEN", raising=False)


def test_from_nothing_to_a_server_that_asks_everybody(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    args = ("up", str(place.file), "--store", place.store, "--unix", str(place.socket), "--auth", "--no-reload")
    place.run(*args).failed("server.no_auth")
    made = place.run("token", "create", "--store", place.store, "--for", "person:me", "--scope", "admin", "--tenant", "*")
    assert made.code == 0, made.err
    secret = made.out.strip()
    assert secret.startswith("hf_") and secret not in made.err

    monkeypatch.setenv("HOLDFAST_TOKEN", secret)
    place.up("--auth", "--no-reload")
    monkeypatch.delenv("HOLDFAST_TOKEN")
    place.run("ps").failed("auth.required")
    assert place.run("--token", secret, "whoami", "-o", "json").json["id"] == "me"

    command = [sys.executable, "-m", "holdfast", "login"]
    done = subprocess.run(command, input=secret + "\n", text=True, env=place.environment(), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    kept = Path(place.environment()["XDG_CONFIG_HOME"]) / "holdfast" / "credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert place.run("ps").code == 0, "the token was kept"

    viewer = place.run("token", "create", "--for", "service:ci", "--scope", "viewer", "--expires", "1h").out.strip()
    place.run("--token", viewer, "pause", "counter/a").failed("auth.scope")
    place.run("--token", viewer, "token", "create", "--for", "person:x").failed("auth.scope")
    rows = place.run("token", "list", "-o", "json").json
    assert {(t["who"], tuple(t["scopes"])) for t in rows} == {("person:me", ("*",)), ("service:ci", ("read",))}
    assert place.run("token", "revoke", next(t["id"] for t in rows if t["who"] == "service:ci")).code == 0

    [before] = place.run("keys", "list", "-o", "json").json
    rotated = place.run("keys", "rotate", "--overlap", "1h", "-o", "json").json
    assert [k["state"] for k in place.run("keys", "list", "-o", "json").json] == ["signing", "believed"]
    assert rotated["id"] != before["id"]
    ring = Path(f"{place.folder}/store.db.keys")
    assert stat.S_IMODE(ring.stat().st_mode) == 0o600
    issued = place.run("token", "issue", "--seconds", "60").out.strip()
    assert issued.count(".") == 2 and place.run("--token", issued, "whoami", "-o", "json").json["id"] == "me"
    assert place.run("logout").code == 0
    place.run("ps").failed("auth.required")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("token", "create"), "token.holder"),
        (("token", "create", "desk/1", "--for", "person:x"), "token.holder"),
        (("token", "create", "--for", "king"), "token.holder"),
        (("token", "create", "--for", "person:x", "--scope", "king"), "auth.unknown_scope"),
        (("token", "create", "--for", "person:x", "--expires", "9999d"), "token.lifetime"),
        (("token", "create", "--for", "person:x", "--tenant", "no/tenant"), "address.malformed"),
        (("token", "create", "--agent", "holdfast.token/1"), "agent.reserved"),
        (("up", "--identity", "/not/there", "--models", "x.yaml"), "identity.file"),
        (("up", "--host", "0.0.0.0", "--models", "x.yaml"), "server.no_tls"),
        (("up", "--host", "0.0.0.0", "--models", "x.yaml", "--tls-cert", "/not/there"), "server.certificate"),
    ],
)
def test_bad_input_is_told(place: Place, args: tuple[str, ...], code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "certificate" in code:
        monkeypatch.setenv("HOLDFAST_ADMIN_TOKEN", "a secret")
    (place.folder / "x.yaml").write_text("targets: []")
    more = ("--store", place.store) if args[0] in ("token", "up") else ()
    if args[0] == "token":
        place.run("token", "create", "--store", place.store, "--for", "person:first")  # makes the store
    place.run(*args, *more).failed(code)


async def test_signing_in_with_a_browser_from_the_terminal(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_ADMIN_TOKEN", "whoever-set-it-up")
    async with IdentityProvider(now=time.time) as login:
        file = place.folder / "identity.json"
        one = {"name": "company", "issuer": login.issuer, "client_id": "holdfast", "roles": {"viewer": ["ops"]}}
        file.write_text(json.dumps({"oidc": [one]}))
        monkeypatch.setenv("HOLDFAST_TOKEN", "whoever-set-it-up")
        await asyncio.to_thread(place.up, "--identity", str(file), "--no-reload")
        monkeypatch.delenv("HOLDFAST_TOKEN")
        command = [sys.executable, "-m", "holdfast", "login", "--issuer", login.issuer]
        process = await asyncio.create_subprocess_exec(
            *command, env=place.environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr is not None
        async with asyncio.timeout(30):
            while not (line := (await process.stderr.readline()).decode().strip()).startswith("http"):
                assert process.returncode is None
            async with httpx.AsyncClient(follow_redirects=True) as browser:
                assert "Signed in" in (await browser.get(line)).text
            assert await process.wait() == 0
        who = await asyncio.to_thread(place.run, "whoami", "-o", "json")
        assert who.json["id"] == "ada@example.org"
