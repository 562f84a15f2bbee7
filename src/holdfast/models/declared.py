"""Models that people declared while workers run, on top of those that a worker was started with.

Where names are the same, what was declared wins. What makes no sense here (a route to a target that only another worker has)
is left out and told, so that one such route takes no other one away.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from ..domain.errors import HoldfastError
from .choose import check_rules
from .routes import Models, Route, Target

log = logging.getLogger("holdfast")

SECRET = "secret:"
"""How a target's key begins that names a declared secret, or one that the worker finds by itself."""


def with_declared(base: Models, targets: Mapping[str, Any], routes: Mapping[str, Any], secrets: Mapping[str, Any]) -> Models:
    """All models of a worker: ``base``, and the specs of what was declared, by name."""
    known = {target.name: target for target in base.targets}
    for name, spec in targets.items():
        if (target := _target(name, spec, secrets)) is not None:
            known[name] = target
    found = {route.name: route for route in base.routes}
    for name, spec in routes.items():
        if (route := _route(name, spec, known)) is not None:
            found[name] = route
    return Models(targets=list(known.values()), routes=list(found.values()))


def _target(name: str, spec: Any, secrets: Mapping[str, Any]) -> Target | None:
    try:
        target = msgspec.convert({**spec, "name": name}, Target)
    except (msgspec.ValidationError, TypeError) as error:
        log.warning("the target %s is not used here: %s", name, error)
        return None
    declared = secrets.get(target.key.removeprefix(SECRET)) if target.key.startswith(SECRET) else None
    return target if declared is None else msgspec.structs.replace(target, key=str(declared["from"]))


def _route(name: str, spec: Any, known: Mapping[str, Target]) -> Route | None:
    try:
        route = msgspec.convert({**spec, "name": name}, Route)
        check_rules(route)
    except (msgspec.ValidationError, TypeError, HoldfastError) as error:
        log.warning("the route %s is not used here: %s", name, error)
        return None
    named = [*route.targets, *(target for rule in route.rules for target in rule.targets)]
    missing = [target for target in named if target not in known]
    if missing:
        log.warning("the route %s is not used here: this worker has no target %s", name, missing[0])
        return None
    return route
