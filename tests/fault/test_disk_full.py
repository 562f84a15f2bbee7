"""A disk that is really full: nothing accepted is lost, and work goes on by itself when there is room."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast
from holdfast import Agent, Context, Unavailable

keeper = Agent("keeper")


@keeper.handler
async def keep(ctx: Context, text: str) -> int:
    count = await ctx.state.get("count", 0) + 1
    await ctx.state.set("count", count)
    await ctx.state.set(f"text-{count}", text)
    return count


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or os.geteuid() != 0
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=3m", "none", place]).returncode
    ):
        pytest.skip("a small disk needs the right to mount one")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


async def test_a_full_disk_stops_nothing_but_time(small_disk: Path) -> None:
    url = f"sqlite:///{small_disk}/full.db"
    filler = small_disk / "filler"
    accepted = 0
    async with holdfast.Runtime([keeper], url) as runtime:
        filler.write_bytes(b"x" * 2_000_000)
        with pytest.raises(Unavailable) as caught:
            for _ in range(1_000):
                await runtime.send(keeper[str(accepted % 3)].keep, "y" * 10_000)
                accepted += 1
        assert caught.value.code == "store.disk_full"
        assert str(small_disk) in str(caught.value)
        assert accepted > 5
        filler.unlink()
        async with asyncio.timeout(30):
            while (stats := await runtime.stats())["queued"] or stats["running"] or stats["in_memory"]:
                await asyncio.sleep(0.05)
        assert await runtime.call(keeper["new"].keep, "there is room") == 1
        counts = [(await runtime.state(f"keeper/{n}"))["count"] for n in range(3)]
        assert accepted <= sum(counts) <= accepted + 1  # what was refused may have been written after all, never twice


async def test_kill_9_on_a_full_disk(small_disk: Path) -> None:
    """The process dies while nothing can be written; a new one finds everything that was accepted."""
    script = (
        "import asyncio, sys, holdfast\n"
        "from fault.test_disk_full import keeper\n"
        "async def main():\n"
        "    async with holdfast.Runtime([keeper], sys.argv[1]) as runtime:\n"
        "        for n in range(1000):\n"
        "            await runtime.send(keeper['k'].keep, 'y' * 10_000)\n"
        "            print(n + 1, flush=True)\n"
        "asyncio.run(main())\n"
    )
    url = f"sqlite:///{small_disk}/full.db"
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 2_000_000)
    tests = str(Path(__file__).parent.parent)
    child = subprocess.Popen(
        [os.sys.executable, "-c", script, url],  # type: ignore[attr-defined]
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": tests},
    )
    out, err = await asyncio.to_thread(child.communicate, timeout=60)
    assert "store.disk_full" in err, err
    accepted = len(out.split())
    assert accepted > 5
    filler.unlink()
    async with holdfast.Runtime([keeper], url) as runtime:
        async with asyncio.timeout(30):
            while (stats := await runtime.stats())["queued"] or stats["running"] or stats["in_memory"]:
                await asyncio.sleep(0.05)
        assert accepted <= (await runtime.state("keeper/k"))["count"] <= accepted + 1
