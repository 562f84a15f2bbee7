"""The way to a server: a program's pipes, or HTTP."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import anyio
import httpx2
from mcp.client.stdio import StdioServerParameters, get_default_environment, stdio_client
from mcp.client.streamable_http import streamable_http_client

from ...domain.errors import Rejected
from ...secrets import Secrets
from .http import CalmClient
from .server import McpServer

log = logging.getLogger("holdfast.mcp")

_LEASH = str(Path(__file__).with_name("leash.py"))
_CONNECT_SECONDS = 30.0
_LINES = 20


@asynccontextmanager
async def reach(
    server: McpServer, complaints: Complaints, ended: Callable[[], None], secrets: Secrets
) -> AsyncGenerator[Any]:
    """The library's transport to a server. ``ended`` is called when the other side is gone."""
    async with AsyncExitStack() as stack:
        if server.url:
            headers = {name: await secrets.revealed(value) for name, value in server.headers.items()}
            timeout = httpx2.Timeout(_CONNECT_SECONDS, read=None)  # calls have deadlines of their own; streams have none
            client = await stack.enter_async_context(CalmClient(headers=headers, timeout=timeout))
            streams = await stack.enter_async_context(streamable_http_client(server.url, http_client=client))
        else:
            env = {name: await secrets.revealed(value) for name, value in server.env.items()}
            parameters = _parameters(server, env)
            errors = stack.enter_context(complaints)
            streams = await stack.enter_async_context(stdio_client(parameters, errlog=errors))
        read, write = streams
        yield Watched(read, ended), write


def _parameters(server: McpServer, env: dict[str, str]) -> StdioServerParameters:
    program, *arguments = server.command
    if shutil.which(program, path=env.get("PATH", get_default_environment().get("PATH"))) is None:
        raise Rejected(
            "mcp.no_program",
            f"{server.name} is to be started with {program!r}, and there is no such program here.",
            name=program,
        )
    if sys.platform == "linux":
        program, arguments = sys.executable, ["-I", "-S", _LEASH, str(os.getpid()), program, *arguments]
    return StdioServerParameters(command=program, args=arguments, env=env, cwd=server.folder or None)


class Watched:
    """A stream of messages that tells when it ends."""

    def __init__(self, inner: Any, ended: Callable[[], None]) -> None:
        self._inner = inner
        self._ended = ended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def receive(self) -> Any:
        """See the library's ``ReadStream``."""
        try:
            return await self._inner.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._ended()
            raise

    async def aclose(self) -> None:
        """See the library's ``ReadStream``."""
        await self._inner.aclose()

    def __aiter__(self) -> Watched:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Watched:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Complaints:
    """What a program writes to its standard error: to the log line by line, and the last lines kept for an error message.

    Used as a context it is the file that the program writes to."""

    def __init__(self, name: str, secrets: Secrets) -> None:
        self._name = name
        self._secrets = secrets
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._rest = b""
        self._reader = -1

    def __str__(self) -> str:
        return "\n".join([*self._lines, *([self._rest.decode(errors="replace")] if self._rest else [])])

    def __enter__(self) -> Any:
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        asyncio.get_running_loop().add_reader(self._reader, self._read)
        self._file = os.fdopen(writer, "w")
        return self._file

    def __exit__(self, *exc: object) -> None:
        self._read()
        asyncio.get_running_loop().remove_reader(self._reader)
        os.close(self._reader)
        self._file.close()

    def _read(self) -> None:
        try:
            data = os.read(self._reader, 65_536)
        except BlockingIOError:
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-1000:]
        for line in lines:
            text = self._secrets.clean(line.decode(errors="replace").rstrip()[:1000])
            self._lines.append(text)
            log.debug("%s: %s", self._name, text)
