"""A pass-through with the gateway's own HTTP front and client and nothing in between: what is possible at most.

``python -m benchmarks.gateway.bare URL`` prints its address and serves until it is stopped. JSON is read and written on the
way in and out, as anybody does who looks at a request; there is no token, no turn, no journal and no ledger.
"""

from __future__ import annotations

import asyncio
import socket
import sys

import msgspec
import uvicorn
import uvloop

from holdfast.adapters.upstream import HttpUpstream
from holdfast.protocols.http.posted import Posted, short_way
from holdfast.protocols.http.requests import Receive, Scope, Send

_PATH = "/v1/chat/completions"
_HEADERS = {"content-type": "application/json", "accept": "application/json"}


class Bare:
    """See the module."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/chat/completions"
        self._upstream = HttpUpstream()
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, posted: Posted) -> bool:
        """See ``posted.Take``."""
        task = asyncio.Task(self._pass(posted), loop=asyncio.get_running_loop())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _pass(self, posted: Posted) -> None:
        body = msgspec.json.encode(msgspec.json.decode(posted.body))
        exchange = await self._upstream.open("POST", self._url, _HEADERS, body, 5.0)
        try:
            status, _ = await exchange.head()
            pieces: list[bytes] = []
            while piece := await exchange.read():
                pieces.append(piece)
        finally:
            exchange.close()
        posted.reply(status, msgspec.json.decode(b"".join(pieces)))


async def _nothing_else(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def serve(url: str) -> None:
    """Serve until stopped."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    protocol = short_way([_PATH], Bare(url).take)
    config = uvicorn.Config(_nothing_else, http=protocol, ws="none", lifespan="off", log_level="warning", access_log=False)
    print(f"http://127.0.0.1:{sock.getsockname()[1]}/v1", flush=True)
    await uvicorn.Server(config).serve(sockets=[sock])


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
