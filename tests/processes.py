"""Real processes for tests: a server over agents in a folder, workers beside it, and the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

DEADLINE_SECONDS = 30.0
T = TypeVar("T")

AGENTS = '''
from holdfast import Agent, Context

counter = Agent("counter")


@counter.handler
async def add(ctx: Context, amount: int) -> int:
    """Add to the total."""
    total = await ctx.state.get("total", 0) + amount
    await ctx.state.set("total", total)
    return total


@counter.handler
async def greet(ctx: Context, name: str, loud: bool = False) -> str:
    return (name.upper() if loud else name) + "!"


@counter.handler
async def keep(ctx: Context, thing: dict) -> dict:
    return thing


@counter.handler
async def nap(ctx: Context, seconds: float) -> str:
    await ctx.sleep(seconds)
    return "rested"


@counter.handler
async def wonder(ctx: Context, question: str) -> str:
    return "heard " + await ctx.ask(question, choices=["yes", "no"])


@counter.handler
async def listen(ctx: Context) -> str:
    return await ctx.wait("news")


@counter.handler
async def fail(ctx: Context, why: str) -> None:
    if why != "fine":
        raise ValueError(why)
'''


def until(look: Callable[[], T], what: str = "it") -> T:
    """The first true thing that ``look`` returns."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {DEADLINE_SECONDS:g} s")
        time.sleep(0.03)
    return found


class Ended:
    """A command that ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self) -> Any:
        """Its output."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    def failed(self, code: str) -> Ended:
        """It ended with this error code, told in one block."""
        assert self.code == 1, (self.code, self.out, self.err)
        assert f"[{code}]" in self.err, self.err
        assert "Traceback" not in self.err, self.err
        return self


class Place:
    """A folder with agents, a store and a socket."""

    def __init__(self, folder: Path, agents: str = AGENTS) -> None:
        self.folder = folder
        self.file = folder / "my_agents.py"
        self.file.write_text(agents)
        self.store = f"sqlite:///{folder}/store.db"
        self.socket = folder / "hf.sock"
        self.url = f"holdfast+unix://{self.socket}"
        self.processes: list[subprocess.Popen[bytes]] = []

    def environment(self) -> dict[str, str]:
        return {**os.environ, "HOLDFAST_URL": self.url, "NO_COLOR": "1", "COLUMNS": "200"}

    def run(self, *args: str, timeout: float = 60) -> Ended:
        """A command of the command line."""
        command = [sys.executable, "-m", "holdfast", *args]
        return Ended(
            subprocess.run(
                command,
                env=self.environment(),
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        )

    def start(self, *args: str, log: str = "server.log") -> subprocess.Popen[bytes]:
        """A command that goes on."""
        with (self.folder / log).open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "holdfast", *args], env=self.environment(), cwd=self.folder, stdout=out, stderr=out
            )
        self.processes.append(process)
        return process

    def up(self, *more: str) -> subprocess.Popen[bytes]:
        """A server that answers."""
        process = self.start("up", str(self.file), "--store", self.store, "--unix", str(self.socket), *more)
        until(lambda: process.poll() is not None or (self.run("stats").code == 0), "an answering server")
        assert process.poll() is None, self.log()
        return process

    def log(self, name: str = "server.log") -> str:
        return (self.folder / name).read_text()

    def stop(self, process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
        process.send_signal(number)
        return process.wait(20)

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)
