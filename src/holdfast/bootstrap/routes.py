"""Models that were applied as resources reach the gateway of a running worker, without a restart."""

from __future__ import annotations

from typing import Any

import msgspec

from ..mailbox.resources import Mirror
from ..models.declared import with_declared
from ..models.gateway import Gateway
from ..ports.resources import Resource


def follow_models(mirror: Mirror, gateway: Gateway) -> None:
    """Let a gateway ask what is declared, on top of what it was made with."""

    def changed(_kind: str, _changed: list[Resource]) -> None:
        found: dict[str, dict[str, Any]] = {}
        for kind in ("Target", "Route", "Secret"):
            found[kind] = {r.name: msgspec.json.decode(r.body) for r in mirror.all(kind)}
        gateway.use(with_declared(gateway.base, found["Target"], found["Route"], found["Secret"]))

    for kind in ("Secret", "Target", "Route"):
        mirror.on_change(kind, changed)
