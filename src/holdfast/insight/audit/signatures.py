"""Ed25519, and what a key is called."""

from __future__ import annotations

import base64
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def text_of(public: bytes) -> str:
    """A public key as a JWK has it."""
    return base64.urlsafe_b64encode(public).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    """A public key back from a JWK. Raises ``ValueError``."""
    public = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(public) != 32 or text_of(public) != text:
        raise ValueError("it is not an Ed25519 key")
    return public


def key_id_of(public: bytes) -> str:
    """The RFC 7638 thumbprint: a name that only this key can have."""
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{text_of(public)}"}}'
    return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()


def genuine(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether the key made this signature over these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
