"""OpenID Connect: people as somebody else's login knows them. Discovery, keys, and what makes an id token believable.

What is asked for over HTTP comes through ``Fetch``; everything else is a function of what came back.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast
from urllib.parse import urlencode

import msgspec
from joserfc import jwk, jws
from joserfc.errors import JoseError

from ...domain.errors import HoldfastError, Rejected, Unavailable
from ...domain.principal import Principal
from .scopes import scopes_of
from .tokens import head

Fetch = Callable[[str, str, dict[str, str], bytes], Awaitable[tuple[int, bytes]]]
"""Method, url, headers and body to status and body. Raises ``Unavailable(oidc.unreachable)``."""
ALGORITHMS = ["RS256", "PS256", "ES256", "Ed25519"]
_KEYS_SECONDS = 600.0
_AGAIN_SECONDS = 10.0
_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider, as the identity file describes it.

    Attributes:
        name: shown where one signs in, and in addresses.
        issuer: its address; ``/.well-known/openid-configuration`` is below it.
        client_id, client_secret: how it knows this installation; the secret is a reference (``secret:NAME``), or empty.
        scopes: what is asked for at a login.
        id_claim: what people are called here.
        groups_claim: where their groups are.
        tenant: where its people belong; ``tenant_claim`` names a claim that says so instead.
        roles: from a role (or scope) to the groups that have it; ``*`` is everybody.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: str = ""
    scopes: str = "openid email profile"
    id_claim: str = "email"
    groups_claim: str = "groups"
    tenant: str = "default"
    tenant_claim: str = ""
    roles: dict[str, list[str]] = {}


class _Found(msgspec.Struct):
    """What discovery says."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""


class OidcProvider:
    """See the module; a ``Provider``.

    Args:
        reveal: gives the secret behind a reference.
        seconds: the wall clock.
        skew_seconds: how far two clocks may be apart.
    """

    def __init__(
        self,
        settings: OidcSettings,
        fetch: Fetch,
        seconds: Callable[[], float],
        reveal: Callable[[str], Awaitable[str]],
        skew_seconds: float = 30.0,
    ) -> None:
        self.settings = settings
        self._fetch = fetch
        self._seconds = seconds
        self._reveal = reveal
        self._skew = skew_seconds
        self._found: _Found | None = None
        self._keys: tuple[float, Any] = (0.0, None)

    def says(self, token: str) -> bool:
        """Whether a token claims to be from there."""
        try:
            return _claims(token).get("iss") == self.settings.issuer
        except (Rejected, ValueError, msgspec.DecodeError):
            return False

    async def principal(self, token: str, nonce: str = "") -> Principal:
        """Whom an id token stands for. Raises ``Rejected(token.…)``, ``Unavailable(oidc.unreachable)``."""
        claims = await self.read(token, nonce)
        settings = self.settings
        if settings.id_claim == "email" and claims.get("email_verified") is False:
            raise Rejected("oidc.claims", f"{settings.name} has not verified the address {claims.get('email')}.")
        id = str(claims.get(settings.id_claim) or "")
        tenant = str(claims.get(settings.tenant_claim) or "") if settings.tenant_claim else settings.tenant
        if not id or not tenant:
            missing = settings.id_claim if not id else settings.tenant_claim
            raise Rejected("oidc.claims", f"The token of {settings.name} has no claim {missing!r}.", claim=missing)
        groups: Any = claims.get(settings.groups_claim) or []
        names = [str(group) for group in (cast("list[Any]", groups) if isinstance(groups, list) else [groups])]
        roles = [role for role, having in settings.roles.items() if "*" in having or set(having) & set(names)]
        return Principal("person", id, tenant, scopes_of(roles), tuple(names))

    async def read(self, token: str, nonce: str = "") -> Mapping[str, Any]:
        """An id token's claims, if all of it is to be believed."""
        header = head(token)
        if header.get("alg") not in ALGORITHMS:
            raise Rejected("token.algorithm", f"The token says that it is signed by {header.get('alg')!r}.")
        keys = await self._keys_for(str(header.get("kid", "")))
        try:
            raw = jws.deserialize_compact(token, keys, algorithms=ALGORITHMS).payload
        except (JoseError, ValueError) as error:
            raise Rejected("token.forged", f"The token's signature is not one of {self.settings.name}'s keys'.") from error
        claims: dict[str, Any] = msgspec.json.decode(raw)
        self._check(claims, nonce)
        return claims

    def _check(self, claims: Mapping[str, Any], nonce: str) -> None:
        settings, now = self.settings, self._seconds()
        audience = claims.get("aud")
        if claims.get("iss") != settings.issuer:
            raise Rejected("token.issuer", f"The token is from {claims.get('iss')}, not from {settings.issuer}.")
        if settings.client_id not in (cast("list[Any]", audience) if isinstance(audience, list) else [audience]):
            raise Rejected("token.audience", f"The token of {settings.name} is meant for {audience}, not for us.")
        if now >= float(claims.get("exp") or 0) + self._skew:
            raise Rejected("token.expired", f"The token of {settings.name} has expired. Sign in again.")
        if max(float(claims.get("nbf") or 0), float(claims.get("iat") or 0)) > now + self._skew:
            raise Rejected("token.not_yet", f"The token of {settings.name} is good only in the future. Set the clocks.")
        if nonce and claims.get("nonce") != nonce:
            raise Rejected("token.replayed", "The token belongs to another login than this one. Sign in again.")

    # -- signing in ---------------------------------------------------------------------------------------------

    async def authorize_url(self, redirect: str, state: str, nonce: str, challenge: str) -> str:
        """Where a browser goes to sign in (authorization code with PKCE)."""
        found = await self._discovered()
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect,
            "scope": self.settings.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{found.authorization_endpoint}{'&' if '?' in found.authorization_endpoint else '?'}{urlencode(asked)}"

    async def redeem(self, code: str, redirect: str, verifier: str, nonce: str) -> Principal:
        """Who came back with a code. Raises ``Rejected(oidc.refused)`` and what ``principal`` raises."""
        return await self.principal(await self.redeem_token(code, redirect, verifier), nonce)

    async def redeem_token(self, code: str, redirect: str, verifier: str) -> str:
        """The id token for a code. Raises ``Rejected(oidc.refused)``."""
        found = await self._discovered()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "client_id": self.settings.client_id,
            "code_verifier": verifier,
        }
        headers = dict(_FORM)
        if self.settings.client_secret:
            secret = await self._reveal(self.settings.client_secret)
            pair = urlencode({self.settings.client_id: secret}).replace("=", ":", 1)
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        status, body = await self._fetch("POST", found.token_endpoint, headers, urlencode(form).encode())
        answer = _object(body)
        if status != 200 or not isinstance(answer.get("id_token"), str):
            told = answer.get("error_description") or answer.get("error") or f"status {status}"
            raise Rejected("oidc.refused", f"{self.settings.name} did not let anybody in: {told}. Sign in again.")
        return answer["id_token"]

    # -- what is asked for --------------------------------------------------------------------------------------

    async def _discovered(self) -> _Found:
        if self._found is None:
            url = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
            try:
                found = msgspec.json.decode(await self._get(url), type=_Found)
            except msgspec.DecodeError as error:
                raise self._unreachable(f"{url} says nothing that is understood: {error}") from error
            if found.issuer != self.settings.issuer:
                raise Rejected("token.issuer", f"{url} speaks for {found.issuer}, not for {self.settings.issuer}.")
            self._found = found
        return self._found

    async def _keys_for(self, kid: str) -> Any:
        """The provider's keys; asked for again when they are old, or when a token names one that is not there."""
        at, keys = self._keys
        age = self._seconds() - at
        known = keys is not None and (not kid or any(key.kid == kid for key in keys.keys))
        if keys is None or age > _KEYS_SECONDS or (not known and age > _AGAIN_SECONDS):
            try:
                found: Any = msgspec.json.decode(await self._get((await self._discovered()).jwks_uri))
                keys = jwk.KeySet.import_key_set(found)
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise self._unreachable(f"its keys cannot be read: {error}") from error
            self._keys = self._seconds(), keys
        if kid and not any(key.kid == kid for key in keys.keys):
            raise Rejected("token.key", f"The key that signed the token is not one of {self.settings.name}'s.", key=kid[:64])
        return keys

    async def _get(self, url: str) -> bytes:
        status, body = await self._fetch("GET", url, {"accept": "application/json"}, b"")
        if status != 200:
            raise self._unreachable(f"{url} answered {status}")
        return body

    def _unreachable(self, why: str) -> HoldfastError:
        return Unavailable("oidc.unreachable", f"The login {self.settings.name!r} does not answer as it should: {why}.")


def _claims(token: str) -> dict[str, Any]:
    head(token)
    body = token.split(".")[1]
    return _object(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found: Any = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


__all__ = ["Fetch", "OidcProvider", "OidcSettings"]
