"""A dry run of every operation that changes anything leaves the store as it was, byte for byte of what it holds."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from holdfast.bootstrap.server import Server, Settings
from holdfast.control.operations import Operations
from holdfast.control.registry import Operation, registry_of
from holdfast.control.rehearsal import DryRun
from holdfast.domain.errors import HoldfastError
from holdfast.link import Endpoint

CHANGING = {name: o for name, o in registry_of(Operations).items() if o.changes and not o.streams}
AGENTS = '''"""One that answers, and fails."""
import holdfast

desk = holdfast.Agent("desk", description="Answers.")

@desk.handler
async def handle(ctx: holdfast.Context, n: int) -> int:
    """Answer, or fail."""
    if n > 1:
        raise ValueError("on purpose")
    return n

@desk.handler
async def wonder(ctx: holdfast.Context) -> str:
    """Ask."""
    return await ctx.ask("go on?", choices=["yes", "no"])
'''
GIVEN: dict[str, Any] = {
    "to": "desk/1",
    "address": "desk/1",
    "agent": "desk/1",
    "handler": "handle",
    "payload": [1],
    "event": "arrived",
    "topic": "a.b",
    "name": "a-name",
    "scope": "system",
    "per": "day",
    "usd": 1.0,
    "every_seconds": 60,
    "value": "yes",
    "who": "service:x",
    "reason": "to see",
    "why": "to see",
}


def _inputs(operation: Operation, letter: int, question: str, folder: Path) -> dict[str, Any]:
    own: dict[str, Any] = {"id": letter, "question": question, "target": str(folder / "copy.db"), **GIVEN}
    wanted: set[str] = {p.name for p in operation.parameters if p.required} | (
        {"usd"} if operation.name == "set_budget" else set()
    )
    if operation.name in ("create_token", "schedule"):
        wanted |= {"who"} if operation.name == "create_token" else {"every_seconds"}
    return {name: value for name, value in own.items() if name in wanted and operation.takes(name)}


@pytest.fixture
async def server(tmp_path: Path) -> Any:
    code = tmp_path / "answering.py"
    code.write_text(AGENTS)
    wire = Endpoint("", 0, str(tmp_path / "wire"))
    made = Server(Settings(places=(str(code),), store=f"sqlite:///{tmp_path / 's.db'}", listen=wire))
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def _held(folder: Path) -> dict[str, Any]:
    """Everything in the store, but what a heartbeat writes."""
    with sqlite3.connect(f"file:{folder / 's.db'}?mode=ro", uri=True) as db:
        names = [n for (n,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {n: db.execute(f'SELECT * FROM "{n}"').fetchall() for n in names if n not in ("session", "worker", "meta")}


async def test_nothing_is_touched(server: Server, tmp_path: Path) -> None:
    operations = server.operations
    await operations.invoke("send", {"to": "desk/1", "handler": "handle", "payload": [2]})
    await operations.invoke("send", {"to": "desk/2", "handler": "wonder", "payload": []})
    while not (letters := await operations.dead()) or not (asked := await operations.asks()):
        await server.engine.worker.clock.sleep(0.02)
    await server.engine.worker.committer.drain()
    before, seen = _held(tmp_path), sorted(p.name for p in tmp_path.iterdir())
    told: dict[str, str] = {}
    for name, operation in CHANGING.items():
        given = _inputs(operation, letters[0].id, asked[0].id, tmp_path)
        try:
            found = await operations.invoke(name, {**given, "dry_run": True})
        except HoldfastError as error:
            told[name] = error.code
            continue
        assert isinstance(found, DryRun), name
        told[name] = found.would
    await server.engine.worker.committer.drain()
    assert _held(tmp_path) == before, told
    assert sorted(p.name for p in tmp_path.iterdir()) == seen
    assert not server.stopping.is_set() and not server.engine.worker.draining
    real = {name for name, would in told.items() if " " in would}
    assert {"call", "send", "pause", "kill", "redeliver", "discard", "answer", "set_budget", "create_token", "drain"} <= real
