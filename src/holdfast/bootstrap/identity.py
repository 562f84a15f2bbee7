"""Who may be there: from a file, the environment and the command line to an ``Identity``; and what listening beyond this
machine demands."""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..control.identity.oidc import OidcProvider, OidcSettings
from ..control.identity.service import Identity
from ..control.identity.tokens import TokenRules
from ..control.operations import Operations
from ..domain.errors import Rejected, Unavailable
from ..link import Endpoint
from ..mailbox.worker import Worker
from ..ports.store import Store
from ..ports.upstream import Broken, Upstream
from ..secrets import masked
from .keyfile import ring_of

if TYPE_CHECKING:
    from ..protocols.http.sessions import IdentityEndpoints
    from .engine import Engine
    from .server import Settings

_LOGIN_SECONDS = 10.0
_LOGIN_BYTES = 1 << 20


class IdentityFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``--identity FILE`` says.

    Attributes:
        trust_domain: the first part of every agent's SPIFFE-style id.
        issuer: the address by which others reach this installation; ``https://<trust domain>`` by default.
        token_seconds: how long signed tokens are good for if nobody says.
        skew_seconds: how far two clocks may be apart.
        delegation_depth: how many may act for one another.
        session_seconds: how long somebody who signed in with a browser stays signed in.
        oidc: logins of somebody else's whose word is taken for who people are.
        required: whether everybody has to prove who they are, also on this machine.
    """

    trust_domain: str = "holdfast.local"
    issuer: str = ""
    token_seconds: int = 300
    skew_seconds: int = 30
    delegation_depth: int = 4
    session_seconds: int = 3600
    oidc: list[OidcSettings] = []
    required: bool = True


def read_identity(path: str) -> IdentityFile:
    """The file, or what holds without one. Raises ``Rejected(identity.file)``, naming the place that is wrong."""
    if not path:
        return IdentityFile(required=False)
    import yaml  # loaded for who has a file only

    try:
        return msgspec.convert(yaml.safe_load(Path(path).read_text()) or {}, IdentityFile)
    except OSError as error:
        raise Rejected("identity.file", f"{path} cannot be read: {error.strerror or error}.", path=path) from error
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise Rejected("identity.file", f"{path} does not say who may be there: {error}.", path=path) from error


def make_identity(settings: Settings, store: Store, engine: Engine) -> Identity:
    """Everything that a server knows about who may be there."""
    worker = engine.worker
    file = read_identity(settings.identity)
    rules = TokenRules(
        trust_domain=file.trust_domain,
        issuer=file.issuer,
        seconds=file.token_seconds,
        most_seconds=max(3600, file.session_seconds),
        skew_seconds=file.skew_seconds,
        depth=file.delegation_depth,
    )
    beyond = settings.listen is not None and not settings.listen.local
    return Identity(
        store,
        worker,
        ring_of(store.url, worker.clock),
        rules,
        required=beyond or settings.auth or settings.behind_proxy or file.required,
        admin=os.environ.get("HOLDFAST_ADMIN_TOKEN", ""),
        providers=tuple(_provider(one, engine, file) for one in file.oidc),
    )


def identity_of(store: Store, worker: Worker) -> Identity:
    """What a program knows that opens a store by itself: its keys."""
    return Identity(store, worker, ring_of(store.url, worker.clock))


def _provider(settings: OidcSettings, engine: Engine, file: IdentityFile) -> OidcProvider:
    clock = engine.worker.clock

    async def fetch(method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        return await ask(engine.worker.tool_host.upstream, method, url, headers, body)

    return OidcProvider(settings, fetch, lambda: clock.now_ms() / 1000, engine.secrets.revealed, file.skew_seconds)


async def ask(upstream: Upstream, method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    """One request to a login. Raises ``Unavailable(oidc.unreachable)``."""
    try:
        async with asyncio.timeout(_LOGIN_SECONDS):
            exchange = await upstream.open(method, url, headers, body, _LOGIN_SECONDS)
            try:
                status, _ = await exchange.head()
                found = bytearray()
                while (piece := await exchange.read()) and len(found) < _LOGIN_BYTES:
                    found += piece
                return status, bytes(found)
            finally:
                exchange.close()
    except (Broken, TimeoutError) as error:
        why = str(error) or f"nothing within {_LOGIN_SECONDS:g} s"
        raise Unavailable("oidc.unreachable", f"The login at {url} does not answer: {why}.") from error


def make_endpoints(settings: Settings, identity: Identity, operations: Operations) -> IdentityEndpoints:
    """The pages and endpoints around signing in."""
    from ..protocols.http.sessions import IdentityEndpoints

    seconds = read_identity(settings.identity).session_seconds
    return IdentityEndpoints(
        identity, operations, session_seconds=seconds, secure=bool(settings.tls_cert) or settings.behind_proxy
    )


def check_reach(settings: Settings) -> None:
    """That what goes to and fro beyond this machine is encrypted. Raises ``Rejected(server.no_tls)``."""
    at = settings.listen
    if at is None or at.local or settings.tls_cert or settings.behind_proxy:
        return
    raise Rejected(
        "server.no_tls",
        f"{at.host} is reachable from other machines, and tokens would travel there for everybody to read. Give a "
        "certificate (--tls-cert FILE --tls-key FILE), or say that a proxy before it does (--behind-proxy); or "
        "listen on 127.0.0.1.",
        host=at.host,
    )


async def check_admitted(settings: Settings, identity: Identity) -> None:
    """That somebody can be let in where everybody has to prove who they are. Raises ``Rejected(server.no_auth)``."""
    if not identity.required or await identity.has_admins():
        return
    at: Endpoint | None = settings.listen
    raise Rejected(
        "server.no_auth",
        f"{at.host or at.path if at else 'This server'} would ask everybody who they are, and there is nobody that it "
        f"knows. Make a token first: `holdfast token create --store {masked(settings.store)} --for person:me --scope "
        "admin --tenant '*'`; or set HOLDFAST_ADMIN_TOKEN to a long secret.",
    )


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """The server's side of TLS, if it has a certificate. Raises ``Rejected(server.certificate)``."""
    if not settings.tls_cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key or None)
    except (OSError, ssl.SSLError) as error:
        raise Rejected(
            "server.certificate",
            f"The certificate {settings.tls_cert} (--tls-cert, --tls-key) cannot be used: {error}.",
            path=settings.tls_cert,
        ) from error
    return context


__all__ = [
    "IdentityFile",
    "check_admitted",
    "check_reach",
    "identity_of",
    "make_endpoints",
    "make_identity",
    "read_identity",
    "tls_context",
]
