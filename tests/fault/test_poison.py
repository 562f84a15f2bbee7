"""A message that kills whoever handles it is set aside, and its neighbours are not."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import holdfast
from fault import poison


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_a_turn_that_kills_its_process_is_set_aside(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/poison.db"
    if store == "postgres":
        url = f"{request.getfixturevalue('postgres_url')}?schema=poison"
    codes: list[int] = []
    while len(codes) < 10 and (not codes or codes[-1] != 0):
        child = await asyncio.create_subprocess_exec(sys.executable, poison.__file__, url, str(tmp_path))
        codes.append(await asyncio.wait_for(child.wait(), 60))
    assert codes == [-signal.SIGKILL] * 4 + [0]

    (tmp_path / "mended").touch()
    async with holdfast.Runtime([poison.worker], url) as runtime:
        for n in range(30):
            view = await runtime.describe(f"worker/w{n}")
            assert view.doing == ("stuck" if n == 17 else "idle"), n
        notes = [e for e in await runtime.journal("worker/w17") if e.verb == "recover"]
        assert len(notes) == 3
        stuck = (await runtime.describe("worker/w17")).turns[0].waits[0]
        assert "4 workers in a row died" in stuck.detail["error"]
        await runtime.retry_stuck("worker/w17")
        while (await runtime.describe("worker/w17")).turns:
            await asyncio.sleep(0.02)


def test_a_process_that_ends_well_suspects_nobody(tmp_path: Path) -> None:
    (tmp_path / "mended").touch()
    url = f"sqlite:///{tmp_path}/poison.db"
    for _ in range(2):
        subprocess.run([sys.executable, poison.__file__, url, str(tmp_path)], check=True, timeout=60)

    async def notes() -> int:
        async with holdfast.Runtime([], url) as runtime:
            return sum([e.verb == "recover" for n in range(30) for e in await runtime.journal(f"worker/w{n}")])

    assert asyncio.run(notes()) == 0
