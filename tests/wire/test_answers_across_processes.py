"""An answer is seen as it grows where its turn runs in another process; what is seen is in sum exactly the answer."""

from __future__ import annotations

import asyncio
import itertools
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest

import holdfast
from gated_vendor import Gated, gated
from holdfast import Target
from holdfast.domain.address import Address
from holdfast.models.routes import Models
from holdfast.models.routes import Target as Model
from processes import DEADLINE_SECONDS, Place

WRITER = "from holdfast import Agent\n\nwriter = Agent('writer', model='m')\n"
IDLE = "from holdfast import Agent\n\nidle = Agent('idle')\n\n\n@idle.handler\nasync def x(ctx) -> None: ...\n"
TEXT = "one two three four five"
_SCHEMAS = itertools.count(1)


async def until(look: Callable[[], Any], what: str) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not look():
            await asyncio.sleep(0.01)
    assert look(), what


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Scene:
    """Processes over one store: ``url`` is where people ask; the agent runs on the worker."""

    def __init__(self, place: Place, vendor: Gated, store: str) -> None:
        self.place = place
        self.vendor = vendor
        self.store = store
        self.models = place.folder / "models.json"
        target = Model(name="m", vendor="v", url=vendor.url, model="m1", stall_seconds=60.0, first_token_seconds=60.0)
        self.models.write_bytes(msgspec.json.encode(Models(targets=[target])))
        self.idle = place.folder / "idle.py"
        self.idle.write_text(IDLE)
        self.names = itertools.count(1)

    async def server(self, *more: str) -> None:
        self.place.file, self.place.store = self.idle, self.store
        await asyncio.to_thread(self.place.up, "--no-reload", "--lease", "1s", "--models", str(self.models), *more)

    async def worker(self) -> Any:
        name = f"w{next(self.names)}"
        agents = str(self.place.folder / "my_agents.py")
        store = self.store if self.store.startswith("postgresql") else self.place.url
        process = self.place.start(
            "worker",
            agents,
            "--store",
            store,
            "--name",
            name,
            "--lease",
            "1s",
            "--models",
            str(self.models),
            log=f"{name}.log",
        )
        async with holdfast.connect(self.place.url) as client, asyncio.timeout(DEADLINE_SECONDS):
            while name not in [w.name for w in await client.workers()]:
                await asyncio.sleep(0.05)
        return process


@asynccontextmanager
async def scene(folder: Path, store: str, *answers: str) -> AsyncGenerator[Scene]:
    place = Place(folder, WRITER)
    try:
        async with gated(*answers) as vendor:
            yield Scene(place, vendor, store)
    finally:
        await asyncio.to_thread(place.close)


@pytest.fixture(params=["socket", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "socket":
        return f"sqlite:///{tmp_path}/store.db"
    url: str = request.getfixturevalue("postgres_url")
    return f"{url}{'&' if '?' in url else '?'}schema=answers_{next(_SCHEMAS)}"


class Watcher:
    """Somebody who watches ``writer/1``, and what they know of the answer."""

    def __init__(self, client: holdfast.Client) -> None:
        self.pieces: list[Any] = []
        self._client = client
        self._task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        async for piece in self._client.channel.stream("watch", address="writer/1"):
            self.pieces.append(piece)

    async def listening(self) -> None:
        await until(lambda: self.pieces, "it listens")

    @property
    def grown(self) -> list[str]:
        """The words of the answer that counts."""
        kinds = [piece.kind for piece in self.pieces]
        last = len(kinds) - kinds[::-1].index("restart") if "restart" in kinds else 0
        return [piece.text for piece in self.pieces[last:] if piece.kind == "grew"]

    def count(self, kind: str) -> int:
        return [piece.kind for piece in self.pieces].count(kind)

    def stop(self) -> None:
        self._task.cancel()


def ask(client: holdfast.Client) -> asyncio.Task[Any]:
    chat: Target[[str], Any] = Target(Address("default/writer/1"), "chat")
    return asyncio.create_task(client.call(chat, "count"))


async def test_pieces_come_before_the_answer_is_whole(tmp_path: Path, store: str) -> None:
    async with scene(tmp_path, store, TEXT) as s:
        await s.server()
        await s.worker()
        async with holdfast.connect(s.place.url) as client:
            watcher = Watcher(client)
            await watcher.listening()
            answer = ask(client)
            await until(lambda: "".join(watcher.grown) == "one two", "two words")
            assert s.vendor.finished == 0 and watcher.count("ended") == 0
            s.vendor.gate.set()
            assert await answer == TEXT
            await until(lambda: watcher.count("ended") == 1, "the end")
            assert "".join(watcher.grown) == TEXT and len(watcher.grown) > 1 and s.vendor.calls == 1
            watcher.stop()


async def test_a_killed_worker_ends_in_the_whole_answer_once(tmp_path: Path, store: str) -> None:
    async with scene(tmp_path, store, TEXT, "uno due tre quattro") as s:
        await s.server()
        first = await s.worker()
        async with holdfast.connect(s.place.url) as client:
            watcher = Watcher(client)
            await watcher.listening()
            answer = ask(client)
            await until(lambda: "".join(watcher.grown) == "one two", "two words")
            first.kill()
            await s.worker()
            await until(lambda: "".join(watcher.grown) == "uno due", "another worker's words")
            s.vendor.gate.set()
            assert await answer == "uno due tre quattro"
            await until(lambda: watcher.count("ended") == 1, "the end")
            assert "".join(watcher.grown) == "uno due tre quattro" and watcher.count("restart") == 1
            watcher.stop()


async def test_the_terminal_shows_it_once(tmp_path: Path, store: str) -> None:
    async with scene(tmp_path, store, TEXT) as s:
        await s.server()
        first = await s.worker()
        chat = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "holdfast", "chat", "writer/1", "count",
            env=s.place.environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert chat.stdout is not None and chat.stderr is not None
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await chat.stdout.readexactly(7) == b"one two" and s.vendor.finished == 0
            first.kill()
            await s.worker()
            assert b"asking again" in await chat.stderr.readline()
            s.vendor.gate.set()
            rest = await chat.stdout.read()
            assert await chat.wait() == 0
        assert rest.decode() == f"\n{TEXT}\n"


async def test_programs_get_it_as_it_grows(tmp_path: Path, postgres_url: str) -> None:
    """Two servers over one database: the program's agent is in the hands of the one that it does not ask."""
    store = f"{postgres_url}{'&' if '?' in postgres_url else '?'}schema=answers_{next(_SCHEMAS)}"
    async with scene(tmp_path, store, "warm", TEXT) as s:
        ports = [free_port() for _ in range(2)]
        ours, theirs = [f"http://127.0.0.1:{port}/v1" for port in ports]
        await s.server("--http", str(ports[0]), "--name", "asked")
        (tmp_path / "other").mkdir()
        other = Place(tmp_path / "other", WRITER)
        other.store = store
        try:
            more = ["--no-reload", "--models", str(s.models), "--http", str(ports[1]), "--name", "holds"]
            await asyncio.to_thread(other.up, *more)
            async with holdfast.connect(s.place.url) as here:
                secret = (await here.create_token("me")).secret
                messages: Any = [{"role": "user", "content": "count"}]
                async with openai.AsyncOpenAI(base_url=theirs, api_key=secret, max_retries=0) as program:
                    warm = await program.chat.completions.create(model="m", messages=messages, stream=True)
                    assert [chunk async for chunk in warm]  # now it has the agent
                assert (await here.describe("outside/me")).owner.startswith("holds")
                async with openai.AsyncOpenAI(base_url=ours, api_key=secret, max_retries=0) as program:
                    stream = await program.chat.completions.create(model="m", messages=messages, stream=True)
                    words: list[str] = []
                    async for chunk in stream:
                        words += [c.delta.content for c in chunk.choices if c.delta.content]
                        if "".join(words) == "one two" and not s.vendor.gate.is_set():
                            assert s.vendor.finished == 1
                            s.vendor.gate.set()
                assert "".join(words) == TEXT and len(words) > 1 and s.vendor.calls == 2
        finally:
            await asyncio.to_thread(other.close)
