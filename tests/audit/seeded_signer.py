"""A signer for tests: an Ed25519 key made from a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast.insight.audit.signatures import key_id_of


class SeededSigner:
    """See ``holdfast.ports.signer``. ``rotate`` goes on with another key."""

    def __init__(self, seed: str = "test") -> None:
        self._known: dict[str, bytes] = {}
        self.rotate(seed)

    def rotate(self, seed: str) -> None:
        """Sign with another key from now on."""
        self._private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())
        public = self._private.public_key().public_bytes_raw()
        self.key_id = key_id_of(public)
        self._known[self.key_id] = public

    def sign(self, data: bytes) -> bytes:
        """See the protocol."""
        return self._private.sign(data)

    def public_keys(self) -> Mapping[str, bytes]:
        """See the protocol."""
        return self._known
