"""``POST /oauth/token``: signed tokens for programs that have another one (RFC 6749, RFC 8693, RFC 9449).

``client_credentials`` gives whoever shows an API token a signed one of its own. ``token-exchange`` gives it one with which
it acts for whoever the ``subject_token`` stands for. With a proof (header ``DPoP``) the token is bound to the proof's key.
"""

from __future__ import annotations

import base64
from urllib.parse import parse_qsl, unquote_plus

from ...control.identity.scopes import required
from ...control.identity.service import Identity
from ...control.identity.views import IssuedView
from ...control.operations import Operations
from ...domain.errors import HoldfastError, LimitExceeded, Rejected, Unavailable
from ...domain.principal import Principal
from .identity import shown_of, token_of
from .requests import Request

TOKEN = "/oauth/token"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
_TYPES = (ACCESS, "urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token", "")
_CLIENT = frozenset({"auth.required", "auth.unknown"})


class TokenEndpoint:
    """See the module."""

    def __init__(self, identity: Identity, operations: Operations) -> None:
        self._identity = identity
        self._operations = operations

    async def answer(self, request: Request) -> None:
        """A request for a token."""
        try:
            issued, bound = await self._issue(request)
        except HoldfastError as error:
            await _refuse(request, error)
            return
        now = self._operations.worker.clock.now_ms()
        answer = {
            "access_token": issued.token,
            "issued_token_type": ACCESS,
            "token_type": "DPoP" if bound else "Bearer",
            "expires_in": max(0, (issued.expires - now) // 1000),
            "scope": " ".join(issued.scopes),
        }
        await request.json(200, answer, [(b"cache-control", b"no-store")])

    async def _issue(self, request: Request) -> tuple[IssuedView, bool]:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        who = await self._client(request, form)
        shown = shown_of(request)
        jkt = await self._identity.proved(shown, "") if shown is not None else ""
        acting = self._operations.acting_for(who)
        audience = form.get("audience") or form.get("resource") or ""
        scopes = form["scope"].split() if form.get("scope") else None
        grant = form.get("grant_type", "")
        if grant == "client_credentials":
            return await acting.issue_token(audience=audience, scopes=scopes, jkt=jkt), bool(jkt)
        if grant == EXCHANGE:
            if form.get("subject_token_type", "") not in _TYPES or not form.get("subject_token"):
                raise Rejected("oauth.request", "A token exchange needs subject_token, and subject_token_type access_token.")
            token = form["subject_token"]
            return await acting.exchange_token(token, audience=audience, scopes=scopes, jkt=jkt), bool(jkt)
        raise Rejected(
            "oauth.grant", f"{grant!r} is no way to get a token here: client_credentials, or {EXCHANGE}.", grant_type=grant
        )

    async def _client(self, request: Request, form: dict[str, str]) -> Principal:
        """Who asks: by a token in the header, by ``actor_token``, or by a client's secret, which is an API token."""
        secret = form.get("actor_token") or form.get("client_secret") or _basic(request) or token_of(request)
        if not secret:
            raise required()
        proof = None if form.get("actor_token") or form.get("client_secret") else shown_of(request)
        return await self._identity.principal(secret, proof if secret.count(".") == 2 else None)


def _basic(request: Request) -> str:
    scheme, _, value = request.header(b"authorization").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return unquote_plus(base64.b64decode(value).decode().partition(":")[2])
    except ValueError:
        return ""


async def _refuse(request: Request, error: HoldfastError) -> None:
    """An OAuth error, with our code beside it."""
    if error.code in _CLIENT:
        status, kind = 401, "invalid_client"
    elif error.code == "oauth.grant":
        status, kind = 400, "unsupported_grant_type"
    elif error.code == "oauth.request":
        status, kind = 400, "invalid_request"
    elif error.code in ("auth.scope", "auth.unknown_scope"):
        status, kind = 400, "invalid_scope"
    elif error.code == "token.proof":
        status, kind = 400, "invalid_dpop_proof"
    elif isinstance(error, Unavailable):
        status, kind = 503, "temporarily_unavailable"
    elif isinstance(error, (Rejected, LimitExceeded)):
        status, kind = 400, "invalid_grant"
    else:
        status, kind = 400, "invalid_request"
    body = {"error": kind, "error_description": error.message, "code": error.code}
    await request.json(status, body, [(b"cache-control", b"no-store")])


__all__ = ["EXCHANGE", "TOKEN", "TokenEndpoint"]
