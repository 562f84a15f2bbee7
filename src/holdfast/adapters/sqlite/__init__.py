"""The SQLite store: one file, one process that owns it, every commit a group commit at synchronous=FULL."""

from .store import SqliteStore

__all__ = ["SqliteStore"]
