"""Agents with tools from elsewhere: real servers, a model that calls what a test wants called."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from holdfast import Agent, Runtime
from holdfast.models.routes import Models, Target
from holdfast.testing.models import Call, Reply, Vendor

PROGRAM = str(Path(__file__).with_name("mcp_program.py"))


def command(folder: Path) -> list[str]:
    """The fixture server over pipes."""
    return [sys.executable, PROGRAM, str(folder)]


def log(folder: Path) -> list[str]:
    """What happened to it."""
    file = folder / "log"
    return file.read_text().splitlines() if file.exists() else []


def alive(pid: int) -> bool:
    """Whether this process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def pids(folder: Path) -> list[int]:
    """All processes that the server has had."""
    return [int(line.split()[1]) for line in log(folder) if line.startswith("pid ")]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def over_http(folder: Path, port: int, program: str = PROGRAM) -> Generator[str]:
    """The fixture server over HTTP; its address."""
    process = subprocess.Popen([sys.executable, program, str(folder), str(port)], stderr=subprocess.DEVNULL)
    try:
        deadline = 200
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.1).close()
                break
            except OSError:
                deadline -= 1
                assert deadline and process.poll() is None, "the server did not start"
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait(10)


def calling(*calls: tuple[str, dict[str, Any]]) -> Callable[[Call], Reply]:
    """A model that calls these tools, one answer each, and then says what the last one said."""

    def script(call: Call) -> Reply:
        done = 0
        for message in reversed(call.messages):  # of this turn
            if message["role"] == "user" and not str(message.get("content", "")).startswith("["):
                break
            done += message["role"] == "assistant"
        if done < len(calls):
            name, arguments = calls[done]
            return Reply(tool_calls=[(f"c{done}", name, arguments)])
        return Reply("done")

    return script


def results(vendor: Vendor, call: int = -1) -> list[Any]:
    """What the tools said, as the model saw it."""
    return [m["content"] for m in vendor.calls[call].messages if m["role"] == "tool"]


def offered(vendor: Vendor, call: int = -1) -> list[str]:
    """The tools that the model was offered."""
    return [t["function"]["name"] for t in vendor.calls[call].body.get("tools", [])]


@asynccontextmanager
async def running(agents: list[Agent], script: Any, store: str = "memory://") -> AsyncGenerator[tuple[Runtime, Vendor]]:
    """A runtime whose route ``m`` is one vendor."""
    async with Vendor(script) as vendor:
        models = Models(targets=[Target(name="m", vendor="v", url=vendor.url, model="m1")])
        async with Runtime(agents, store, models=models, lease_seconds=2.0) as runtime:
            yield runtime, vendor


async def until(look: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The first true thing that ``look`` returns."""
    async with asyncio.timeout(seconds):
        while not (found := look()):
            await asyncio.sleep(0.01)
    return found
