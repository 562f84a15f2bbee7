"""`holdfast login --issuer`: a login with the browser, for the terminal (RFC 8252: PKCE, and back to this machine)."""

from __future__ import annotations

import asyncio
import base64
import secrets
import sys
import time
import webbrowser
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ..adapters.upstream import HttpUpstream
from ..bootstrap.identity import ask
from ..control.identity.oidc import OidcProvider, OidcSettings
from ..domain.errors import Rejected, Unavailable
from .output import say

_PATIENCE_SECONDS = 300.0
_DONE = b"<!doctype html><title>Signed in</title><p>Signed in. You may close this window."


async def sign_in(issuer: str, client_id: str) -> str:
    """The id token of whoever signs in. Raises ``Rejected(oidc.refused)``, ``Unavailable(oidc.unreachable)``."""
    upstream = HttpUpstream()

    async def fetch(method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        return await ask(upstream, method, url, headers, body)

    async def nothing(reference: str) -> str:
        return reference

    loop = asyncio.get_running_loop()
    settings = OidcSettings(name="the login", issuer=issuer, client_id=client_id)
    provider = OidcProvider(settings, fetch, time.time, nothing)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    back: asyncio.Future[dict[str, str]] = loop.create_future()
    server = await asyncio.start_server(lambda r, w: _answer(r, w, back), "127.0.0.1", 0)
    try:
        redirect = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/callback"
        challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        url = await provider.authorize_url(redirect, state, nonce, challenge)
        say(f"Sign in with your browser:\n  {url}")
        if sys.stderr.isatty():
            webbrowser.open(url)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            query = await back
        if query.get("state") != state or "code" not in query:
            told = query.get("error_description") or query.get("error") or "it came back from another login"
            raise Rejected("oidc.refused", f"Nobody was let in: {told}. Sign in again.")
        token = await provider.redeem_token(query["code"], redirect, verifier)
        await provider.read(token, nonce)
        return token
    except TimeoutError:
        raise Unavailable("oidc.unreachable", "Nobody signed in within five minutes.") from None
    finally:
        server.close()
        await upstream.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.Future[dict[str, str]]) -> None:
    try:
        line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0].decode("latin-1")
        target: Any = urlsplit(line.split(" ")[1])
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n%s" % (len(_DONE), _DONE))
        await writer.drain()
        if target.path == "/callback" and not back.done():
            back.set_result({name: values[-1] for name, values in parse_qs(target.query).items()})
    except (asyncio.IncompleteReadError, IndexError):
        pass  # somebody else's knock
    finally:
        writer.close()
