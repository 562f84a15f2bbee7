"""Who may call which operation: a table from operations to scopes, and roles as bundles of scopes.

What is not in the table is refused to everybody but the owner of the process; a test holds that nothing is missing.
"""

from __future__ import annotations

import msgspec

from ...domain.errors import Rejected
from ...domain.principal import EVERY_SCOPE, EVERY_TENANT, Principal

READ, SEND, STEER, APPROVE = "read", "send", "steer", "approve"
CONFIGURE, TOKENS, MODELS = "configure", "tokens", "models"
SYSTEM, WORK = "system", "work"

SCOPES = {
    READ: "look at agents, journals, costs and settings",
    SEND: "send messages and events to agents",
    STEER: "pause, steer, cancel, kill, retire, retry, fork; schedules and dead letters",
    APPROVE: "answer what agents ask people",
    CONFIGURE: "change budgets, resources and policies",
    TOKENS: "make and revoke tokens",
    MODELS: "ask models as an agent",
    SYSTEM: "keys, backups, retention, workers: only with a token for every tenant",
    WORK: "be a worker: reads and writes the whole store, so only with a token for every tenant",
    EVERY_SCOPE: "everything within the tenant",
}
ROLES = {
    "viewer": frozenset({READ}),
    "operator": frozenset({READ, SEND, STEER}),
    "approver": frozenset({READ, APPROVE}),
    "admin": frozenset({EVERY_SCOPE}),
    "worker": frozenset({WORK}),
    "agent": frozenset({MODELS, SEND}),
}


class Need(msgspec.Struct, frozen=True):
    """What an operation asks of who calls it. ``system``: it touches more than one tenant."""

    scope: str
    system: bool = False


PUBLIC = ""
"""The scope of what anybody may call who was let in at all."""

_OPERATIONS = {
    READ: """brief read_brief
        asks_of causes drop_search drop_view fleet glance lanes pulse readers save_search save_view saw search searches
        story views watch_search
        agents approvals asks audit_query behaviour breakers budgets check_policy cost dead definitions
        describe diagnose dry_run_policy follow forecast grant grants holds info journal models policies policy schedules
        drift export export_text kinds plan plan_rollback preview_grant resource resource_diff resource_history
        resources decisions route_decisions test_policy check_resources
        state stats tokens usage versions waits watch why""",
    SEND: "call publish send signal",
    STEER: """adopt cancel discard fork kill pause redeliver reset_breaker resume retire retry_stuck schedule steer
    stop_all trip_breaker unschedule""",
    APPROVE: "answer approve drop_grant",
    CONFIGURE: "add_hold apply delete_resource drop_budget remove_hold rollback set_budget",
    TOKENS: "create_token revoke_token",
    MODELS: "write_brief",
    PUBLIC: "exchange_token issue_token now whoami",
    SYSTEM: """audit_export audit_roots
    audit_seal backup compact drain keys rebuild_behaviour rotate_keys set_behaviour workers""",
}
NEEDS: dict[str, Need] = {
    name: Need(scope, system=scope == SYSTEM) for scope, names in _OPERATIONS.items() for name in names.split()
}
"""What each operation asks for. A new operation needs a place in ``_OPERATIONS``."""


def permit(principal: Principal, operation: str) -> None:
    """Whether somebody may call an operation at all; in which tenant, the operation itself sees to. Raises
    ``Rejected(auth.scope)``, ``Rejected(auth.required)``."""
    if principal.owner:
        return
    need = NEEDS.get(operation)
    if principal.kind == "anonymous":
        raise required()
    if need is None or not (need.scope == PUBLIC or principal.may(need.scope)):
        wanted = need.scope if need else "owner"
        raise Rejected(
            "auth.scope",
            f"{principal.actor} may not {operation}: that needs the scope {wanted!r}, and its token has "
            f"{', '.join(sorted(principal.scopes)) or 'none'}. `holdfast token create` makes one that has it.",
            operation=operation,
            scope=wanted,
        )
    if need.system and principal.tenant != EVERY_TENANT:
        raise Rejected(
            "auth.scope",
            f"{operation} touches every tenant, and {principal.actor} belongs to {principal.tenant!r}. It needs a token for "
            "every tenant (`holdfast token create --tenant '*'`).",
            operation=operation,
            scope=need.scope,
        )


def permit_scope(principal: Principal, scope: str) -> None:
    """That somebody has a scope. Raises ``Rejected(auth.scope)``."""
    if not principal.may(scope):
        raise Rejected(
            "auth.scope",
            f"{principal.actor} may not do this: it needs the scope {scope!r}, and its token has "
            f"{', '.join(sorted(principal.scopes)) or 'none'}.",
            scope=scope,
        )


def required() -> Rejected:
    """The error for somebody who showed nothing."""
    return Rejected(
        "auth.required",
        "This server wants to know who you are. Give a token (--token, HOLDFAST_TOKEN, `holdfast login`), or sign in.",
    )


def scopes_of(roles_and_scopes: list[str]) -> frozenset[str]:
    """The scopes that these roles and scopes are. Raises ``Rejected(auth.unknown_scope)``."""
    found: set[str] = set()
    for name in roles_and_scopes:
        if name in ROLES:
            found |= ROLES[name]
        elif name in SCOPES:
            found.add(name)
        else:
            raise Rejected(
                "auth.unknown_scope",
                f"There is no scope or role {name!r}. Scopes: {', '.join(SCOPES)}. Roles: {', '.join(ROLES)}.",
                scope=name,
            )
    return frozenset(found)


__all__ = ["NEEDS", "PUBLIC", "ROLES", "SCOPES", "Need", "permit", "required", "scopes_of"]
