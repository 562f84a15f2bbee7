"""The HTTP client under the protocol's library, made so that one request that fails is that request's matter.

The library lets any network error end the whole connection, with every other call on it, and does not tell whether a request
was sent. Here such an error becomes the answer to its own request, with a code that says what is known.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2

NOT_SENT = -32098
"""There was no connection: the server knows nothing of the request."""
CUT_OFF = -32097
"""The connection broke after the request was sent."""
SESSION_GONE = -32096
"""The server does not know this session (any more), and did nothing."""
REFUSED = -32095
"""The server does not let us in."""

_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol)


class CalmClient(httpx2.AsyncClient):
    """See the module."""

    async def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        """See ``httpx2.AsyncClient``."""
        try:
            response = await super().send(request, **how)
        except _NEVER_SENT as error:
            return _answer(request, 503, NOT_SENT, f"no connection to {request.url.host}: {error or type(error).__name__}")
        except httpx2.TransportError as error:
            return _answer(request, 502, CUT_OFF, f"the connection was cut: {error or type(error).__name__}")
        if response.status_code == 404 and "mcp-session-id" in request.headers:
            await response.aclose()
            return _answer(request, 404, SESSION_GONE, "the session is over")
        if response.status_code in (401, 403):
            await response.aclose()
            return _answer(
                request, response.status_code, REFUSED, f"the server answers {response.status_code}: check headers="
            )
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Calm(response.stream)
        return response


class _Calm(httpx2.AsyncByteStream):
    """A body whose breaking off is its end; whoever reads it sees that it is not whole."""

    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._inner:
                yield piece
        except httpx2.TransportError:
            return

    async def aclose(self) -> None:
        await self._inner.aclose()


def _answer(request: httpx2.Request, status: int, code: int, message: str) -> httpx2.Response:
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
    return httpx2.Response(status, json=body, request=request)
