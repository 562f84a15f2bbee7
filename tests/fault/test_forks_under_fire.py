"""kill -9 while an agent is forked and its forks are steered: whole or not there, and nothing is repeated."""

from __future__ import annotations

import collections
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import holdfast
from fault import bank, forks

COUNT = 12
_SCHEMAS = itertools.count(1)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_kill_9_during_forks(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANK", str(tmp_path))
    url = f"sqlite:///{tmp_path}/s.db"
    if kind == "postgres":
        url = f"{request.getfixturevalue('postgres_url')}?schema=forks_{next(_SCHEMAS)}"
    dice, kills = random.Random(7), 0
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    deadline = time.monotonic() + 120
    while True:
        program = subprocess.Popen([sys.executable, forks.__file__, url, str(tmp_path), str(COUNT)], env=env)
        try:
            done = len(bank.lines("forked"))
            while program.poll() is None and kills < 6 and len(bank.lines("forked")) < min(done + 2, COUNT):
                assert time.monotonic() < deadline
                time.sleep(0.002)
            time.sleep(dice.random() * 0.02)
            if kills < 6 and program.poll() is None:
                program.send_signal(signal.SIGKILL)
                program.wait()
                kills += 1
                continue
            assert program.wait(deadline - time.monotonic()) == 0
            break
        finally:
            if program.poll() is None:
                program.kill()
                program.wait()
    assert kills >= 4
    async with holdfast.Runtime([], url) as runtime:
        for n in range(COUNT):
            state = await runtime.state(f"plan/f{n}")
            assert state == {f"v{v}": v for v in range(forks.VALUES)} | {"words": [f"word {n}"]}
            entries = await runtime.journal(f"plan/f{n}", limit=1000)
            ended = [e.value for e in entries if e.kind == "end"]
            assert ended == [None, [f"word {n}"]]
    effects = collections.Counter(bank.lines("effects"))
    assert {what for what in effects if what.endswith("before")} == {"source before"}
    assert all(1 <= effects[f"f{n} after"] <= 1 + kills for n in range(COUNT))
