"""``Signer``: what signs in this installation's name. Private keys stay behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Signer(Protocol):
    """Ed25519 over bytes. A signature names the key it was made with, and a key's public half is never forgotten: what was
    signed years ago can still be verified."""

    @property
    def key_id(self) -> str:
        """Which key signs now: the RFC 7638 thumbprint of its public half."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature (64 bytes) by the key ``key_id``."""
        ...

    def public_keys(self) -> Mapping[str, bytes]:
        """Every public key there ever was (32 bytes each), by key id."""
        ...
