"""A load generator: so many connections, each with one request after the other; latencies in milliseconds.

``python -m benchmarks.gateway.load URL TOKEN CONNECTIONS SECONDS`` prints one line of JSON. It does as little as it can, so
that what it measures is not itself; it runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast
from urllib.parse import urlsplit

import uvloop

PROMPT = "hello " * 50


class Connection(asyncio.Protocol):
    """One connection: writes a request, waits for its whole answer, writes the next."""

    def __init__(self, request: bytes, until: float, latencies: list[float], done: asyncio.Future[None]) -> None:
        self._request = request
        self._until = until
        self._latencies = latencies
        self._done = done
        self._buffer = b""
        self._asked = 0.0
        self.failed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        place = head.find(b"content-length:")
        length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        self.failed += not head.startswith(b"http/1.1 200")
        self._buffer = b""
        now = time.perf_counter()
        self._latencies.append((now - self._asked) * 1000)
        if now < self._until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        if not self._done.done():
            self._done.set_result(None)

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._request)


async def load(url: str, token: str, connections: int, seconds: float) -> dict[str, float]:
    """Requests for so long; what came of them."""
    parts = urlsplit(url)
    body = json.dumps({"model": "stub", "messages": [{"role": "user", "content": PROMPT}]}).encode()
    head = f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {token}\r\n"
    request = f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    began = time.perf_counter()
    made: list[Connection] = []
    over: list[asyncio.Future[None]] = []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        one = Connection(request, began + seconds, latencies, done)
        await loop.create_connection(lambda one=one: one, parts.hostname or "", parts.port or 80)
        made.append(one)
        over.append(done)
    await asyncio.gather(*over)
    took = time.perf_counter() - began
    latencies.sort()
    return {
        "requests_per_s": len(latencies) / took,
        "p50_ms": latencies[len(latencies) // 2],
        "p99_ms": latencies[int(len(latencies) * 0.99)],
        "requests": len(latencies),
        "failed": sum(c.failed for c in made),
    }


if __name__ == "__main__":
    uvloop.install()
    print(json.dumps(asyncio.run(load(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))))
