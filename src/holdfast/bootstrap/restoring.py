"""From a backup file to a store that can be opened."""

from __future__ import annotations

import os
import shutil

from ..adapters.sqlite import files
from ..control.views import Done
from ..domain.errors import Conflict, NotFound, Rejected

_MAGIC = b"SQLite format 3\x00"


def restore_sqlite(source: str, store: str) -> Done:
    """Copy a backup to where a SQLite store shall be; nothing that exists is overwritten.

    Raises ``NotFound(restore.no_backup)``, ``Rejected(restore.exists)``, ``Conflict(store.not_a_store)``.
    """
    place = files.parse(store)
    if not place.path:
        raise Rejected("store.url", "A backup can be restored to a file only: --store sqlite:///file.db.", url=store)
    if not os.path.isfile(source):
        raise NotFound("restore.no_backup", f"There is no file {source}.", path=source)
    with open(source, "rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise Conflict("store.not_a_store", f"{source} is not a Holdfast store.", path=source)
    if any(os.path.exists(place.path + end) for end in ("", "-wal")):
        raise Rejected(
            "restore.exists",
            f"{place.path} exists already, and is not overwritten. Move it away, or restore to another file with --store.",
            path=place.path,
        )
    lock = files.Lock(place)
    partial = place.path + ".partial"
    try:
        shutil.copyfile(source, partial)
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, place.path)
    finally:
        lock.release()
        if os.path.exists(partial):
            os.unlink(partial)
    return Done(note=f"restored {place.path} from {source}")
