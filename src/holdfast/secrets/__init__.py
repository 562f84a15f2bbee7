"""Secrets as references: where one is stands in configurations, what it is only in the request that needs it.

places    references, and looking them up     masking  urls without their passwords, logs without secrets
"""

from .masking import Masked, masked
from .places import Secrets, is_reference

__all__ = ["Masked", "Secrets", "is_reference", "masked"]
