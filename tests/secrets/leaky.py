"""A service that repeats whatever it was sent, secrets and all, in good answers and in bad ones."""

from __future__ import annotations

import asyncio
import json
from typing import Any

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "leaky", "version": "1"},
    "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    "security": [{"key": []}],
    "paths": {
        "/echo": {"get": {"operationId": "echo", "responses": {"200": {"description": "what it was sent"}}}},
        "/fail": {"get": {"operationId": "fail", "responses": {"200": {"description": "never"}}}},
    },
}


class Leaky:
    """See the module. ``heard`` has every request's headers: the secrets did arrive."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __aenter__(self) -> Leaky:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next((int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")), 0)
            await reader.readexactly(length)
            self.heard.append(head)
            path = head.split(" ")[1]
            if path == "/v1/data/vaulted" or path.startswith("/v1/secret/data/"):
                status, said = "200 OK", {"data": {"data": {"value": "canary-of-the-vault-91a2"}}}
            elif path == "/echo":
                status, said = "200 OK", {"you sent": head.split("\r\n"), "nested": {head: [head]}}
            elif path == "/fail":
                status, said = "400 Bad Request", {"message": f"no: {head}"}
            else:
                status, said = "401 Unauthorized", {"error": {"message": f"wrong key in {head}", "code": "invalid_api_key"}}
            body = json.dumps(said).encode()
            writer.write(
                f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
                "connection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        finally:
            writer.close()
