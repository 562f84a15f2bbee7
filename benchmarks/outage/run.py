"""Three vendors, one down, one with 30% errors, one slow, and conversations that must not notice; then all three down.

The vendors are real servers on loopback in this process; Holdfast is `holdfast up` in another, over SQLite.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import holdfast
from benchmarks.outage.agents import talk
from holdfast.testing.models import Call, Reply, ServerError, Vendor

KEYS = ("lost", "asked_again", "finished")
_DEADLINE_SECONDS = 900.0


class Vendors:
    """Three model servers whose moods can be changed."""

    def __init__(self) -> None:
        self.all_down = False
        self.answered: Counter[tuple[str, int]] = Counter()
        self.while_down = 0
        self._random = random.Random(1)
        self.servers = [Vendor(self._down), Vendor(self._shaky), Vendor(self._slow)]

    def models(self) -> dict[str, Any]:
        """A models file."""
        names = ("down", "shaky", "slow")
        targets = [
            {"name": name, "vendor": name, "url": server.url, "model": "m", "concurrency": 256}
            for name, server in zip(names, self.servers, strict=True)
        ]
        return {"targets": targets, "routes": [{"name": "any", "targets": list(names)}]}

    def repeated(self) -> int:
        """Answers that were given whole, and asked for again."""
        completed: Counter[tuple[str, int]] = Counter()
        for server in self.servers:
            for call in server.calls:
                if call.completed and call.status == 200:
                    completed[_place(call)] += 1
        return sum(n - 1 for n in completed.values())

    def _down(self, call: Call) -> Any:
        return self._refused() or ServerError(503)

    def _shaky(self, call: Call) -> Any:
        return self._refused() or (ServerError(500) if self._random.random() < 0.3 else _answer(call, 0.0))

    def _slow(self, call: Call) -> Any:
        return self._refused() or _answer(call, 1.0)

    def _refused(self) -> Any:
        if self.all_down:
            self.while_down += 1
            return ServerError(503)
        return None


def _place(call: Call) -> tuple[str, int]:
    return str(call.messages[0]["content"]), sum(m["role"] == "assistant" for m in call.messages)


def _answer(call: Call, delay: float) -> Reply:
    if call.messages[-1]["role"] == "tool":
        return Reply(f"answer to {call.text}", first_token_delay=delay)
    return Reply(tool_calls=[("look", "look", {"about": call.text})], first_token_delay=delay)


async def _run(conversations: int, rounds: int, down_seconds: float) -> dict[str, Any]:
    vendors = Vendors()
    for server in vendors.servers:
        await server.start()
    folder = Path(tempfile.mkdtemp(prefix="holdfast-outage-"))
    (folder / "models.json").write_text(json.dumps(vendors.models()))
    command = [sys.executable, "-m", "holdfast", "up", "benchmarks.outage.agents", "--unix", str(folder / "wire")]
    command += ["--store", f"sqlite:///{folder / 'outage.db'}", "--models", str(folder / "models.json"), "--http", "-1"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen([*command, "--no-reload"], stdout=log, stderr=log)
    try:
        url = f"holdfast+unix://{folder / 'wire'}"
        await _up(url)
        async with holdfast.connect(url) as client, asyncio.timeout(_DEADLINE_SECONDS):
            found = await _three_ill(client, vendors, conversations, rounds)
            found |= await _all_down(client, vendors, conversations, rounds, down_seconds)
        found["asked_again"] = vendors.repeated()
        return found
    finally:
        server.terminate()
        server.wait()
        for one in vendors.servers:
            await one.close()


async def _three_ill(client: holdfast.Client, vendors: Vendors, conversations: int, rounds: int) -> dict[str, Any]:
    began = time.monotonic()
    right = await asyncio.gather(*(client.call(talk[f"a{n}"], rounds) for n in range(conversations)))
    return {
        "conversations": conversations,
        "rounds": rounds,
        "lost": sum(r != rounds for r in right),
        "three_ill_s": round(time.monotonic() - began, 2),
        "calls_by_vendor": [len(server.calls) for server in vendors.servers],
    }


async def _all_down(
    client: holdfast.Client, vendors: Vendors, conversations: int, rounds: int, seconds: float
) -> dict[str, Any]:
    vendors.all_down = True
    asked = [asyncio.create_task(client.call(talk[f"b{n}"], rounds)) for n in range(conversations)]
    while True:
        asleep = len(await client.waits(verb="provider", limit=10_000))
        if asleep == conversations:
            break
        await asyncio.sleep(0.1)
    before = vendors.while_down
    await asyncio.sleep(seconds)
    probes = vendors.while_down - before
    stats = await client.stats()
    vendors.all_down = False
    began = time.monotonic()
    right = await asyncio.gather(*asked)
    return {
        "asleep": asleep,
        "in_memory_while_asleep": stats["in_memory"],
        "down_s": seconds,
        "calls_while_asleep": probes,
        "finished": sum(r == rounds for r in right),
        "until_all_finished_s": round(time.monotonic() - began, 2),
    }


async def _up(url: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            async with holdfast.connect(url):
                return
        except holdfast.Unavailable:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)


def run(quick: bool) -> dict[str, Any]:
    """See the module. Quick: 200 conversations of 2 rounds."""
    return asyncio.run(_run(200, 2, 3.0) if quick else _run(1_000, 3, 20.0))


__all__ = ["KEYS", "run"]
