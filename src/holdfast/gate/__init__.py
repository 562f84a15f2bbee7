"""The gate: every step, message and call passes ``review`` before it happens."""

from .review import AllowAll, Gate, refuse

__all__ = ["AllowAll", "Gate", "refuse"]
