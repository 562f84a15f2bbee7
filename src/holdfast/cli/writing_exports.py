"""An export on its way to disk: a folder appears whole, or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import IO

from ..domain.errors import Rejected
from ..insight.audit.exporting import Piece, files


class Export:
    """Takes pieces; what was begun and not finished is removed again. Raises ``Rejected(audit.target)``."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._partial = target.with_name(target.name + ".partial")
        self._open: dict[str, IO[bytes]] = {}
        self.bytes = 0

    def __enter__(self) -> Export:
        if self._target.exists() and (not self._target.is_dir() or any(self._target.iterdir())):
            raise Rejected(
                "audit.target",
                f"{self._target} is there already. An export is never written over another one: name a new folder.",
                path=str(self._target),
            )
        try:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir(parents=True)
            self._open = {name: (self._partial / name).open("wb") for name in files()}
        except OSError as error:
            raise Rejected(
                "audit.target", f"{self._target} cannot be written: {error.strerror}.", path=str(self._target)
            ) from error
        return self

    def take(self, piece: Piece) -> None:
        """Write a piece."""
        self.bytes += self._open[piece.file].write(piece.body)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for file in self._open.values():
            if error is None:
                file.flush()
                os.fsync(file.fileno())
            file.close()
        if error is not None:
            shutil.rmtree(self._partial, ignore_errors=True)
            return
        if self._target.exists():
            self._target.rmdir()
        self._partial.rename(self._target)
