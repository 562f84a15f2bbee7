"""The gate: every step, message and call passes ``review`` before it happens."""

from .review import AllowAll, Gate, refuse
from .tenants import Tenants

__all__ = ["AllowAll", "Gate", "Tenants", "refuse"]
