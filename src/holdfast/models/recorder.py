"""``Recorder``: writes a cassette from what the gateway is asked and answers, whatever vendor answers it.

Only answers are written, never what was asked: of a request there are digests and its last words. Headers, addresses, keys
and errors never come here, and what is a secret of this process is blacked out wherever an answer or those words repeat it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from ..domain.errors import HoldfastError, Rejected
from ..secrets import Secrets
from .cassette import Cassette
from .dialects import DIALECTS
from .job import EMBEDDINGS, Job, Reply
from .routes import Target

log = logging.getLogger("holdfast.models")

TAPE = Target(name="recorded", vendor="recorded", url="cassette:", model="recorded")
"""How a recording is asked when it is replayed; a request is recorded as it will be asked then."""
_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIALS")
_SHORTEST = 8
"""What is shorter than that is no secret that could be told from ordinary words."""


class Recorder:
    """See the module. Every answer is a line that is written at once, so that a killed process leaves what it had. Raises
    ``Rejected(cassette.unwritable)``."""

    def __init__(self, path: str | Path, secrets: Iterable[str] = ()) -> None:
        self._path = Path(path)
        self._secrets = sorted({s for s in secrets if len(s) >= _SHORTEST}, key=len, reverse=True)
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self._drop_half_a_line()
        except OSError as error:
            raise Rejected(
                "cassette.unwritable", f"{path} cannot be recorded to: {error.strerror}.", path=str(path)
            ) from error

    def keep(self, job: Job, reply: Reply) -> None:
        """Record an answer. What cannot be recorded is said in the log and fails nothing."""
        if job.dialect == EMBEDDINGS:
            return
        try:
            asked = DIALECTS[TAPE.dialect].read_prompt(job.written_for(TAPE, stream=False))
            line = Cassette().add(asked, reply.answer, self._without_secrets)
            line.route = job.route
            os.write(self._file, self._clean(msgspec.json.encode(line)) + b"\n")
        except (HoldfastError, OSError, ValueError) as error:
            log.warning("an answer was not recorded to %s: %s", self._path, error)

    def close(self) -> None:
        """No more."""
        os.close(self._file)

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text

    def _clean(self, line: bytes) -> bytes:
        for secret in self._secrets:
            for written in {secret.encode(), msgspec.json.encode(secret)[1:-1]}:
                line = line.replace(written, b"[secret]")
        return line

    def _drop_half_a_line(self) -> None:
        """A machine that lost its power in the middle of a line left half of it."""
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            whole = self._path.read_bytes()
            os.ftruncate(self._file, whole.rfind(b"\n") + 1)


def secrets_here(targets: Iterable[Target]) -> list[str]:
    """What must not be written down: the vendors' keys, and what the environment calls by the name of a secret."""
    found = [value for name, value in os.environ.items() if name.upper().rstrip("S").endswith(_NAMES) and value]
    for target in targets:
        if target.key:
            try:
                found.append(Secrets().revealed_now(target.key))
            except Rejected:
                continue  # it has none, and will be told so when it is asked
        found += _values(target.headers)
    return found


def _values(headers: Any) -> list[str]:
    return [word for value in dict(headers).values() for word in str(value).split()]


__all__ = ["TAPE", "Recorder", "secrets_here"]
