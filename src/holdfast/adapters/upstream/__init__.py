"""HTTP to model vendors."""

from .client import HttpUpstream

__all__ = ["HttpUpstream"]
