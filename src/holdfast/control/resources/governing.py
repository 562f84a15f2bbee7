"""Who may do what: ``kind: Policy``, ``Group``, ``Grant``, ``Breaker``.

Policies are read by the gate of every worker. Grants and breakers change by themselves (somebody says yes for similar
actions, something trips): they are resources so that they have versions, authors and reasons, but no files describe them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ...gate.grants import Grant
from .documents import Wanted
from .kinds import Kind, plain


class PolicyKind(Kind):
    """``kind: Policy``."""

    name = "Policy"
    of_tenants = True
    wrapped = True


class GroupSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """People (``person:ada``), services and agents that questions and approvals can be put to together."""

    members: list[str]
    description: str = ""


class GroupKind(Kind):
    """``kind: Group``."""

    name = "Group"
    spec = GroupSpec
    of_tenants = True


class GrantKind(Kind):
    """``kind: Grant``."""

    name = "Grant"
    spec = Grant
    of_tenants = True
    in_files = False

    def convert(self, wanted: Wanted) -> dict[str, Any]:
        return plain(msgspec.convert({**wanted.spec, "name": wanted.name}, Grant))


class BreakerKind(Kind):
    """``kind: Breaker``: operational state, written by whoever trips or resets it."""

    name = "Breaker"
    of_tenants = True
    in_files = False
