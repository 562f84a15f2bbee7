"""Groups: people, services and agents under one name, as resources of kind ``Group`` say.

A group belongs to a tenant, or to the whole installation; of two with the same name the installation's counts, so that no
tenant adds its own people to it. ``person:ada`` in a tenant's group is that tenant's Ada; in one of the installation it is
the Ada of the default tenant, where those belong who reach every tenant.
"""

from __future__ import annotations

import msgspec

from ..domain.address import DEFAULT_TENANT
from ..domain.address import GROUP as PREFIX
from ..domain.principal import Principal, subject_in
from ..mailbox.resources import Mirror

GROUP = "Group"


class GroupSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """People (``person:ada``), services, agents (``desk/1``, ``desk/*``) and other groups (``group:leads``) that questions
    can be put to, or something can be granted to, together."""

    members: list[str]
    description: str = ""


def members_of(mirror: Mirror, name: str, tenant: str) -> set[str]:
    """All members, those of groups within it too: subjects, addresses, and ``tenant/definition/*``."""
    found: set[str] = set()
    seen: set[str] = set()
    open_ = [name]
    while open_:
        name = open_.pop()
        row = mirror.get(GROUP, name, "") or mirror.get(GROUP, name, tenant)
        if name in seen or row is None:
            continue
        seen.add(name)
        for member in msgspec.json.decode(row.body, type=GroupSpec).members:
            if member.startswith(PREFIX):
                open_.append(member.removeprefix(PREFIX))
            else:
                found.add(subject_in(member, row.tenant or DEFAULT_TENANT))
    return found


def groups_with(mirror: Mirror, who: Principal, tenant: str) -> list[str]:
    """The groups that count in a tenant and that somebody is in."""
    names = {row.name for row in mirror.all(GROUP) if row.tenant in ("", tenant)}
    return sorted(name for name in names if who.subject in members_of(mirror, name, tenant))


def agents_in(mirror: Mirror, name: str, tenant: str) -> list[str]:
    """The members that are agents of that tenant."""
    return sorted(m for m in members_of(mirror, name, tenant) if m.count("/") == 2 and m.startswith(f"{tenant}/"))


__all__ = ["GROUP", "GroupSpec", "agents_in", "groups_with", "members_of"]
