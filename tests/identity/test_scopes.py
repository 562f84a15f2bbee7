"""Every operation has a scope, every role is made of scopes, and nobody does what its scopes do not say."""

from __future__ import annotations

import pytest

from holdfast.control.identity.scopes import NEEDS, PUBLIC, ROLES, SCOPES, permit, scopes_of
from holdfast.control.operations import Operations
from holdfast.control.registry import registry_of
from holdfast.domain.errors import Rejected
from holdfast.domain.principal import ANONYMOUS, EVERY_TENANT, OWNER, Principal


def test_every_operation_has_a_scope_and_every_scope_is_known() -> None:
    assert registry_of(Operations).keys() == NEEDS.keys(), "add the operation to _OPERATIONS in control/identity/scopes.py"
    assert {need.scope for need in NEEDS.values()} - {PUBLIC} <= SCOPES.keys()
    assert all(role <= SCOPES.keys() for role in ROLES.values())


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_nobody_does_what_its_scopes_do_not_say(name: str) -> None:
    need = NEEDS[name]
    permit(OWNER, name)
    with pytest.raises(Rejected) as caught:
        permit(ANONYMOUS, name)
    assert caught.value.code == "auth.required"
    without = Principal("service", "ci", EVERY_TENANT, frozenset(SCOPES) - {need.scope, "*"})
    having = Principal("service", "ci", EVERY_TENANT, frozenset({need.scope}))
    within = Principal("service", "ci", "acme", frozenset({"*"}))
    permit(having, name)
    if need.scope != PUBLIC:
        with pytest.raises(Rejected) as caught:
            permit(without, name)
        assert caught.value.code == "auth.scope"
    if need.system:
        with pytest.raises(Rejected) as caught:
            permit(within, name)
        assert caught.value.code == "auth.scope"
    else:
        permit(within, name)


def test_what_is_not_in_the_table_is_refused_to_all_but_the_owner() -> None:
    permit(OWNER, "made_up")
    with pytest.raises(Rejected) as caught:
        permit(Principal("person", "ada", EVERY_TENANT, frozenset({"*"})), "made_up")
    assert caught.value.code == "auth.scope"


def test_roles_are_bundles() -> None:
    assert scopes_of(["operator", "approve"]) == {"read", "send", "steer", "approve"}
    with pytest.raises(Rejected) as caught:
        scopes_of(["king"])
    assert caught.value.code == "auth.unknown_scope"
