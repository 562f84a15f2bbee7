"""Who is there: from what an HTTP request carries to a principal. Every endpoint asks here before it does anything.

In this order: a token (``Authorization: Bearer``, ``Authorization: DPoP`` with its proof, or ``X-Api-Key``), the cookie of
somebody who signed in with a browser, nothing. A browser sends cookies along with what other sites make it ask for, and
reaches this machine's own addresses for them, too: so a cookie counts only together with what other sites cannot know, and
where nobody has to prove anything, only requests of pages from here are taken.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from hashlib import sha256

from ...control.identity.proof import Shown
from ...control.identity.scopes import required
from ...control.identity.service import Identity
from ...control.operations import Operations
from ...domain.errors import Rejected
from ...domain.principal import Principal
from ...link.endpoint import is_loopback
from .requests import Headed, Request

SESSION = "holdfast_session"
SESSION_TYPE = "session+jwt"
CSRF = b"x-holdfast-csrf"
_SAFE = ("GET", "HEAD", "OPTIONS")


async def caller(identity: Identity, request: Request, *, needed: bool = False) -> Principal:
    """Who makes a request. ``needed``: nobody in particular will not do. Raises ``Rejected(auth.…)`` and
    ``Rejected(token.…)``."""
    if token := token_of(request):
        return await identity.principal(token, shown_of(request))
    if session := request.cookie(SESSION):
        return _signed_in(identity, request, session)
    if needed or identity.required:
        raise required()
    check_from_here(request)
    return identity.unproven


def acting(identity: Identity, operations: Operations) -> Callable[[Request], Awaitable[Operations]]:
    """Gives the operations in the name of whoever makes a request."""

    async def found(request: Request) -> Operations:
        return operations.acting_for(await caller(identity, request))

    return found


def token_of(request: Headed) -> str:
    """The token of a request, wherever its client puts it."""
    scheme, _, value = request.header(b"authorization").partition(" ")
    return value.strip() if scheme.lower() in ("bearer", "dpop") else request.header(b"x-api-key")


def shown_of(request: Request) -> Shown | None:
    """The proof of having a key that came with a request."""
    proof = request.header(b"dpop")
    return Shown(proof, request.method, f"{origin_of(request)}{request.path}") if proof else None


def origin_of(request: Request) -> str:
    """Where the client believes this server to be."""
    scheme = request.header(b"x-forwarded-proto") if request.scope.get("holdfast.behind_proxy") else ""
    return f"{scheme or request.scope.get('scheme', 'http')}://{request.header(b'host')}"


def _signed_in(identity: Identity, request: Request, session: str) -> Principal:
    claims = identity.authority.read(session, type=SESSION_TYPE)
    if request.method not in _SAFE and not hmac.compare_digest(request.header(CSRF), csrf_of(session)):
        raise Rejected(
            "auth.csrf",
            "A browser that is signed in changes something only together with the page's own token (header "
            "X-Holdfast-CSRF); reload the page, or use an API token.",
        )
    return identity.authority.principal(claims)


def csrf_of(session: str) -> str:
    """What the pages of a session send with whatever changes something. Other sites can read neither the session nor
    this."""
    return sha256(b"holdfast csrf " + session.encode()).hexdigest()[:32]


def check_from_here(request: Request) -> None:
    """That a request which proves nothing comes from this machine's own programs or pages. Raises
    ``Rejected(auth.elsewhere)``."""
    host = request.header(b"host")
    origin = request.header(b"origin")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if not is_loopback(name.strip("[]")) or (origin and origin != f"{request.scope.get('scheme', 'http')}://{host}"):
        raise Rejected(
            "auth.elsewhere",
            f"This server asks nobody who they are, so it answers only this machine's own pages and programs; this request "
            f"is for {host or 'no host'}{f' from a page of {origin}' if origin else ''}. Use an API token.",
        )


__all__ = [
    "CSRF",
    "SESSION",
    "SESSION_TYPE",
    "acting",
    "caller",
    "check_from_here",
    "csrf_of",
    "origin_of",
    "shown_of",
    "token_of",
]
