"""The gate: every step, message and call passes ``review`` before it happens."""

from .gatekeeper import Gatekeeper
from .grants import Grant, Grants
from .review import AllowAll, Gate, refuse
from .tenants import Tenants

__all__ = ["AllowAll", "Gate", "Gatekeeper", "Grant", "Grants", "Tenants", "refuse"]
