"""``KeyRing``: the Ed25519 keys of an installation, and their rotation.

One key signs. After a rotation the one before is still believed for the overlap, so that nothing signed a moment ago breaks;
then its private half is thrown away. Public halves are kept for ever: signed roots of the journal outlive every token.

The ring is a value with a place to be kept; it is in no journal, no store and no backup of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from joserfc.jwk import OKPKey

from ...domain.errors import Rejected

OVERLAP_SECONDS = 24 * 3600
ALGORITHM = "Ed25519"


class Key(msgspec.Struct):
    """One key. ``retires`` is when tokens signed with it stop being believed (milliseconds, 0 for not yet); ``d`` is the
    private half, gone once it signs no more."""

    x: str
    d: str = ""
    created: int = 0
    retires: int = 0


class Kept(msgspec.Struct):
    """What is kept of a ring: newest first."""

    keys: list[Key] = []


class Place(Protocol):
    """Where a ring is kept."""

    def read(self) -> bytes | None:
        """What is there; None if nothing is."""
        ...

    def write(self, data: bytes, before: bytes | None) -> bytes:
        """Put it there, readable by its owner only, if there is still what was there before; what is there now."""
        ...


class InMemory:
    """A place that forgets: for stores that do, too."""

    def __init__(self) -> None:
        self._data: bytes | None = None

    def read(self) -> bytes | None:
        """See ``Place``."""
        return self._data

    def write(self, data: bytes, before: bytes | None) -> bytes:
        """See ``Place``."""
        if self._data == before:
            self._data = data
        return self._data or data


class KeyRing:
    """See the module; a ``Signer``. Keys are made on first use.

    Args:
        place: where it is kept. Several servers of one installation share a place.
        now_ms: the clock.
    """

    def __init__(self, place: Place, now_ms: Any) -> None:
        self._place = place
        self._now: Any = now_ms
        self._keys: dict[str, Key] = {}
        self._private: tuple[str, OKPKey] | None = None
        self._publics: dict[str, OKPKey] = {}
        self._read: bytes | None = None

    # -- signing ------------------------------------------------------------------------------------------------

    @property
    def key_id(self) -> str:
        """See ``Signer``."""
        return self.signing[0]

    @property
    def signing(self) -> tuple[str, OKPKey]:
        """The key that signs now, made if there is none."""
        if self._private is None:
            self.look()
        if self._private is None:
            self.rotate(0)
        assert self._private is not None
        return self._private

    def sign(self, data: bytes) -> bytes:
        """See ``Signer``."""
        key: Any = self.signing[1].private_key
        return key.sign(data)

    def public_keys(self) -> Mapping[str, bytes]:
        """See ``Signer``."""
        self.key_id  # noqa: B018 - there is always one
        return {id: _public(key.x).public_key.public_bytes_raw() for id, key in self._keys.items()}

    # -- believing ----------------------------------------------------------------------------------------------

    def believed(self, id: str) -> OKPKey | None:
        """The public key of a token, if tokens signed with it are believed now. Another server may have made it."""
        if id not in self._keys:
            self.look()
        key = self._keys.get(id)
        if key is None or (key.retires and key.retires <= self._now()):
            return None
        found = self._publics.get(id)
        if found is None:
            found = self._publics[id] = _public(key.x)
        return found

    def jwks(self) -> dict[str, Any]:
        """What ``/.well-known/jwks.json`` says."""
        self.key_id  # noqa: B018 - there is always one
        same = {"kty": "OKP", "crv": ALGORITHM, "use": "sig", "alg": ALGORITHM}
        return {"keys": [{**same, "kid": id, "x": key.x} for id, key in self.live()]}

    def live(self) -> list[tuple[str, Key]]:
        """The keys whose tokens are believed now, newest first."""
        now = self._now()
        return [(id, key) for id, key in self._keys.items() if not key.retires or key.retires > now]

    def all(self) -> list[tuple[str, Key]]:
        """Every key there ever was, newest first."""
        self.key_id  # noqa: B018 - there is always one
        return list(self._keys.items())

    # -- keeping ------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Read the place again. Raises ``Rejected(keys.malformed)``."""
        data = self._place.read()
        if data == self._read and self._keys:
            return
        self._take(data)

    def rotate(self, overlap_seconds: float = OVERLAP_SECONDS) -> str:
        """Sign with a new key from now on; its id. Those before are believed for ``overlap_seconds`` more."""
        while True:
            before = self._place.read()
            kept = _decode(before)
            now = self._now()
            for key in kept.keys:
                key.retires = key.retires or now + int(overlap_seconds * 1000)
                key.d = ""
            made = OKPKey.generate_key(ALGORITHM, private=True).as_dict(private=True)
            kept.keys.insert(0, Key(str(made["x"]), str(made["d"]), now))
            data = msgspec.json.format(msgspec.json.encode(kept))
            there = self._place.write(data, before)
            self._take(there)
            if there == data or before is None:  # somebody else was first to make one: theirs is as good
                return self.key_id

    def _take(self, data: bytes | None) -> None:
        kept = _decode(data)
        self._read = data
        self._keys = {_public(key.x).thumbprint(): key for key in kept.keys}
        self._private = None
        for id, key in self._keys.items():
            if key.d:
                self._private = id, OKPKey.import_key({"kty": "OKP", "crv": ALGORITHM, "x": key.x, "d": key.d})
                break


def _public(x: str) -> OKPKey:
    return OKPKey.import_key({"kty": "OKP", "crv": ALGORITHM, "x": x})


def _decode(data: bytes | None) -> Kept:
    if not data:
        return Kept()
    try:
        return msgspec.json.decode(data, type=Kept)
    except msgspec.DecodeError as error:
        raise Rejected(
            "keys.malformed",
            "The file with this installation's keys cannot be read: it is no key ring. Restore it from where you keep "
            "secrets; do not delete it: what was signed with its keys could not be verified any more.",
        ) from error


__all__ = ["ALGORITHM", "OVERLAP_SECONDS", "InMemory", "Kept", "Key", "KeyRing", "Place"]
