"""How late a piece of an answer is seen, in the process that runs the turn and in others; all on one machine.

The model says the time, so each word tells how long it was on its way from the vendor's socket to the watcher.
``python -m benchmarks.answers STORE VENDOR`` is the worker process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import holdfast
from holdfast import Agent
from holdfast.bootstrap.server import Server, Settings
from holdfast.link import Endpoint
from holdfast.models.routes import Models, Target

POSTGRES = os.environ.get("HOLDFAST_TEST_POSTGRES", "") or "postgresql://postgres@127.0.0.1:5432/test"
PER_SECOND = 30
writer = Agent("writer", model="m")


def models_at(url: str) -> Models:
    """The vendor below."""
    return Models(targets=[Target(name="m", vendor="v", url=url, model="m1", first_token_seconds=30.0, stall_seconds=30.0)])


def run(quick: bool) -> dict[str, Any]:
    """Milliseconds from the vendor to the watcher, by where the turn runs; ``added`` beside the same process."""
    agents, words = (10, 90) if quick else (20, 300)
    return asyncio.run(_run(agents, words))


async def _run(agents: int, words: int) -> dict[str, Any]:
    figures: dict[str, Any] = {"agents": agents, "words": words, "words_per_s": PER_SECOND}
    async with _vendor(words) as vendor:
        for name, place in (("same_process", _here), ("over_socket", _over_socket), ("over_postgres", _over_postgres)):
            async with place(vendor) as client:
                late = sorted(await _watched(client, agents, words))
            figures[f"{name}_p50_ms"] = round(statistics.median(late) * 1000, 1)
            figures[f"{name}_p99_ms"] = round(late[len(late) * 99 // 100] * 1000, 1)
    for name in ("over_socket", "over_postgres"):
        figures[f"{name}_added_p50_ms"] = round(figures[f"{name}_p50_ms"] - figures["same_process_p50_ms"], 1)
    return figures


async def _watched(client: holdfast.Client, agents: int, words: int) -> list[float]:
    late: list[float] = []
    listening = [asyncio.Event() for _ in range(agents)]

    async def watch(n: int) -> None:
        text = ""
        async for piece in client.channel.stream("watch", address=f"writer/{n}"):
            listening[n].set()
            if piece.kind == "grew":
                text += piece.text
                *whole, text = text.split(" ")
                now = time.monotonic()
                late.extend(now - float(word) for word in whole)

    watching = [asyncio.create_task(watch(n)) for n in range(agents)]
    await asyncio.gather(*(event.wait() for event in listening))
    answers = await asyncio.gather(*(client.call(writer[str(n)].chat, "what is the time?") for n in range(agents)))
    async with asyncio.timeout(30):
        while len(late) < agents * words:
            await asyncio.sleep(0.01)
    for task in watching:
        task.cancel()
    assert all(answer.count(" ") == words for answer in answers)
    return late


# -- where the turn runs --------------------------------------------------------------------------------------------


@asynccontextmanager
async def _here(vendor: str) -> AsyncGenerator[holdfast.Client]:
    async with holdfast.Runtime([writer], "memory://", models=models_at(vendor)) as runtime:
        yield runtime


@asynccontextmanager
async def _over_socket(vendor: str) -> AsyncGenerator[holdfast.Client]:
    with tempfile.TemporaryDirectory(prefix="holdfast-answers-") as folder:
        path = Path(folder) / "wire"
        server = Server(Settings(places=(), store=f"sqlite:///{folder}/s.db", listen=Endpoint("", 0, str(path)), http=-1))
        await server.start()
        try:
            url = f"holdfast+unix://{path}"
            async with holdfast.connect(url) as client, _worker(client, url, vendor):
                yield client
        finally:
            await server.stop()


@asynccontextmanager
async def _over_postgres(vendor: str) -> AsyncGenerator[holdfast.Client]:
    url = f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}schema=answers_{os.getpid()}"
    async with holdfast.Runtime([], url, name="watches") as runtime, _worker(runtime, url, vendor):
        yield runtime


@asynccontextmanager
async def _worker(client: holdfast.Client, url: str, vendor: str) -> AsyncGenerator[None]:
    child = subprocess.Popen([sys.executable, "-m", "benchmarks.answers", url, vendor])
    try:
        async with asyncio.timeout(30):
            while "writer" not in [worker.name for worker in await client.workers()]:
                await asyncio.sleep(0.05)
        yield
    finally:
        child.terminate()
        await asyncio.to_thread(child.wait)


async def _work(url: str, vendor: str) -> None:
    async with holdfast.Runtime([writer], url, name="writer", models=models_at(vendor)):
        await asyncio.Event().wait()


# -- the vendor -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _vendor(words: int) -> AsyncGenerator[str]:
    """A server that says the time so often, in OpenAI's chat format."""

    async def answer(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(length)
                out.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
                for _ in range(words):
                    await asyncio.sleep(1 / PER_SECOND)
                    _say(out, {"content": f"{time.monotonic():.6f} "})
                    await out.drain()
                _say(out, {}, "stop")
                out.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        out.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


def _say(out: asyncio.StreamWriter, delta: dict[str, str], finish: str | None = None) -> None:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m1", "choices": [choice]}
    data = b"data: " + json.dumps(body).encode() + b"\n\n"
    out.write(b"%x\r\n%s\r\n" % (len(data), data))


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    task = loop.create_task(_work(sys.argv[1], sys.argv[2]))
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
