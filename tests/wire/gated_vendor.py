"""A model server on loopback that says a few words, and the rest when a test lets it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Gated:
    """Speaks OpenAI's chat format. ``first`` words come at once, the others of ``answers[call]`` after ``gate`` is set.

    Attributes:
        calls: how many requests came.
        finished: how many answers were sent to their end.
    """

    def __init__(self, *answers: str, first: int = 2) -> None:
        self.answers = answers
        self.first = first
        self.gate = asyncio.Event()
        self.calls = self.finished = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(length)
                await self._answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        words = self.answers[min(self.calls, len(self.answers) - 1)].split(" ")
        self.calls += 1
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for n, word in enumerate(words):
            if n == self.first:
                await self.gate.wait()
            await self._say(writer, {"content": word if n == 0 else f" {word}"})
        await self._say(writer, {}, "stop")
        _chunk(writer, b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        self.finished += 1

    async def _say(self, writer: asyncio.StreamWriter, delta: dict[str, str], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        body = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m1", "choices": [choice]}
        _chunk(writer, b"data: " + json.dumps(body).encode() + b"\n\n")
        await writer.drain()


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


@asynccontextmanager
async def gated(*answers: str, first: int = 2) -> AsyncGenerator[Gated]:
    """One that listens."""
    vendor = Gated(*answers, first=first)
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    vendor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield vendor
    finally:
        vendor.gate.set()
        server.close()


__all__ = ["Gated", "gated"]
