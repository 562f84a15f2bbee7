"""All conversations at once, the process killed again and again, and what is left compared with the recording.

The model is the recording, served over HTTP by a process that nobody kills; the server under test is `holdfast up` with the
example's agents and an SQLite file.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import holdfast
from benchmarks.tau.needed import Death, copied, needless
from examples.airline.agents import CHANGES, customer
from examples.airline.data import Conversation, load_base, load_conversations
from examples.airline.database import Airline
from examples.airline.prove import prove
from examples.airline.recorded import questions_of, words_of

KEYS = (
    "conversations",
    "tool_outputs_equal",
    "tool_outputs_total",
    "state_equal",
    "model_calls_repeated",
    "model_calls_repeated_needlessly",
)
_DEADLINE_SECONDS = 600.0


class Place:
    """A folder with the store, the models file, and the processes that belong to it."""

    def __init__(self, conversations: Path | None, limit: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-tau-"))
        self.log = self.folder / "asked.json"
        self.store = f"sqlite:///{self.folder / 'tau.db'}"
        command = [sys.executable, "-m", "examples.airline.recorded", "--log", str(self.log), "--limit", str(limit)]
        command += ["--conversations", str(conversations)] if conversations else []
        self.model = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.model.stdout is not None
        url = self.model.stdout.readline().strip()
        if not url:
            raise SystemExit("The recorded model did not start; what it said stands above.")
        target = {"name": "recorded", "vendor": "recorded", "url": url, "model": "gpt-4o"}
        (self.folder / "models.json").write_text(json.dumps({"targets": [target]}))
        self.server: subprocess.Popen[bytes] | None = None
        self.deaths: list[Death] = []

    def start(self) -> None:
        """Start the server."""
        socket = str(self.folder / "wire")
        command = [
            sys.executable,
            "-m",
            "holdfast",
            "up",
            "examples.airline.agents",
            "--store",
            self.store,
            "--unix",
            socket,
        ]
        command += ["--models", str(self.folder / "models.json"), "--http", "-1", "--no-reload", "--lease", "2s"]
        with (self.folder / "server.log").open("ab") as log:
            self.server = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """kill -9; the store is copied as it lies there then."""
        assert self.server is not None
        os.kill(self.server.pid, signal.SIGKILL)
        self.server.wait()
        self.deaths.append(Death(time.time(), copied(self.folder, len(self.deaths))))

    @property
    def url(self) -> str:
        """Of the wire."""
        return f"holdfast+unix://{self.folder / 'wire'}"

    def end(self) -> list[tuple[float, str]]:
        """Stop everything; when the model was asked, and what."""
        if self.server is not None:
            self.server.terminate()
            self.server.wait()
        self.model.terminate()
        self.model.wait()
        return [(at, key) for at, key in json.loads(self.log.read_text())]

    def forget(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


async def _up(place: Place) -> None:
    """Wait until the server answers."""
    until = time.monotonic() + 30
    while True:
        try:
            async with holdfast.connect(place.url):
                return
        except holdfast.Unavailable:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)


async def play(place: Place, conversations: list[Conversation], kills: int, rng: random.Random) -> float:
    """Start every conversation, kill the server so many times, wait until all are over; seconds."""
    place.start()
    await _up(place)
    began = time.monotonic()
    client = holdfast.connect(place.url, patience_seconds=30)
    async with client as told, asyncio.timeout(_DEADLINE_SECONDS), asyncio.TaskGroup() as group:
        playing = [
            group.create_task(told.options(key=f"play:{n}").call(customer[str(n)].play, words_of(conversation)))
            for n, conversation in enumerate(conversations)
        ]
        while kills > len(place.deaths) and not all(task.done() for task in playing):
            await asyncio.sleep(rng.uniform(0.1, 0.8))
            place.kill()
            place.start()
            await _up(place)
    return time.monotonic() - began


async def read(place: Place, conversations: list[Conversation]) -> tuple[list[str], int, int, list[str]]:
    """Digests of the databases, equal and all tool outputs, and what differs."""
    base = load_base()
    digests: list[str] = []
    equal = total = 0
    differ: list[str] = []
    async with holdfast.connect(place.url) as client:
        for number, conversation in enumerate(conversations):
            changes = (await client.state(f"airline/{number}")).get(CHANGES, {})
            digests.append(Airline.from_changes(base, changes).digest())
            outputs: list[Any] = []
            after = 0
            while rows := await client.journal(address=f"airline/{number}", after=after, limit=1_000):
                after = rows[-1].seq
                # these tools make steps of their own: that one was called is a step before them, what came of it one behind
                outputs += [r.value for r in rows if r.verb == "result"]
            recorded = list(conversation.calls())
            total += len(recorded)
            for place_, call in enumerate(recorded):
                if place_ < len(outputs) and outputs[place_] == call.output:
                    equal += 1
                else:
                    differ.append(f"conversation {number}, {call.name}: {str(outputs[place_ : place_ + 1])[:80]}")
            if len(outputs) != len(recorded):
                differ.append(f"conversation {number}: {len(outputs)} calls instead of {len(recorded)}")
    return digests, equal, total, differ


def run(file: Path | None, kills: int, limit: int = 0, seed: int = 0) -> dict[str, Any]:
    """See the module. The undisturbed run is a run too, with no kills."""
    conversations = load_conversations(file)[: limit or None]
    keys = [questions_of(number, conversation) for number, conversation in enumerate(conversations)]
    rng = random.Random(seed)
    found: dict[str, Any] = {"conversations": len(conversations), "kills_wanted": kills}
    digests: dict[str, list[str]] = {}
    for name, times in (("undisturbed", 0), ("killed", kills)) if kills else (("undisturbed", 0),):
        place = Place(file, limit)
        try:
            found[f"{name}_s"] = asyncio.run(play(place, conversations, times, rng))
            digests[name], equal, total, differ = asyncio.run(read(place, conversations))
        finally:
            asked = place.end()
        found |= {"tool_outputs_equal": equal, "tool_outputs_total": total, "differences": differ[:20]}
        found["kills"] = len(place.deaths)
        found |= asyncio.run(needless(place.deaths, asked, keys))
        place.forget()
    plain = [digest for _, _, digest in prove(load_base(), conversations).digests]
    last = digests["killed" if kills else "undisturbed"]
    found["state_equal"] = sum(a == b == c for a, b, c in zip(last, digests["undisturbed"], plain, strict=True))
    return found
