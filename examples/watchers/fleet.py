"""One run of the fleet: a server in a process of its own, which may be killed and started again, and a client that looks."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from examples.watchers.agents import read
from examples.watchers.lines import Log
from holdfast import Client, NotFound, Unavailable, connect

AGENTS = Path(__file__).with_name("agents.py")
START_SECONDS = 30.0
LOOK_SECONDS = 0.01
TELL_SECONDS = 1.0
PAGE = 10_000


@dataclass
class Kill:
    """A SIGKILL that is due when the journal has ``entries`` entries and ``seconds`` more have passed."""

    entries: int
    seconds: float


@dataclass
class Task:
    """What to read, and how a person answers: ``yes``, ``no``, or ``ask`` for not at all."""

    logs: Sequence[Log]
    lines: int
    answer: str
    kills: list[Kill] = field(default_factory=list[Kill])


@dataclass
class Result:
    """Every agent's state by its address, the open questions, and how much was written."""

    states: dict[str, dict[str, Any]]
    questions: list[Any]
    dead: int
    entries: int
    seconds: float

    def of(self, name: str) -> dict[str, dict[str, Any]]:
        """The states of one kind of agent, by key."""
        return {at.partition("/")[2]: state for at, state in self.states.items() if at.startswith(f"{name}/")}

    @property
    def digest(self) -> str:
        """SHA-256 over all states."""
        return hashlib.sha256(json.dumps(self.states, sort_keys=True).encode()).hexdigest()


class Server:
    """``holdfast up`` on a socket in a folder."""

    def __init__(self, folder: Path, store: str) -> None:
        self.url = f"holdfast+unix://{folder}/watchers.sock"
        self.store = store
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        """What a person would type."""
        socket = self.url.removeprefix("holdfast+unix://")
        return ["up", str(AGENTS), "--store", self.store, "--unix", socket, "--retain", "0", "--no-reload"]

    async def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([sys.executable, "-m", "holdfast", *self.command], stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                async with connect(self.url):
                    return
            except Unavailable:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"The server did not start:\n{self._log.read_text()[-2000:]}") from None
                await asyncio.sleep(0.02)

    def end(self, number: signal.Signals) -> int:
        """Send it a signal and wait for its end; its process id."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(30)
        return self._process.pid


@asynccontextmanager
async def started(folder: Path, store: str) -> AsyncGenerator[Server]:
    """A server for as long as the block lasts."""
    server = Server(folder, store)
    try:
        await server.start()
        yield server
    finally:
        server.end(signal.SIGTERM)


async def run(folder: Path, store: str, task: Task) -> Result:
    """Read the logs and wait until there is nothing left to do but for people."""
    async with started(folder, store) as server, connect(server.url, patience_seconds=START_SECONDS) as client:
        began = time.monotonic()
        before = (await client.stats())["entries"]
        await client.send(read["feeder"], list(task.logs), task.lines)
        await _settle(server, client, task)
        stats = await client.stats()
        states = {row.address: await client.state(row.address) async for row in _agents(client)}
        questions = await client.asks(limit=PAGE)
        return Result(states, questions, stats["dead"], stats["entries"] - before, time.monotonic() - began)


async def _settle(server: Server, client: Client, task: Task) -> None:
    told = time.monotonic()
    entries = -1
    while True:
        stats = await client.stats()
        still = stats["entries"] == entries and stats["running"] == 0
        settled = still and not await _answer(client, task.answer) and await _at_rest(client)
        entries = stats["entries"]
        if task.kills and (settled or entries >= task.kills[0].entries):
            await _kill(server, task.kills.pop(0), entries)
        elif settled:
            return
        if time.monotonic() - told >= TELL_SECONDS:
            told = time.monotonic()
            print(
                f"  {stats['agents']:,} agents, {entries:,} journal entries, {stats['queued']:,} messages queued", flush=True
            )
        await asyncio.sleep(LOOK_SECONDS)


async def _kill(server: Server, kill: Kill, entries: int) -> None:
    await asyncio.sleep(kill.seconds)
    pid = server.end(signal.SIGKILL)
    print(f"  kill -9 {pid}, {kill.seconds * 1000:.0f} ms after {entries:,} journal entries; starting again", flush=True)
    await server.start()


async def _answer(client: Client, answer: str) -> int:
    """Be the person who answers all open questions; how many there were."""
    if answer == "ask":
        return 0
    questions = await client.asks(limit=PAGE)
    for question in questions:
        try:
            await client.answer(question=question.id, value=answer, by="watchers")
        except NotFound:
            continue  # answered before a kill
    return len(questions)


async def _at_rest(client: Client) -> bool:
    return all([row.doing in ("idle", "waiting for person") async for row in _agents(client)])


async def _agents(client: Client) -> AsyncIterator[Any]:
    after = ""
    while rows := await client.agents(after=after, limit=PAGE):
        for row in rows:
            yield row
        after = f"default/{rows[-1].address}"
