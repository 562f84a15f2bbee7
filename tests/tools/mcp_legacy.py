"""A server of the protocol's version 2025-11-25, written by hand: ``python mcp_legacy.py FOLDER [PORT]``.

Over HTTP it has sessions, which it forgets when ``FOLDER/forget`` is there. It knows nothing of later versions.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1])
TOOLS: list[dict[str, Any]] = [
    {
        "name": "echo",
        "description": "Says it again.",
        "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
    }
]
SESSIONS: list[str] = []


def log(line: str) -> None:
    with (FOLDER / "log").open("a") as file:
        file.write(line + "\n")


def answer(message: dict[str, Any]) -> list[dict[str, Any]]:
    """What is said to a message."""
    method, id = message.get("method"), message.get("id")
    params: dict[str, Any] = message.get("params") or {}
    if id is None:
        return []
    if method == "initialize":
        log(f"initialize {params['protocolVersion']}")
        result: Any = {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "legacy", "version": "1"},
        }
    elif method == "tools/list":  # one tool per page
        place = int(params.get("cursor", "0"))
        result = {"tools": TOOLS[place : place + 1]}
        if place + 1 < len(TOOLS):
            result["nextCursor"] = str(place + 1)
    elif method == "tools/call" and params["name"] == "more":
        return [{"jsonrpc": "2.0", "id": id, "error": {"code": -32602, "message": "no more"}}]
    elif method == "tools/call":
        text = params["arguments"]["text"]
        log(f"echo {text}")
        if text == "grow" and len(TOOLS) == 1:
            TOOLS.append({"name": "more", "inputSchema": {"type": "object"}})
            changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
            return [changed, {"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": text}]}}]
        result = {"content": [{"type": "text", "text": text}]}
    else:
        return [{"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": f"no method {method}"}}]
    return [{"jsonrpc": "2.0", "id": id, "result": result}]


class Http(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        session = self.headers.get("mcp-session-id", "")
        if (FOLDER / "forget").exists():
            (FOLDER / "forget").unlink()
            SESSIONS.clear()
        extra: dict[str, str] = {}
        if message.get("method") == "initialize":
            SESSIONS.append(f"s{len(SESSIONS)}{id(message)}")
            extra["mcp-session-id"] = SESSIONS[-1]
        elif session not in SESSIONS:
            self._send(404 if session else 400, b"no session", {})
            return
        answers = answer(message)
        if not answers:
            self._send(202, b"", {})
            return
        body = "".join(f"event: message\ndata: {json.dumps(a)}\n\n" for a in answers)
        self._send(200, body.encode(), {"content-type": "text/event-stream", **extra})

    def do_GET(self) -> None:
        self._send(405, b"", {})

    def do_DELETE(self) -> None:
        log("session ended")
        self._send(200, b"", {})

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    log("pid")
    if len(sys.argv) > 2:
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Http).serve_forever()
    for line in sys.stdin:
        for said in answer(json.loads(line)):
            print(json.dumps(said), flush=True)
