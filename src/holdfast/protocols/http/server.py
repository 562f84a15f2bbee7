"""``HttpServer``: uvicorn around the endpoints, in the server's own loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress

import uvicorn

from ...domain.errors import Unavailable
from . import api
from .models import DIALECT_OF, ModelEndpoints
from .posted import short_way
from .requests import Receive, Request, Scope, Send
from .sessions import IdentityEndpoints
from .static import StaticFiles

Answer = Callable[[Request], Awaitable[None]]
Stop = Callable[[], Awaitable[None]]


class HttpServer:
    """See the module."""

    def __init__(
        self,
        models: ModelEndpoints,
        operations: api.Api,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.signing_in: IdentityEndpoints | None = None
        self.behind_proxy = False
        self._models = models
        self._api = operations
        self._host = host
        self._tls = tls
        self.port = port
        self._mounted: dict[str, Answer] = {}
        self._under: dict[str, Answer] = {}
        self.files = StaticFiles()
        self._stops: list[Stop] = []
        self._server: _Uvicorn | None = None
        self._serving: asyncio.Task[None] | None = None

    def mount(self, path: str, answer: Answer, stop: Stop | None = None) -> None:
        """Let somebody answer what is asked at a path, or below one that ends in ``/``; ``stop`` is awaited when the server
        stops."""
        (self._under if path.endswith("/") else self._mounted)[path] = answer
        if stop is not None:
            self._stops.append(stop)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises ``Unavailable(server.port)``."""
        try:
            sock = self._bound(abs(self.port))
        except OSError as error:
            if self.port >= 0:
                raise Unavailable(
                    "server.port",
                    f"HTTP cannot listen on {self._host}:{self.port}: {error.strerror}. Choose another --http port.",
                ) from error
            sock = self._bound(0)
        self.port = sock.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            http=short_way(list(DIALECT_OF), self._models.at_once),
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        config.load()
        config.ssl = self._tls
        self._server = _Uvicorn(config)
        self._serving = asyncio.Task(self._server.serve(sockets=[sock]), loop=asyncio.get_running_loop())
        while not self._server.started and not self._serving.done():  # noqa: ASYNC110 - uvicorn says it no other way
            await asyncio.sleep(0.005)

    def _bound(self, port: int) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((self._host, port))
        except OSError:
            sock.close()
            raise
        return sock

    async def stop(self) -> None:
        """Let requests in flight end, then hang up."""
        for stop in self._stops:
            await stop()
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            with suppress(asyncio.CancelledError):
                await self._serving

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        scope["holdfast.behind_proxy"] = self.behind_proxy
        request = Request(scope, receive, send)
        if request.path in DIALECT_OF and request.method == "POST":
            await self._models.answer(request)
        elif request.path == "/v1/models" and request.method == "GET":
            await self._models.models(request)
        elif request.path.startswith(api.ROOT):
            await self._api.answer(request)
        elif (answer := self._mounted.get(request.path)) is not None:
            await answer(request)
        elif (under := next((a for path, a in self._under.items() if request.path.startswith(path)), None)) is not None:
            await under(request)
        elif self.signing_in is not None and await self.signing_in.answer(request):
            return
        elif request.method in ("GET", "HEAD") and not request.path.startswith("/v1/"):
            await self.files.answer(request)
        else:
            error = {"message": f"There is no {request.method} {request.path} here.", "code": "http.not_found"}
            await request.json(404, {"error": error})


class _Uvicorn(uvicorn.Server):
    """Signals are the process's own business."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave them alone."""
        yield
