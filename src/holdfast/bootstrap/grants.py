"""Grants in a worker's gate, as the store's resources have them."""

from __future__ import annotations

import logging

import msgspec

from ..control.approvals import GRANT
from ..control.groups import GROUP, agents_in
from ..gate import Gatekeeper, Grant, Grants
from ..mailbox.resources import Mirror
from ..ports.resources import Resource

log = logging.getLogger("holdfast")


def follow_grants(gate: Gatekeeper, mirror: Mirror) -> None:
    """Lift what people have granted, now and whenever it or a group that it is for changes. A grant that cannot be read
    lifts nothing."""

    def changed(kind: str, news: list[Resource]) -> None:
        found: list[Grant] = []
        members: dict[str, list[str]] = {}
        for resource in mirror.all(GRANT):
            try:
                grant = msgspec.json.decode(resource.body, type=Grant)
            except msgspec.DecodeError as error:
                log.error("the grant %s cannot be read and lifts nothing: %s", resource.name, error)
                continue
            found.append(grant)
            if (group := grant.group) and resource.tenant:
                members[grant.name] = agents_in(mirror, group, resource.tenant)
        gate.grants = Grants(found, members)

    mirror.on_change(GRANT, changed)
    mirror.on_change(GROUP, changed)


__all__ = ["follow_grants"]
