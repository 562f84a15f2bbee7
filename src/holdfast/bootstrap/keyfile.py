"""Where an installation's keys are kept: a file that only its owner can read, beside the store or at HOLDFAST_KEYS."""

from __future__ import annotations

import fcntl
import os
import stat
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from ..control.identity.keys import InMemory, KeyRing, Place
from ..domain.errors import Rejected
from ..ports.clock import Clock


class KeyFile:
    """A ring in a file; see ``Place``. Two servers that make a first key at the same moment agree on one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> bytes | None:
        """What is in the file. Raises ``Rejected(keys.file)`` where others could read it, too."""
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if stat.S_IMODE(mode) & 0o077:
                    raise Rejected(
                        "keys.file",
                        f"{self.path} holds this installation's keys, and others can read it (mode {stat.S_IMODE(mode):o}). "
                        f"Make it yours alone (chmod 600 {self.path}), and rotate the keys if others could have.",
                        path=str(self.path),
                    )
                return file.read() or None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._trouble(error) from error

    def write(self, data: bytes, before: bytes | None) -> bytes:
        """Replace it, if it still is what it was; whole or not at all."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(f"{self.path}.lock", os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if (there := self.read()) != before:
                    return there or data
                partial = f"{self.path}.partial"
                with os.fdopen(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(partial, self.path)
                return data
            finally:
                os.close(lock)
        except OSError as error:
            raise self._trouble(error) from error

    def _trouble(self, error: OSError) -> Rejected:
        return Rejected(
            "keys.file",
            f"The keys of this installation cannot be kept in {self.path}: {error.strerror}. Name another place with "
            "HOLDFAST_KEYS.",
            path=str(self.path),
        )


def place_of(store: str) -> Place:
    """Where the keys of a store's installation are."""
    named = os.environ.get("HOLDFAST_KEYS", "")
    if named:
        return KeyFile(Path(named).expanduser())
    scheme, _, rest = store.partition(":")
    if scheme == "memory":
        return InMemory()
    if scheme == "sqlite":
        return KeyFile(Path(rest.partition("?")[0].removeprefix("//")[1:] + ".keys"))
    parts = urlsplit(store)
    where = f"{parts.hostname}:{parts.port}{parts.path}?{parts.query}"
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return KeyFile(Path(home).expanduser() / "holdfast" / f"{sha256(where.encode()).hexdigest()[:16]}.keys")


def ring_of(store: str, clock: Clock) -> KeyRing:
    """The keys of a store's installation."""
    return KeyRing(place_of(store), clock.now_ms)
