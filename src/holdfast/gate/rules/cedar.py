"""Policies in Cedar, for who has them already: a plug-in that maps an intent to a request and the answer to a decision.

``principal`` is ``Agent::"default/support/42"``, ``action`` is ``Action::"tool:refund"``, ``resource`` is what the act is
on: ``Resource::"<receiver>"``, or ``Resource::"<name>"`` for acts without one. ``context`` holds the rest of the intent.

Two things differ from Cedar itself. An error in any policy denies here, while Cedar leaves the policy out of the decision, a
``forbid`` too. And only acts are asked about (run, tool, model, call, send, publish): waiting needs no permit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ...domain.errors import Rejected
from ...domain.intent import Decision, Intent, Verdict
from .acts import ACTING
from .facts import by_role, unendorsed, untrusted
from .rulebook import Plugin

_MOST_INT = 2**63


def cedar_plugin(policies: str, entities: Sequence[dict[str, Any]] = ()) -> Plugin:
    """A plug-in from Cedar policies. Raises ``Rejected(policy.cedar)`` for what cannot be read, or without the extra."""
    try:
        import cedarpy as library  # the extra `cedar`
    except ImportError as error:
        raise Rejected("policy.cedar", "Cedar policies need the extra: pip install 'holdfast[cedar]'.") from error
    cedarpy: Any = library
    try:
        compiled: Any = cedarpy.PolicySet.from_str(policies)
        names = _names(json.loads(cedarpy.policies_to_json_str(policies)))
    except ValueError as error:
        raise Rejected("policy.cedar", f"The Cedar policies cannot be read: {error}.") from error
    known: Any = cedarpy.Entities.from_json_str(json.dumps(list(entities)))

    def decide(intent: Intent) -> Decision | None:
        if intent.verb not in ACTING:
            return None
        answer = cedarpy.is_authorized(request_of(intent), compiled, known)
        spoke = tuple(names.get(str(reason), str(reason)) for reason in answer.diagnostics.reasons)
        errors = [str(error) for error in answer.diagnostics.errors]
        if errors:
            return Decision(Verdict.DENY, (f"Cedar: {'; '.join(errors)}",), ("cedar",), code="gate.error")
        if answer.allowed:
            return None
        why = f"Cedar forbids it: {', '.join(spoke)}" if spoke else "no Cedar policy permits it"
        return Decision(Verdict.DENY, (why,), ("cedar",))

    return decide


def request_of(intent: Intent) -> dict[str, Any]:
    """An intent as Cedar is asked about it."""
    context = {
        "verb": intent.verb,
        "name": intent.name,
        "to": intent.to,
        "args": intent.arguments,
        "destinations": by_role(intent, "destination"),
        "labels": sorted(intent.labels),
        "untrusted": untrusted(intent),
        "unendorsed": unendorsed(intent),
        "effects": intent.declared.effects,
        "sender": intent.sender,
        "chain": intent.chain,
        "tags": intent.tags,
        "at": intent.at,
    }
    return {
        "principal": _entity("Agent", intent.agent or intent.sender or "nobody"),
        "action": _entity("Action", f"{intent.verb}:{intent.name}"),
        "resource": _entity("Resource", intent.to or intent.name),
        "context": _as_cedar(context),
    }


def _entity(kind: str, name: str) -> str:
    return f"{kind}::{json.dumps(name)}"


def _as_cedar(value: Any) -> Any:
    """Cedar knows texts, whole numbers, truth, sets and records. Other numbers become its decimals; it has no null, so
    what is null is left out."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if -_MOST_INT <= value < _MOST_INT else str(value)
    if isinstance(value, float):
        return {"__extn": {"fn": "decimal", "arg": str(Decimal(repr(value)).quantize(Decimal("0.0001")))}}
    if isinstance(value, Mapping):
        return {str(k): _as_cedar(v) for k, v in value.items() if v is not None}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple | set | frozenset):
        return [_as_cedar(item) for item in value if item is not None]  # pyright: ignore[reportUnknownVariableType]
    return str(value)


def _names(document: dict[str, Any]) -> dict[str, str]:
    """The ``@id`` of each policy, by Cedar's own number for it."""
    static: dict[str, Any] = document.get("staticPolicies", {})
    return {number: body.get("annotations", {}).get("id") or number for number, body in static.items()}
