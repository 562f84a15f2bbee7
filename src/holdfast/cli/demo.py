"""`holdfast demo`: a real server process, real agents, a real kill -9. It ends by itself; 0 says that everything held."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ..domain.errors import HoldfastError, Unavailable
from ..protocols.wire.channel import connect
from ..sdk.client import Client
from .chatting import say_once
from .demo_agents import order, stock

_AGENTS = Path(__file__).with_name("demo_agents.py")
_RECORDING = Path(__file__).with_name("demo_recording.jsonl")
_ORDERS = 300
_START_SECONDS = 20.0


class Demo:
    """One showing, in a folder of its own."""

    def __init__(self, folder: Path, store: str) -> None:
        self.url = f"holdfast+unix://{folder}/demo.sock"
        self.store = store
        self.ledger = folder / "charges.txt"
        self.ledger.write_bytes(b"")
        self.log = folder / "server.log"
        self.models = folder / "models.json"
        url = f"cassette:{_RECORDING}?mode=place"
        self.models.write_text(json.dumps({"targets": [{"name": "recorded", "url": url, "model": "a recording"}]}))
        self.server: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start a server process and wait until it answers."""
        path = self.url.removeprefix("holdfast+unix://")
        command = [
            sys.executable,
            "-m",
            "holdfast",
            "up",
            str(_AGENTS),
            "--store",
            self.store,
            "--unix",
            path,
            "--models",
            str(self.models),
            "--http",
            "-1",
            "--no-reload",
        ]
        with self.log.open("ab") as log:
            self.server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # noqa: ASYNC220
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                async with connect(self.url):
                    return
            except Unavailable:
                if self.server.poll() is not None or time.monotonic() > until:
                    raise Unavailable(
                        "demo.no_server", f"The demo's server did not start:\n{self.log.read_text()[-2000:]}"
                    ) from None
                await asyncio.sleep(0.03)

    def stop(self, number: int) -> None:
        """Send a signal to the server and wait for its end."""
        if self.server is not None and self.server.poll() is None:
            self.server.send_signal(number)
            try:
                self.server.wait(15)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()

    # -- what is shown ------------------------------------------------------------------------------------------

    async def show(self) -> bool:
        """Everything, in order; whether all of it held."""
        _head("1. A server, a worker and a SQLite store start as one process")
        began = time.monotonic()
        await self.start()
        assert self.server is not None
        _tell(f"process {self.server.pid} answers after {time.monotonic() - began:.1f} s, serving {_AGENTS.name}")
        async with connect(self.url) as client:
            await self._one_order(client)
            await self._one_question(client)
            thought = await self._conversation(client)
            return await self._crash(client) and thought

    async def _one_order(self, client: Client) -> None:
        _head("2. An order calls the stock, charges a card, sleeps a second and ships")
        _tell("holdfast call order/1 place book 40 ...")
        asked = asyncio.ensure_future(client.call(order["1"].place, "book", 40, str(self.ledger)))
        await asyncio.sleep(0.5)
        row = await client.describe(address="order/1")
        _tell(f"meanwhile: order/1 is {row.doing} (rows in the store; no task, no timer, no memory of its own)")
        _tell(f"answer: {await asked!r}")
        for entry in await client.journal(address="order/1"):
            _tell(f"  journal {entry.seq}: {entry.kind:<6} {entry.verb} {entry.name}".rstrip())

    async def _one_question(self, client: Client) -> None:
        _head("3. An expensive order asks a person, and waits at no cost")
        asked = asyncio.ensure_future(client.call(order["2"].place, "book", 950, str(self.ledger)))
        while not (questions := await client.asks()):  # noqa: ASYNC110 - as a person would look
            await asyncio.sleep(0.02)
        _tell(f"holdfast asks: {questions[0].question} {questions[0].choices}")
        _tell(f"holdfast answer {questions[0].id} yes")
        await client.answer(question=questions[0].id, value="yes")
        _tell(f"answer: {await asked!r}")

    async def _conversation(self, client: Client) -> bool:
        _head("4. A thinking agent with tools, and kill -9 in the middle of a tool call (its model is a recording)")
        said = "My book came damaged, it was order 7."
        _tell(f'holdfast chat clerk/ada "{said}"')
        asked = asyncio.ensure_future(say_once(client, "clerk/ada", said))
        while not await self._tools(client, "find_order"):  # noqa: ASYNC110 - as a person would look
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)  # the next tool is at work
        assert self.server is not None
        self.stop(signal.SIGKILL)
        _tell(f"kill -9 {self.server.pid} while send_back was at work")
        await self.start()
        _tell(f"a new process, {self.server.pid}, goes on")
        await asked
        said = "Thank you! When will it be there?"
        _tell(f'holdfast chat clerk/ada "{said}"')
        await say_once(client, "clerk/ada", said)
        steps = [e for e in await client.journal(address="clerk/ada") if e.verb in ("model", "tool")]
        for entry in steps:
            _tell(f"  journal {entry.seq}: {entry.kind:<6} {entry.verb} {entry.name}")
        return [e.verb for e in steps] == ["model", "tool", "model", "tool", "model", "model"]

    async def _tools(self, client: Client, name: str) -> bool:
        try:
            return any(e.verb == "tool" and e.name == name for e in await client.journal(address="clerk/ada"))
        except HoldfastError:
            return False  # not there yet

    async def _crash(self, client: Client) -> bool:
        _head(f"5. {_ORDERS} orders at once, and kill -9 in the middle")
        assert self.server is not None
        before = await client.call(stock["pen"].count)
        calls = [
            asyncio.ensure_future(client.call(order[f"b{n}"].place, "pen", 10, str(self.ledger))) for n in range(_ORDERS)
        ]
        while self._charged("b") < _ORDERS // 3:  # noqa: ASYNC110 - another process writes that file
            await asyncio.sleep(0.005)
        self.stop(signal.SIGKILL)
        _tell(
            f"kill -9 {self.server.pid} after {self._charged('b')} charges; {sum(c.done() for c in calls)} orders are done"
        )
        began = time.monotonic()
        await self.start()
        _tell(f"a new process, {self.server.pid}, answers after {time.monotonic() - began:.1f} s and goes on by itself")
        answers = await asyncio.gather(*calls)
        _tell(f"all {len(answers)} callers got their answer {time.monotonic() - began:.1f} s after the crash")
        return await self._verdict(client, answers, before)

    async def _verdict(self, client: Client, answers: list[str], before: int) -> bool:
        _head("6. Nothing lost, nothing doubled?")
        taken = before - await client.call(stock["pen"].count)
        lines = [line for line in self.ledger.read_text().splitlines() if line.startswith("b")]
        keys = {line.split()[2] for line in lines}
        shipped = {a.split()[1] for a in answers}
        good = len(shipped) == _ORDERS and taken == _ORDERS and len(keys) == _ORDERS
        _tell(f"orders shipped: {len(shipped)} of {_ORDERS}")
        _tell(f"pens taken from the stock: {taken} (messages between agents: exactly once)")
        again = len(lines) - len(keys)
        _tell(
            f"cards charged: {len(keys)}; {again} charge(s) in flight at the crash were tried again under the same step key"
        )
        stats = await client.stats()
        _tell(f"journal: {stats['entries']} entries of {stats['agents']} agents in {stats['bytes'] // 1024} KB")
        return good

    def _charged(self, prefix: str) -> int:
        return sum(line.startswith(prefix) for line in self.ledger.read_text().splitlines())


def play(keep: str) -> int:
    """Show everything; the exit code."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-demo-"))
    store = f"sqlite:///{Path(keep).absolute() if keep else folder / 'demo.db'}"
    demo = Demo(folder, store)
    try:
        good = asyncio.run(demo.show())
    except HoldfastError:
        demo.stop(signal.SIGTERM)
        raise
    finally:
        demo.stop(signal.SIGTERM)
        shutil.rmtree(folder, ignore_errors=True)
    _head("Everything held." if good else "Something did not hold: this is a bug of Holdfast.")
    if good:
        print(_NEXT.format(agents=os.path.relpath(_AGENTS), kept=f"\n  holdfast ps --all --store {store}" if keep else ""))
    return 0 if good else 1


_NEXT = """Try next:
  holdfast up {agents}
      the same agents, to play with (the clerk needs a model of yours); then, in another terminal:
  holdfast call order/7 place book 40 charges.txt
  holdfast ps --all                who is there, and what they wait for
  holdfast journal order/7 -f      what one of them did, and why{kept}"""


def _head(text: str) -> None:
    print(f"\n{text}", flush=True)


def _tell(text: str) -> None:
    print(f"   {text}", flush=True)
