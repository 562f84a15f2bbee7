"""kill -9 of the one process over a SQLite file, again and again, at moments that the dice choose."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fault.branch import Branch


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_kill_9_at_random_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setenv("BANK", str(tmp_path))
    branch = Branch(f"sqlite:///{tmp_path}/bank.db", tmp_path, 1_500, seed)
    try:
        worker = branch.hire(branch.orders)
        for _ in range(8):
            time.sleep(0.3 + branch.dice.random() * 0.4)
            if not branch.kill(worker):
                break
            worker = branch.hire(branch.orders)
        branch.until_over()
        assert branch.kills >= 3
        await branch.audit()
    finally:
        branch.close()
