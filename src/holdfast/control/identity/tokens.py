"""Signed tokens: made for minutes, and believed or refused with a reason of its own. No I/O, time as an argument.

A token is a JWT signed with Ed25519. ``sub`` is the SPIFFE-style id of the principal, ``act`` who acts for it (RFC 8693),
``cnf`` the key that its bearer must prove to have (RFC 7800, proved by RFC 9449), ``once`` that it is good for one use.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from ...domain.errors import Rejected
from ...domain.principal import EVERY_TENANT, Principal, identity_of, spiffe_id, subject_of
from .keys import ALGORITHM, KeyRing

TYPE = "at+jwt"
"""What a token of access is (RFC 9068): a session's or a login's is of another type, and never taken for one."""
_BYTES = 16_384


class TokenRules(msgspec.Struct, frozen=True, kw_only=True):
    """What tokens of this installation look like, and how strictly they are read.

    Attributes:
        trust_domain: the first part of every SPIFFE-style id.
        issuer: who signs: ``iss``, and the audience that this installation itself is.
        seconds: how long a token is good for if nobody says; ``most_seconds`` bounds what they may say.
        skew_seconds: how far clocks of two machines may be apart.
        depth: how many may act for one another.
    """

    trust_domain: str = "holdfast.local"
    issuer: str = ""
    seconds: int = 300
    most_seconds: int = 3600
    skew_seconds: int = 30
    depth: int = 4

    @property
    def iss(self) -> str:
        """The issuer."""
        return self.issuer or f"https://{self.trust_domain}"


class Act(msgspec.Struct, omit_defaults=True):
    """Who acts, and for whom it acts in turn."""

    sub: str
    act: Act | None = None


class Cnf(msgspec.Struct):
    """The thumbprint of the key that a token is bound to."""

    jkt: str


class Claims(msgspec.Struct, omit_defaults=True):
    """What a token says."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: int
    iat: int
    jti: str
    nbf: int = 0
    scope: str = ""
    groups: list[str] = []
    tags: dict[str, str] = {}
    act: Act | None = None
    cnf: Cnf | None = None
    once: bool = False
    every_tenant: bool = False


class Issued(msgspec.Struct):
    """A token, and until when it is good (milliseconds)."""

    token: str
    expires: int
    claims: Claims


_header = msgspec.json.Decoder(dict[str, Any]).decode
_claims = msgspec.json.Decoder(Claims).decode
_encode = msgspec.json.Encoder().encode


class Authority:
    """Makes tokens and reads them.

    Args:
        ring: its keys.
        rules: see ``TokenRules``.
        now_ms: the clock.
        token: makes an unguessable string of so many characters.
    """

    def __init__(self, ring: KeyRing, rules: TokenRules, now_ms: Callable[[], int], token: Callable[[int], str]) -> None:
        self.ring = ring
        self.rules = rules
        self._now = now_ms
        self._token = token

    def issue(
        self,
        principal: Principal,
        *,
        audience: str = "",
        seconds: int = 0,
        scopes: frozenset[str] | None = None,
        jkt: str = "",
        once: bool = False,
        type: str = TYPE,
    ) -> Issued:
        """A token for somebody. It never says more than the principal may."""
        rules = self.rules
        now = self._now() // 1000
        lives = min(seconds or rules.seconds, rules.most_seconds)
        given = principal.scopes if scopes is None else principal.narrowed(scopes)
        claims = Claims(
            iss=rules.iss,
            sub=spiffe_id(principal.subject, rules.trust_domain),
            aud=audience or rules.iss,
            exp=now + lives,
            iat=now,
            nbf=now,
            jti=self._token(24),
            scope=" ".join(sorted(given)),
            groups=list(principal.groups),
            tags=dict(principal.tags),
            act=self._act(principal.act),
            cnf=Cnf(jkt) if jkt else None,
            once=once,
            every_tenant=principal.tenant == EVERY_TENANT,
        )
        id, key = self.ring.signing
        header = {"typ": type, "alg": ALGORITHM, "kid": id}
        return Issued(jws.serialize_compact(header, _encode(claims), key, algorithms=[ALGORITHM]), claims.exp * 1000, claims)

    def _act(self, actors: tuple[str, ...]) -> Act | None:
        found: Act | None = None
        for actor in actors:
            found = Act(spiffe_id(actor, self.rules.trust_domain), found)
        return found

    def read(self, token: str, *, audience: str = "", type: str = TYPE) -> Claims:
        """What a token says, if all of it is to be believed; whether its bearer has the key that it is bound to, and
        whether it was used before, is still to be asked. Raises ``Rejected(token.…)``, one code for each reason."""
        header = head(token)
        if header.get("alg") != ALGORITHM:
            raise Rejected(
                "token.algorithm",
                f"The token says that it is signed by {header.get('alg')!r}; this installation signs with {ALGORITHM} only.",
            )
        if header.get("typ") != type:
            raise Rejected("token.type", f"This is a token of another kind: {header.get('typ')!r}, not {type!r}.")
        key = self.ring.believed(str(header.get("kid", "")))
        if key is None:
            raise Rejected(
                "token.key",
                "The key that signed the token is not one of this installation's, or was retired. Get a new token.",
                key=str(header.get("kid", ""))[:64],
            )
        try:
            payload = jws.deserialize_compact(token, key, algorithms=[ALGORITHM]).payload
        except (JoseError, ValueError) as error:
            raise Rejected("token.forged", "The token's signature is not its key's: somebody changed it.") from error
        try:
            claims = _claims(payload)
        except msgspec.DecodeError as error:
            raise _malformed(str(error)) from error
        self._check(claims, audience or self.rules.iss)
        return claims

    def _check(self, claims: Claims, audience: str) -> None:
        rules, now = self.rules, self._now() / 1000
        if claims.iss != rules.iss:
            raise Rejected("token.issuer", f"The token is from {claims.iss}, not from {rules.iss}.", issuer=claims.iss)
        if audience not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
            raise Rejected(
                "token.audience",
                f"The token is meant for {claims.aud}, not for {audience}. Get one for here.",
                audience=audience,
            )
        if now >= claims.exp + rules.skew_seconds:
            raise Rejected("token.expired", f"The token expired {round(now - claims.exp)} s ago. Get a new one.")
        if max(claims.nbf, claims.iat) > now + rules.skew_seconds:
            ahead = round(max(claims.nbf, claims.iat) - now)
            raise Rejected(
                "token.not_yet",
                f"The token is good only in {ahead} s, more than clocks may differ ({rules.skew_seconds} s).",
            )

    def principal(self, claims: Claims) -> Principal:
        """Whom a token stands for."""
        domain = self.rules.trust_domain
        subject = subject_of(claims.sub, domain)
        kind, id, tenant = identity_of(subject)
        actors: list[str] = []
        act = claims.act
        while act is not None:
            actors.insert(0, subject_of(act.sub, domain))
            act = act.act
        return Principal(
            kind,
            id,
            EVERY_TENANT if claims.every_tenant else tenant,
            frozenset(claims.scope.split()),
            tuple(claims.groups),
            tuple(actors),
            claims.tags,
        )


def head(token: str) -> dict[str, Any]:
    """The header of a token, unbelieved. Raises ``Rejected(token.malformed)``."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _BYTES:
        raise _malformed("it is not of three parts")
    try:
        return _header(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (ValueError, msgspec.DecodeError) as error:
        raise _malformed("its header is not JSON") from error


def _malformed(why: str) -> Rejected:
    return Rejected("token.malformed", f"This is no token: {why}.")


__all__ = ["TYPE", "Act", "Authority", "Claims", "Cnf", "Issued", "TokenRules", "head"]
