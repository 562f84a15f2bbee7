"""Roots in a file, a line each: on a disk that the store's owner cannot write to, or on paper in the end."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

import msgspec

from . import away, disagrees


class _Numbered(msgspec.Struct):
    number: int


class _Line(msgspec.Struct):
    statement: _Numbered


class FileWitness:
    """See the port. The file is what ``audit verify --roots`` reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = f"the file {path}"

    async def keep(self, number: int, root: bytes) -> None:
        """See the port."""
        await asyncio.to_thread(self._keep, number, root)

    async def kept(self, number: int) -> bytes | None:
        """See the port."""
        return (await asyncio.to_thread(self._read)).get(number)

    async def last(self) -> int:
        """See the port."""
        return max(await asyncio.to_thread(self._read), default=0)

    def _read(self) -> dict[int, bytes]:
        try:
            return roots_in(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            raise away(self.where, error) from error

    def _keep(self, number: int, root: bytes) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                there = self._read().get(number)
                if there is None:
                    file.write(root + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise away(self.where, error) from error
        if there is not None and there != root:
            raise disagrees(self.where, number)


def roots_in(body: bytes) -> dict[int, bytes]:
    """The roots in such a file by number. A last line that is not whole was never kept."""
    lines = body.split(b"\n")[:-1]
    return {msgspec.json.decode(line, type=_Line).statement.number: line for line in lines if line}
