"""Deeds as events of the Open Cybersecurity Schema Framework, for whatever collects a company's security events.

The class is API Activity (6003): an actor called an operation on resources, and was let or was not. What OCSF has no field
for is under ``unmapped``, under our own names.
"""

from __future__ import annotations

from typing import Any

from .deeds import Deed

VERSION = "1.3.0"
_CATEGORY, _CLASS, _OTHER = 6, 6003, 99
_READ, _UPDATE, _DELETE = 2, 3, 4
_ACTIVITIES = {"model": _READ, "set": _UPDATE, "retire": _DELETE}
_INFORMATIONAL, _LOW, _MEDIUM = 1, 2, 3
_SUCCESS, _FAILURE = 1, 2
_ALLOWED, _DENIED = 1, 2
_REFUSED = frozenset(("deny", "hold"))


def event(deed: Deed, product_version: str) -> dict[str, Any]:
    """One deed as one event."""
    activity = _ACTIVITIES.get(deed.verb, _OTHER)
    refused = deed.decision in _REFUSED
    failed = bool(deed.error)
    resources = [{"type": deed.verb, "name": deed.name}]
    if deed.to:
        resources.append({"type": "destination", "name": deed.to})
    return {
        "category_uid": _CATEGORY,
        "category_name": "Application Activity",
        "class_uid": _CLASS,
        "class_name": "API Activity",
        "activity_id": activity,
        "activity_name": deed.verb,
        "type_uid": _CLASS * 100 + activity,
        "time": deed.at,
        "duration": deed.took,
        "severity_id": _MEDIUM if refused else _LOW if failed else _INFORMATIONAL,
        "status_id": _FAILURE if failed or refused else _SUCCESS,
        "status_detail": deed.error or "; ".join(deed.reasons),
        "action_id": _DENIED if refused else _ALLOWED,
        "metadata": {
            "version": VERSION,
            "uid": f"{deed.agent}#{deed.seq}",
            "sequence": deed.id,
            "log_name": "journal",
            "product": {"name": "Holdfast", "vendor_name": "Holdfast", "version": product_version},
        },
        "actor": {"user": {"name": deed.by or "unknown", "uid": deed.by or "unknown"}, "app_name": deed.agent},
        "api": {
            "operation": f"{deed.verb} {deed.name}".strip(),
            "service": {"name": deed.agent.split("/", 2)[1]},
            "request": {"uid": f"{deed.agent}#{deed.turn}.{deed.path}", "data": {"arguments": deed.arguments}},
        },
        "src_endpoint": {"name": deed.agent, "type": "agent"},
        "resources": resources,
        "unmapped": {
            "kind": deed.kind,
            "handler": deed.handler,
            "decision": deed.decision,
            "rules": deed.rules,
            "approved_by": deed.approved_by,
            "labels": deed.labels,
        },
    }
