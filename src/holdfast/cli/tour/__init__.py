"""`holdfast demo --tour`: a fleet that works, asks, fails and recovers at a pace that a person can follow."""

from .play import play

__all__ = ["play"]
