"""A login on this machine for tests: an OpenID provider that speaks discovery, authorization code with PKCE, token and keys.

It signs everybody in without asking, as whoever ``user`` is; everything else it takes as strictly as a real one.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus, urlsplit

from joserfc import jws
from joserfc.jwk import RSAKey

_SECONDS = 300


class IdentityProvider:
    """See the module; use it as a context.

    Args:
        client_id, client_secret: the program that it knows; without a secret PKCE alone proves it.
        now: seconds since 1970.
        user: the claims of whoever signs in.
    """

    def __init__(
        self,
        client_id: str = "holdfast",
        client_secret: str = "",
        *,
        now: Callable[[], float],
        user: dict[str, Any] | None = None,
    ) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.user = user or {"sub": "1", "email": "ada@example.org", "email_verified": True, "groups": ["ops"]}
        self.asked: list[str] = []
        self._now = now
        self._codes: dict[str, dict[str, str]] = {}
        self._key: Any = None
        self.rotate()

    async def __aenter__(self) -> IdentityProvider:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.issuer = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    def rotate(self) -> None:
        """Sign with another key, and forget the one before."""
        self._key = RSAKey.generate_key(2048, private=True)

    def id_token(self, **claims: Any) -> str:
        """A token as this provider gives it, with claims of one's own."""
        now = int(self._now())
        said = {"iss": self.issuer, "aud": self.client_id, "iat": now, "exp": now + _SECONDS, **self.user, **claims}
        header = {"alg": "RS256", "kid": self._key.thumbprint(), "typ": "JWT"}
        return jws.serialize_compact(header, json.dumps(said).encode(), self._key, algorithms=["RS256"])

    # -- HTTP ---------------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, target, _ = head.split("\r\n")[0].split(" ")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head.split("\r\n")[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.asked.append(f"{method} {urlsplit(target).path}")
            status, location, answer = self._answer(method, target, headers, body)
            more = f"location: {location}\r\n" if location else ""
            text = json.dumps(answer).encode()
            writer.write(
                f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n"
                f"{more}connection: close\r\n\r\n".encode()
                + text
            )
            await writer.drain()
        finally:
            writer.close()

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[str, str, Any]:
        """Status line, where to go on, and JSON."""
        parts = urlsplit(target)
        match method, parts.path:
            case "GET", "/.well-known/openid-configuration":
                return "200 OK", "", self._discovery()
            case "GET", "/keys":
                public = self._key.as_dict(private=False)
                return "200 OK", "", {"keys": [{**public, "kid": self._key.thumbprint(), "use": "sig", "alg": "RS256"}]}
            case "GET", "/authorize":
                return "302 Found", self._authorize(dict(parse_qsl(parts.query))), {}
            case "POST", "/token":
                return self._token(headers, dict(parse_qsl(body.decode())))
            case _:
                return "404 Not Found", "", {"error": "not_found"}

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _authorize(self, asked: dict[str, str]) -> str:
        back = f"{asked['redirect_uri']}?state={quote(asked.get('state', ''))}"
        if asked.get("client_id") != self.client_id or asked.get("code_challenge_method") != "S256":
            return f"{back}&error=invalid_request"
        code = f"code-{len(self._codes)}-{sha256(asked['code_challenge'].encode()).hexdigest()[:16]}"
        self._codes[code] = asked
        return f"{back}&code={code}"

    def _token(self, headers: dict[str, str], form: dict[str, str]) -> tuple[str, str, Any]:
        asked = self._codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "").encode()
        challenge = base64.urlsafe_b64encode(sha256(verifier).digest()).rstrip(b"=").decode()
        pair = base64.b64decode(headers.get("authorization", "").removeprefix("Basic ")).decode().split(":")
        if self.client_secret and [unquote_plus(part) for part in pair] != [self.client_id, self.client_secret]:
            return "401 Unauthorized", "", {"error": "invalid_client"}
        same = asked is not None and asked["redirect_uri"] == form.get("redirect_uri")
        if asked is None or not same or asked["code_challenge"] != challenge:
            return "400 Bad Request", "", {"error": "invalid_grant"}
        token = self.id_token(nonce=asked.get("nonce", ""))
        return "200 OK", "", {"access_token": "opaque", "token_type": "Bearer", "id_token": token, "expires_in": _SECONDS}


__all__ = ["IdentityProvider"]
