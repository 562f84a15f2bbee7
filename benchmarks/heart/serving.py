"""A server process for benchmarks, stopped by its own process id."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import holdfast

_AGENTS = Path(__file__).with_name("agents.py")


@asynccontextmanager
async def server(store: str) -> AsyncGenerator[str]:
    """`holdfast up` over the benchmark's agents; yields its address."""
    port = _free_port()
    command = [sys.executable, "-m", "holdfast", "up", str(_AGENTS), "--store", store, "--port", str(port), "--no-reload"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ})
    address = f"holdfast://127.0.0.1:{port}"
    try:
        await _answers(address, child)
        yield address
    finally:
        child.send_signal(signal.SIGTERM)
        await asyncio.to_thread(child.wait, 20)


async def _answers(address: str, child: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        try:
            async with holdfast.connect(address) as client:
                await client.stats()
                return
        except holdfast.Unavailable:
            if child.poll() is not None:
                raise RuntimeError(f"the server ended with {child.returncode}") from None
            await asyncio.sleep(0.05)
    raise RuntimeError("the server does not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
