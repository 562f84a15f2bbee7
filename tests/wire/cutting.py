"""A network that cuts connections at the worst moment."""

from __future__ import annotations

import asyncio

from holdfast.link import Endpoint


class Cutter:
    """A proxy that cuts the connection right after a request of ours went through, before its answer comes back."""

    def __init__(self, to: Endpoint) -> None:
        self.to = to
        self.cut_next: bytes | None = None
        self.cuts = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def waits(self) -> bool:
        """Whether the next cut is still to come."""
        return self.cut_next is not None

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"holdfast://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self.to.host, self.to.port)
        answers = asyncio.create_task(self._copy(there, writer))
        self._tasks.add(answers)
        while data := await reader.read(65536):
            back.write(data)
            if self.cut_next is not None and self.cut_next in data:
                self.cut_next = None
                self.cuts += 1
                answers.cancel()
                await back.drain()
                await asyncio.sleep(0.05)
                break
        back.close()
        writer.close()

    async def _copy(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await there.read(65536):
            writer.write(data)

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.sleep(0.01)
