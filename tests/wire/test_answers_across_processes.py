"""An answer is seen as it grows where its turn runs in another process; what is seen is in sum exactly the answer."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import httpx
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
MESSAGES: Any = [{"role": "user", "content": "count"}]
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
    return in_a_schema(request.getfixturevalue("postgres_url"))


def in_a_schema(url: str) -> str:
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


async def test_server_sent_events_come_before_the_answer_is_whole(tmp_path: Path, store: str) -> None:
    port = free_port()
    async with scene(tmp_path, store, TEXT) as s, httpx.AsyncClient(timeout=DEADLINE_SECONDS) as browser:
        await s.server("--http", str(port))
        await s.worker()
        url = f"http://127.0.0.1:{port}/api/v1/agents/writer/1/watch"
        async with browser.stream("GET", url) as events, holdfast.connect(s.place.url) as client:
            answer: asyncio.Task[Any] | None = None
            words: list[str] = []
            async for line in events.aiter_lines():
                piece: dict[str, Any] = json.loads(line[6:]) if line.startswith("data: {") else {}
                if piece.get("kind") == "listening":
                    answer = ask(client)
                elif piece.get("kind") == "grew":
                    words.append(piece["text"])
                    if "".join(words) == "one two":
                        assert s.vendor.finished == 0
                        s.vendor.gate.set()
                elif piece.get("kind") == "ended":
                    break
            assert answer is not None and await answer == TEXT == "".join(words) and len(words) > 1


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


@asynccontextmanager
async def program_and_holder(tmp_path: Path, store: str, s: Scene) -> AsyncGenerator[tuple[openai.AsyncOpenAI, Any]]:
    """Two servers over one database: a program at the one, and the process of the other, which has the program's agent."""
    ports = [free_port() for _ in range(2)]
    ours, theirs = [f"http://127.0.0.1:{port}/v1" for port in ports]
    await s.server("--http", str(ports[0]), "--name", "asked")
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other", WRITER)
    other.store = store
    try:
        more = ["--no-reload", "--lease", "1s", "--models", str(s.models), "--http", str(ports[1]), "--name", "holds"]
        holder = await asyncio.to_thread(other.up, *more)
        async with holdfast.connect(s.place.url) as here:
            secret = (await here.create_token("me")).secret
            async with openai.AsyncOpenAI(base_url=theirs, api_key=secret, max_retries=0) as program:
                warm = await program.chat.completions.create(model="m", messages=MESSAGES, stream=True)
                assert [chunk async for chunk in warm]
            assert (await here.describe("outside/me")).owner.startswith("holds")
        async with openai.AsyncOpenAI(base_url=ours, api_key=secret, max_retries=0) as program:
            yield program, holder
    finally:
        await asyncio.to_thread(other.close)


async def chat_words(program: openai.AsyncOpenAI) -> AsyncGenerator[str]:
    async for chunk in await program.chat.completions.create(model="m", messages=MESSAGES, stream=True):
        for choice in chunk.choices:
            yield choice.delta.content or ""


async def response_words(program: openai.AsyncOpenAI) -> AsyncGenerator[str]:
    async for event in await program.responses.create(model="m", input="count", stream=True):
        if event.type == "response.output_text.delta":
            yield event.delta


async def message_words(program: openai.AsyncOpenAI) -> AsyncGenerator[str]:
    url = str(program.base_url).removesuffix("/v1/")
    async with anthropic.AsyncAnthropic(base_url=url, api_key=program.api_key, max_retries=0) as client:
        async for event in await client.messages.create(model="m", max_tokens=100, messages=MESSAGES, stream=True):
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                yield event.delta.text


async def read(words: AsyncGenerator[str], at_two: Callable[[], None]) -> list[str]:
    """The words of a streamed answer; something happens when two of them are there."""
    got: list[str] = []
    async for word in words:
        if word:
            got.append(word)
            if "".join(got) == "one two":
                at_two()
    return got


@pytest.mark.parametrize("words", [chat_words, response_words, message_words])
async def test_programs_get_it_as_it_grows(tmp_path: Path, postgres_url: str, words: Callable[..., Any]) -> None:
    store = in_a_schema(postgres_url)
    async with scene(tmp_path, store, "warm", TEXT) as s, program_and_holder(tmp_path, store, s) as (program, _):

        def at_two() -> None:
            assert s.vendor.finished == 1
            s.vendor.gate.set()

        got = await read(words(program), at_two)
        assert "".join(got) == TEXT and len(got) > 1 and s.vendor.calls == 2


@pytest.mark.parametrize("second", [TEXT, "uno due tre"], ids=["the same answer", "another answer"])
async def test_a_program_whose_worker_is_killed_gets_the_rest_or_an_error(
    tmp_path: Path, postgres_url: str, second: str
) -> None:
    store = in_a_schema(postgres_url)
    async with (
        scene(tmp_path, store, "warm", TEXT, second) as s,
        program_and_holder(tmp_path, store, s) as (program, holder),
    ):

        def at_two() -> None:
            holder.kill()
            s.vendor.gate.set()

        if second == TEXT:
            assert "".join(await read(chat_words(program), at_two)) == TEXT
        else:
            with pytest.raises(openai.APIError, match="different answer"):
                await read(chat_words(program), at_two)
        assert s.vendor.calls == 3
