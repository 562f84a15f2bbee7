"""``holdfast doctor`` and ``holdfast --dry-run``: told what is wrong and what would happen, with nothing touched."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from holdfast.bootstrap.server import Server, Settings
from holdfast.link import Endpoint
from postgres_server import PostgresServer, connect

AGENTS = '''"""An agent that fails."""
import holdfast

desk = holdfast.Agent("desk", description="Fails.")

@desk.handler
async def fail(ctx: holdfast.Context) -> None:
    """Fail."""
    raise ValueError("on purpose")
'''


@asynccontextmanager
async def _server(tmp_path: Path) -> AsyncGenerator[Server]:
    code = tmp_path / "failing.py"
    code.write_text(AGENTS)
    server = Server(
        Settings(places=(str(code),), store=f"sqlite:///{tmp_path / 's.db'}", listen=Endpoint("", 0, str(tmp_path / "wire")))
    )
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def _holdfast(tmp_path: Path, *args: str) -> tuple[int, Any]:
    env = {**os.environ, "HOLDFAST_URL": f"holdfast+unix://{tmp_path / 'wire'}"}
    program = [sys.executable, "-m", "holdfast", *args]
    done = await asyncio.to_thread(
        subprocess.run, program, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode, done.stdout + done.stderr


async def test_it_finds_a_dead_letter_and_says_what_mends_it(tmp_path: Path) -> None:
    async with _server(tmp_path) as server:
        code, well = await _holdfast(tmp_path, "doctor", "-o", "json")
        names = {c["name"]: c for c in well}
        assert code == 0, well
        assert names["agents"]["state"] == "ok" and float(names["fsync"]["what"].split()[0]) > 0
        await server.operations.invoke("send", {"to": "desk/1", "handler": "fail", "payload": []})
        await server.operations.invoke("pause", {"address": "desk/1", "why": "odd"})
        async with asyncio.timeout(10):
            while not await server.operations.dead():
                await asyncio.sleep(0.02)
        code, found = await _holdfast(tmp_path, "doctor", "-o", "json")
        ill = {c["name"]: c for c in found}
        assert code == 1
        letter = ill["dead_letter desk/1"]
        assert letter["state"] == "broken" and "on purpose" in letter["what"] and "redeliver" in letter["mend"]
        assert ill["paused desk/1"]["state"] == "warning" and "odd" in ill["paused desk/1"]["what"]


async def test_without_a_server_it_says_how_to_start_one(tmp_path: Path) -> None:
    code, found = await _holdfast(tmp_path, "doctor", "-o", "json", "--store", "sqlite:////nowhere/at/all.db")
    told = {c["name"]: c for c in found}
    assert code == 1 and told["store"]["state"] == "broken"
    assert told["server"]["state"] == "warning" and "holdfast up" in told["server"]["mend"]


async def test_a_dry_run_tells_and_touches_nothing(tmp_path: Path) -> None:
    async with _server(tmp_path) as server:
        await server.operations.invoke("call", {"to": "desk/1", "handler": "fail", "payload": []})
        before = await server.operations.stats(), await server.operations.describe("desk/1")
        code, told = await _holdfast(tmp_path, "--dry-run", "pause", "desk/1", "--why", "odd", "-o", "json")
        assert (code == 0 and told["would"] == "make desk/1 paused (cli: odd)") or "person: odd" in told["would"]
        code, text = await _holdfast(tmp_path, "--dry-run", "send", "desk/1", "fail")
        assert (code, text.strip()) == (0, "would send the request 'fail' to desk/1")
        code, text = await _holdfast(tmp_path, "--dry-run", "drain")
        assert (code, text.strip()) == (0, "would let this server finish what it does, and end")
        code, wrong = await _holdfast(tmp_path, "--dry-run", "send", "desk/1", "nothing")
        assert code == 1 and "handler.unknown" in wrong
        assert (await server.operations.stats(), await server.operations.describe("desk/1")) == before


async def test_any_operation_is_called_by_its_name(tmp_path: Path) -> None:
    async with _server(tmp_path) as server:
        await server.operations.invoke("call", {"to": "desk/1", "handler": "fail", "payload": []})
        code, found = await _holdfast(tmp_path, "do", "describe", '{"address": "desk/1"}')
        assert (code, found["doing"]) == (0, "idle")
        code, told = await _holdfast(tmp_path, "do", "pause", '{"address": "desk/1", "dry_run": true}')
        assert code == 0 and told["on"] == ["desk/1"] and (await server.operations.describe("desk/1")).mode == "active"
        code, failed = await _holdfast(tmp_path, "do", "call", '{"to": "desk/1", "handler": "fail", "payload": []}')
        assert code == 0 and failed["failure"]["type"] == "ValueError"
        code, wrong = await _holdfast(tmp_path, "do", "pause", "[]")
        assert code == 1 and "operation.input" in wrong
        code, text = await _holdfast(tmp_path, "do")
        assert code == 0 and "retry_stuck" in text


async def test_a_postgresql_that_may_lose_what_is_durable_is_broken(tmp_path: Path, postgres_server: PostgresServer) -> None:
    connection = await connect(postgres_server.url)
    for setting in ("fsync = off", "autovacuum = off"):
        await connection.execute(f"ALTER SYSTEM SET {setting}")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()
    code, found = await _holdfast(tmp_path, "doctor", "--store", postgres_server.url, "-o", "json")
    said = {c["name"]: c for c in found}
    assert code == 1 and "answers at 127.0.0.1" in said["store"]["what"]
    assert said["durability"]["state"] == "broken" and "fsync = on" in said["durability"]["mend"]
    assert said["autovacuum"]["state"] == "warning"
    code, found = await _holdfast(tmp_path, "doctor", "--store", "postgresql://postgres@127.0.0.1:1/none", "-o", "json")
    assert code == 1 and {c["name"]: c["state"] for c in found}["store"] == "broken"
