"""Several workers over PostgreSQL: some die by kill -9, one stalls for longer than its lease and comes back."""

from __future__ import annotations

import itertools
import signal
import time
from pathlib import Path

import pytest

import holdfast
from fault import bank
from fault.branch import Branch

_SCHEMAS = itertools.count(1)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
async def test_workers_die_and_stall(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setenv("BANK", str(tmp_path))
    branch = Branch(f"{postgres_url}?schema=kill_{next(_SCHEMAS)}", tmp_path, 600, seed)
    try:
        async with holdfast.Runtime([bank.account, bank.teller], branch.url) as client:  # it works as well, and leaves
            await bank.give(client, branch.orders)
        live = [branch.hire() for _ in range(3)]
        stalled = live[0]
        time.sleep(1.0)
        stalled.send_signal(signal.SIGSTOP)
        for _ in range(5):
            time.sleep(0.2 + branch.dice.random() * 0.5)
            victim = branch.dice.randrange(1, 3)
            if not branch.kill(live[victim]):
                break
            live[victim] = branch.hire()
        stalled.send_signal(signal.SIGCONT)
        branch.until_over()
        assert branch.kills >= 2
        branch.kills += 1  # what the one that stalled had in flight was repeated as well
        await branch.audit()
    finally:
        branch.close()
