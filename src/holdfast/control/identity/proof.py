"""Proof of possession (RFC 9449, DPoP): that whoever shows a token has the key that the token is bound to."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

import msgspec
from joserfc import jwk, jws
from joserfc.errors import JoseError

from ...domain.errors import Rejected
from .tokens import head

TYPE = "dpop+jwt"
ALGORITHMS = ["Ed25519", "ES256"]
_MOST_SECONDS = 60


class Shown(msgspec.Struct, frozen=True):
    """A proof and what it must be about: the request that carries it."""

    proof: str
    method: str
    url: str


class _Said(msgspec.Struct):
    jti: str
    htm: str
    htu: str
    iat: int
    ath: str = ""


_said = msgspec.json.Decoder(_Said).decode


def check(shown: Shown, token: str, now_seconds: float, skew_seconds: int) -> tuple[str, str]:
    """The thumbprint of the key that made a proof, and the proof's id, which must be seen once only. ``token`` is what it
    accompanies; ``""`` when a token is asked for. Raises ``Rejected(token.proof)``."""
    header = head(shown.proof)
    found: Any = header.get("jwk")
    if header.get("typ") != TYPE or header.get("alg") not in ALGORITHMS or not isinstance(found, dict) or "d" in found:
        raise _wrong(f"it is not a {TYPE} by {' or '.join(ALGORITHMS)} that carries its public key")
    try:
        key: Any = jwk.import_key(found)  # pyright: ignore[reportUnknownArgumentType]
        said = _said(jws.deserialize_compact(shown.proof, key, algorithms=ALGORITHMS).payload)
    except (JoseError, ValueError, msgspec.DecodeError) as error:
        raise _wrong("its signature is not its key's, or it says nothing") from error
    if said.htm != shown.method or said.htu.partition("?")[0] != shown.url.partition("?")[0]:
        raise _wrong(f"it is for {said.htm} {said.htu}, not for {shown.method} {shown.url}")
    if abs(now_seconds - said.iat) > _MOST_SECONDS + skew_seconds:
        raise _wrong("it is too old, or the clocks differ")
    if token and said.ath != hashed(token):
        raise _wrong("it is for another token")
    return str(key.thumbprint()), said.jti


def hashed(token: str) -> str:
    """The claim ``ath`` of a proof for this token."""
    return base64.urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=").decode()


def _wrong(why: str) -> Rejected:
    return Rejected(
        "token.proof",
        f"The token is bound to a key, and the proof of having it (header DPoP) does not hold: {why}.",
    )


__all__ = ["Shown", "check", "hashed"]
