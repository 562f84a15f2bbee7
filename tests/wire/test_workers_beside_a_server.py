"""Worker processes at a server's store: they share the work, die, stall, and nothing is lost or doubled."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from processes import Place, until

FLEET = """
import os
import time

from holdfast import Agent, Context, step_key

tally = Agent("tally")
job = Agent("job")


@tally.handler
async def add(ctx: Context, amount: int) -> int:
    total = await ctx.state.get("total", 0) + amount
    await ctx.state.set("total", total)
    return total


@job.handler
async def work(ctx: Context, log: str, steps: int) -> str:
    for n in range(steps):
        await ctx.run(effect, log, n)
        await ctx.send(tally["all"].add, 1)
    return "done"


def effect(log: str, n: int) -> int:
    with open(log, "ab", buffering=0) as file:
        file.write(f"{step_key()} {os.getpid()}\\n".encode())
    time.sleep(0.002)
    return n
"""
NOTHING = "from holdfast import Agent\n\nidle = Agent('idle')\n"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path, FLEET)
    try:
        yield place
    finally:
        place.close()


def send(place: Place, count: int, steps: int, log: Path) -> None:
    script = place.folder / "send.py"
    script.write_text(
        "import asyncio, sys, holdfast\n"
        "from holdfast import Target\n"
        "async def main():\n"
        "    async with holdfast.connect() as c:\n"
        f"        await asyncio.gather(*[c.send(Target(f'default/job/{{n}}', 'work'), {str(log)!r}, {steps}) "
        f"for n in range({count})])\n"
        "asyncio.run(main())\n"
    )
    import subprocess
    import sys

    subprocess.run([sys.executable, str(script)], env=place.environment(), check=True, timeout=60)


def total(place: Place) -> int:
    done = place.run("state", "tally/all", "-o", "json")
    return done.json.get("total", 0) if done.code == 0 else 0


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines()


@pytest.mark.parametrize("victim", ["worker", "server"])
def test_kill_9_loses_nothing_and_doubles_only_steps_in_flight(place: Place, tmp_path: Path, victim: str) -> None:
    log = tmp_path / "effects.txt"
    log.write_text("")
    idle = tmp_path / "idle.py"
    idle.write_text(NOTHING + "\n\n@idle.handler\nasync def x(ctx) -> None: ...\n")
    agents, place.file = place.file, idle
    server = place.up("--no-reload")
    workers = [
        place.start("worker", str(agents), "--store", place.url, "--name", f"w{n}", log=f"w{n}.log") for n in range(2)
    ]
    until(lambda: len(place.run("workers", "-o", "json").json) == 3, "the workers")
    send(place, 40, 10, log)
    until(lambda: len(lines(log)) > 100, "some effects")
    if victim == "worker":
        workers[0].kill()
    else:
        server.kill()
        server.wait()
        place.up("--no-reload")
    until(lambda: total(place) >= 400, "all of it")
    until(lambda: place.run("stats", "-o", "json").json["running"] == 0, "quiet")
    assert total(place) == 400
    counts = Counter(line.split()[0] for line in lines(log))
    assert len(counts) == 400
    assert sum(n - 1 for n in counts.values()) <= 40, "more than the steps in flight were repeated"


def test_a_worker_that_stalls_past_its_lease_is_refused_and_comes_back(place: Place, tmp_path: Path) -> None:
    log = tmp_path / "effects.txt"
    log.write_text("")
    place.up("--no-reload", "--lease", "1s")
    worker = place.start("worker", str(place.file), "--store", place.url, "--lease", "1s", log="w.log")
    until(lambda: len(place.run("workers", "-o", "json").json) == 2, "the worker")
    send(place, 40, 10, log)
    until(lambda: len(lines(log)) > 50, "some effects")
    worker.send_signal(signal.SIGSTOP)
    until(lambda: total(place) >= 400, "all of it")
    worker.send_signal(signal.SIGCONT)
    until(lambda: len(place.run("workers", "-o", "json").json) == 2, "the worker again")
    assert total(place) == 400
    assert place.stop(worker) == 0


def test_a_worker_is_drained_by_a_signal(place: Place, tmp_path: Path) -> None:
    log = tmp_path / "effects.txt"
    log.write_text("")
    place.up("--no-reload")
    worker = place.start("worker", str(place.file), "--store", place.url, log="w.log")
    until(lambda: len(place.run("workers", "-o", "json").json) == 2, "the worker")
    send(place, 20, 10, log)
    until(lambda: len(lines(log)) > 20, "some effects")
    assert place.stop(worker) == 0
    until(lambda: total(place) == 200, "all of it")
    counts = Counter(line.split()[0] for line in lines(log))
    assert len(counts) == 200 and max(counts.values()) == 1, "a drained worker repeats nothing"
