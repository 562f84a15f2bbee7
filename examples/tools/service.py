"""A delivery service: an OpenAPI document, and the HTTP server that it describes."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Deliveries", "version": "1"},
    "paths": {
        "/deliveries": {
            "post": {
                "operationId": "deliver",
                "summary": "Have something delivered; the same key again delivers nothing more.",
                "parameters": [{"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["article", "to"],
                                "properties": {"article": {"type": "string"}, "to": {"type": "string"}},
                            }
                        }
                    },
                },
            }
        }
    },
}


class Deliveries:
    """The server; ``made`` is what it was asked for, by key."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}
        made = self.made

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                wanted = json.loads(self.rfile.read(int(self.headers["content-length"])))
                made.setdefault(self.headers["idempotency-key"], wanted)
                body = json.dumps({"number": len(made), "arrives": "tomorrow"}).encode()
                self.send_response(201)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Quietly."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
