"""Grants in a worker's gate, as the store's resources have them."""

from __future__ import annotations

import logging

import msgspec

from ..gate import Gatekeeper, Grant, Grants
from ..mailbox.resources import Mirror
from ..ports.resources import Resource

log = logging.getLogger("holdfast")

KIND = "Grant"


def follow_grants(gate: Gatekeeper, mirror: Mirror) -> None:
    """Lift what people have granted, now and whenever it changes. A grant that cannot be read lifts nothing."""

    def changed(kind: str, news: list[Resource]) -> None:
        found: list[Grant] = []
        for resource in mirror.all(KIND):
            try:
                found.append(msgspec.json.decode(resource.body, type=Grant))
            except msgspec.DecodeError as error:
                log.error("the grant %s cannot be read and lifts nothing: %s", resource.name, error)
        gate.grants = Grants(found)

    mirror.on_change(KIND, changed)


__all__ = ["follow_grants"]
