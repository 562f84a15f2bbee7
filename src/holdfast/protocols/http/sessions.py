"""Signing in with a browser, and what others need to believe our tokens.

A session is a signed token of its own kind in a cookie that scripts cannot read and other sites cannot send. It is short:
no table has to be kept, and a server that shares the keys knows it, too.
"""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256
from typing import Any

import msgspec

from ...control.identity.oidc import OidcProvider
from ...control.identity.service import Identity
from ...control.operations import Operations
from ...domain.errors import HoldfastError, NotFound, Rejected
from ...domain.principal import Principal
from . import problems
from .api import check_origin
from .identity import SESSION, SESSION_TYPE, caller, csrf_of, origin_of
from .oauth import EXCHANGE, TOKEN, TokenEndpoint
from .requests import Gone, Request, TooLarge

LOGIN = "holdfast_login"
_HOME = (
    b'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/"><title>Signed in</title>'
    b'<p>Signed in. <a href="/">Go on</a></p>'
)
"""A page of ours that leads on: a redirect would still count as the other site's request, and come without the cookie."""


class IdentityEndpoints:
    """Everything under ``/auth/``, ``/oauth/`` and ``/.well-known/``.

    Args:
        session_seconds: how long somebody stays signed in.
        secure: whether browsers reach this server by HTTPS, so that its cookies never travel without it.
    """

    def __init__(
        self, identity: Identity, operations: Operations, *, session_seconds: int = 3600, secure: bool = False
    ) -> None:
        self._identity = identity
        self._operations = operations
        self._seconds = session_seconds
        self._secure = secure
        self._tokens = TokenEndpoint(identity, operations)
        self._logins = {p.settings.name: p for p in identity.providers if isinstance(p, OidcProvider)}

    async def answer(self, request: Request) -> bool:
        """Answer, if the path is one of these; whether it was."""
        if not request.path.startswith(("/auth/", "/oauth/", "/.well-known/")):
            return False
        try:
            await self._route(request)
        except Gone:
            pass
        except TooLarge:
            await problems.answer(request, Rejected("http.too_large", "The body is larger than anybody needs (32 MiB)."))
        except HoldfastError as error:
            await problems.answer(request, error)
        except Exception as error:
            await problems.answer(request, problems.internal(error, f"{request.method} {request.path}"))
        return True

    async def _route(self, request: Request) -> None:
        if request.method != "GET":
            check_origin(request)
        match request.method, request.path:
            case "GET", "/.well-known/jwks.json":
                await request.json(200, self._identity.ring.jwks(), [(b"cache-control", b"max-age=300")])
            case "GET", "/.well-known/oauth-authorization-server":
                await request.json(200, self._described(request))
            case "POST", "/oauth/token":
                await self._tokens.answer(request)
            case "GET", "/auth/session":
                await self._who(request)
            case "POST", "/auth/session":
                await self._begin(request)
            case "DELETE", "/auth/session":
                await caller(self._identity, request)
                await request.reply(204, headers=[self._cookie(SESSION, "", 0)])
            case "GET", "/auth/callback":
                await self._back(request)
            case "GET", path if path.startswith("/auth/login/"):
                await self._go(request, path.removeprefix("/auth/login/"))
            case _:
                raise NotFound("http.not_found", f"There is no {request.method} {request.path}.")

    def _described(self, request: Request) -> dict[str, Any]:
        here = origin_of(request)
        return {
            "issuer": self._identity.authority.rules.iss,
            "token_endpoint": here + TOKEN,
            "jwks_uri": f"{here}/.well-known/jwks.json",
            "grant_types_supported": ["client_credentials", EXCHANGE],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "dpop_signing_alg_values_supported": ["Ed25519", "ES256"],
            "response_types_supported": [],
        }

    # -- sessions -----------------------------------------------------------------------------------------------

    async def _who(self, request: Request) -> None:
        """Who is signed in, what its pages need to change anything, and where one can sign in."""
        found: dict[str, Any] = {"principal": None, "csrf": "", "logins": sorted(self._logins), "token": True}
        try:
            who = await caller(self._identity, request)
            found["principal"] = msgspec.to_builtins(await self._operations.acting_for(who).whoami())
            if session := request.cookie(SESSION):
                found["csrf"] = csrf_of(session)
        except Rejected as error:
            found["why"] = {"code": error.code, "message": error.message}
        await request.json(200, found, [(b"cache-control", b"no-store")])

    async def _begin(self, request: Request) -> None:
        """Sign in with a token."""
        try:
            token = msgspec.json.decode(await request.body(), type=_Login).token
        except (msgspec.DecodeError, UnicodeError) as error:
            raise Rejected("http.body", f'The body is {{"token": "…"}}; this one is not: {error}.') from error
        if not token:
            raise Rejected("auth.unknown", "Give a token to sign in with.")
        who = await self._identity.principal(token)
        session, cookie = self._session(who)
        await request.json(200, {"csrf": csrf_of(session)}, [cookie, (b"cache-control", b"no-store")])

    def _session(self, who: Principal) -> tuple[str, tuple[bytes, bytes]]:
        issued = self._identity.authority.issue(who, seconds=self._seconds, type=SESSION_TYPE)
        return issued.token, self._cookie(SESSION, issued.token, self._seconds)

    def _cookie(self, name: str, value: str, seconds: int, site: str = "Strict", path: str = "/") -> tuple[bytes, bytes]:
        secure = "; Secure" if self._secure else ""
        text = f"{name}={value}; Max-Age={seconds}; Path={path}; HttpOnly; SameSite={site}{secure}"
        return (b"set-cookie", text.encode())

    # -- logins elsewhere ---------------------------------------------------------------------------------------

    async def _go(self, request: Request, name: str) -> None:
        """To the provider. The state stays in a cookie; verifier and nonce follow from it and from our key."""
        provider = self._logins.get(name)
        if provider is None:
            raise NotFound("oidc.unknown", f"There is no login {name!r}; there are: {', '.join(self._logins) or 'none'}.")
        state = f"{name}.{self._operations.worker.random.token(32)}"
        challenge = _text(sha256(self._secret("verifier", state).encode()).digest())
        redirect = f"{origin_of(request)}/auth/callback"
        url = await provider.authorize_url(redirect, state, self._secret("nonce", state), challenge)
        cookie = self._cookie(LOGIN, state, 600, "Lax", "/auth/")
        await request.reply(302, headers=[(b"location", url.encode()), cookie])

    async def _back(self, request: Request) -> None:
        """From the provider, with a code."""
        query = request.query()
        state = query.get("state", "")
        provider = self._logins.get(state.rpartition(".")[0])
        if provider is None or not hmac.compare_digest(state, request.cookie(LOGIN)):
            raise Rejected("oidc.state", "This login was not begun in this browser, or too long ago. Sign in again.")
        if "code" not in query:
            told = query.get("error_description") or query.get("error") or "no reason given"
            raise Rejected("oidc.refused", f"{provider.settings.name} did not let anybody in: {told}.")
        redirect = f"{origin_of(request)}/auth/callback"
        who = await provider.redeem(query["code"], redirect, self._secret("verifier", state), self._secret("nonce", state))
        if not who.scopes:
            raise Rejected("auth.scope", f"{who.id} may do nothing here: none of its groups has a role.", scope="read")
        _, cookie = self._session(who)
        gone = self._cookie(LOGIN, "", 0, "Lax", "/auth/")
        await request.reply(200, _HOME, b"text/html; charset=utf-8", [cookie, gone, (b"cache-control", b"no-store")])

    def _secret(self, what: str, state: str) -> str:
        return _text(sha256(self._identity.ring.sign(f"holdfast login {what} {state}".encode())).digest())


class _Login(msgspec.Struct):
    token: str


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


__all__ = ["IdentityEndpoints"]
