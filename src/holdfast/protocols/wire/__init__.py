"""Holdfast's own protocol: every operation over one connection, as fast as a socket allows."""

from .channel import WireChannel, connect
from .service import WireService

__all__ = ["WireChannel", "WireService", "connect"]
