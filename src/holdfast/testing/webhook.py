"""A webhook on this machine: keeps what it is sent, and answers as it is told. For tests of whatever tells somebody."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any


class Receiver:
    """What came in.

    Attributes:
        url: where it listens.
        requests: headers (names in lower case) and body of each that was taken.
        answers: the statuses of the next requests; 200 after them. Only what is answered with 200 is taken.
        down: hang up on everybody.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.down = False

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that was taken, as JSON."""
        return [json.loads(body) for _, body in self.requests]

    def of(self, type: str) -> list[dict[str, Any]]:
        """The CloudEvents of a type of Holdfast's."""
        return [event for event in self.events if event.get("type") == f"holdfast.{type}"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                if self.down:
                    break
                lines = head.decode().split("\r\n")[1:]
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines) if k}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                status = self.answers.pop(0) if self.answers else 200
                if status == 200:
                    self.requests.append((headers, body))
                writer.write(f"HTTP/1.1 {status} OK\r\ncontent-length: 2\r\n\r\nok".encode())
                await writer.drain()
        writer.close()


@asynccontextmanager
async def receiver(path: str = "/hook") -> AsyncGenerator[Receiver]:
    """One that listens on a free port until the block is over."""
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
    async with server:
        yield made


__all__ = ["Receiver", "receiver"]
