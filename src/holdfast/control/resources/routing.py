"""Models: ``kind: Target``, ``Route``, ``Secret``. They reach the gateway of every worker as they are applied.

A worker has the models that it was started with, from a file or its environment; resources come on top of these and win
where names are the same. A secret is where it can be read, never the thing itself.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ...models.choose import check_rules
from ...models.routes import Route, Target
from ...secrets import is_reference
from .agents import of_definitions
from .documents import Wanted
from .kinds import After, Here, Kind, Touched, plain, wrong
from .views import EffectView


class SecretSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, rename={"from_": "from"}):
    """Where a secret is: ``env:NAME``, ``file:PATH`` or ``secret:NAME`` (a vault), on every worker that needs it."""

    from_: str
    description: str = ""


class SecretKind(Kind):
    """``kind: Secret``."""

    name = "Secret"
    spec = SecretSpec

    def convert(self, wanted: Wanted) -> dict[str, Any]:
        found = super().convert(wanted)
        if not is_reference(found["from"]):
            raise ValueError("a Secret says where it is, from: env:NAME, file:PATH or secret:NAME; never what it is")
        return found


class TargetKind(Kind):
    """``kind: Target``."""

    name = "Target"
    spec = Target
    needs = ("Secret",)

    def convert(self, wanted: Wanted) -> dict[str, Any]:
        target = msgspec.convert({**wanted.spec, "name": wanted.name}, Target)
        if target.key and not is_reference(target.key):
            raise ValueError("key says where the secret is: secret:NAME, env:NAME or file:PATH; never the key itself")
        return _without_name(target)

    async def effects(self, here: Here, touched: Touched, after: After) -> list[EffectView]:
        routes = [n for (k, n, _), spec in after.items() if k == "Route" and touched.name in spec.get("targets", ())]
        told = [EffectView(kind="routes", note=f"asked by {', '.join(sorted(routes))}", count=len(routes))] if routes else []
        return told + await _who_asks(here, after, [touched.name, *routes])


class RouteKind(Kind):
    """``kind: Route``."""

    name = "Route"
    spec = Route
    needs = ("Target",)

    def convert(self, wanted: Wanted) -> dict[str, Any]:
        route = msgspec.convert({**wanted.spec, "name": wanted.name}, Route)
        if not route.targets:
            raise ValueError("a route names at least one target")
        check_rules(route)
        return _without_name(route)

    def check(self, wanted: Wanted, after: After, here: Here) -> None:
        known = {name for kind, name, _ in after if kind == "Target"}
        if here.worker.models is not None:
            known |= {target.name for target in here.worker.models.base.targets}
        named = [*wanted.spec.get("targets", ()), *(t for r in wanted.spec.get("rules", ()) for t in r["targets"])]
        for target in named:
            if target not in known:
                there = ", ".join(sorted(known)) or "none"
                raise wrong(wanted, f"it names the target {target!r}, which there is not; there are: {there}")

    async def effects(self, here: Here, touched: Touched, after: After) -> list[EffectView]:
        return await _who_asks(here, after, [touched.name])


async def _who_asks(here: Here, after: After, routes: list[str]) -> list[EffectView]:
    """The agents that think with these routes: declared as resources, or in this server's code."""
    asking = {name for (kind, name, _), spec in after.items() if kind == "Agent" and spec.get("model") in routes}
    asking |= {name for name, definition in here.registry.latest.items() if definition.model in routes}
    return await of_definitions(here, sorted(asking)) if asking else []


def _without_name(value: Any) -> dict[str, Any]:
    found = plain(value)
    found.pop("name", None)
    return found
