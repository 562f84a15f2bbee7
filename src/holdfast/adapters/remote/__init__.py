"""The store of a running server, reached over its wire."""

from .store import RemoteStore

__all__ = ["RemoteStore"]
