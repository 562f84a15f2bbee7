"""Journals that earlier releases wrote still replay: the turn goes on where it was and repeats nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast import Runtime
from holdfast.adapters.sqlite import SqliteStore
from holdfast.domain.message import Status
from holdfast.journal.codec import chain, decode_message
from holdfast.ports.store import Commit, EntryRow, Mark, Send, StateRow, Wait, Worker
from tests.replay import recorded_agents as agents

HERE = Path(__file__).parent


@pytest.mark.parametrize("path", sorted(HERE.glob("journals-*.json")), ids=lambda p: p.stem)
async def test_a_recorded_journal_replays(path: Path, tmp_path: Path) -> None:
    recorded = json.loads(path.read_text())
    url = f"sqlite:///{tmp_path}/store.db"
    message = await _plant(url, recorded)
    agents.called.clear()
    async with Runtime([agents.office, agents.helper], url) as runtime:
        outcome = asyncio.create_task(_outcome(runtime, message))
        await runtime.signal("office/1", "last word", "bye")
        value: dict[str, Any] = await asyncio.wait_for(outcome, 10)
    assert value == {"steps": ["open", 42, ["left", "right"], 1, "race", "yes", "bye", "close"], "opened": 21}
    assert agents.called == ["close"]


@pytest.mark.parametrize("path", sorted(HERE.glob("journals-*.json")), ids=lambda p: p.stem)
def test_a_recorded_chain_verifies(path: Path) -> None:
    head = b""
    for _, _, body, digest in json.loads(path.read_text())["entries"]:
        head = chain(head, bytes.fromhex(body))
        assert head.hex() == digest


async def _plant(url: str, recorded: dict[str, Any]) -> int:
    """Put the recorded rows into a fresh store, as the release that wrote them would have left them."""
    store = SqliteStore(url)
    await store.open()
    session = await store.enlist(Worker("planter", {"office": ("recorded",)}), lambda signal: None)
    body = bytes.fromhex(recorded["message"])
    [receipt] = await store.commit(session, [Commit(sends=[Send(decode_message(body), body)])])
    lease = receipt.arrivals[0].lease
    assert lease is not None
    turn: int = recorded["turn"]
    entries = [EntryRow(seq, t, bytes.fromhex(b), bytes.fromhex(h)) for seq, t, b, h in recorded["entries"]]
    state = [StateRow(k, bytes.fromhex(v), turn) for k, v in recorded["state"].items()]
    last = json.loads(json.dumps(recorded["entries"]))[-1][0]
    path = _waiting_path(entries)
    commit = Commit(lease=lease, entries=entries, state=state, waits=[Wait(turn, path, "wait", "last word")])
    commit.marks = [Mark(receipt.ids[0], Status.WAITING, turn, "recorded", dequeue=True)]
    [done] = await store.commit(session, [commit])
    assert done.error is None and last == len(entries)
    await store.leave(session)
    await store.close()
    return receipt.ids[0]


def _waiting_path(entries: list[EntryRow]) -> str:
    from holdfast.journal.codec import decode_entry

    found = [decode_entry(e.body) for e in entries]
    return next(e.path for e in reversed(found) if e.verb == "wait" and e.name == "last word")


async def _outcome(runtime: Runtime, id: int) -> dict[str, Any]:
    while (outcome := await runtime.engine.worker.outcomes.outcome_of(id)) is None:
        await asyncio.sleep(0.01)
    return msgspec.msgpack.decode(outcome.value)
