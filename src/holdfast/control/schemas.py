"""JSON schemas of what operations take and return, made from their types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import msgspec

from ..domain.message import Outcome
from .registry import Operation, Parameter
from .rehearsal import DryRun
from .views import View


class FailureView(View):
    """Why a turn failed. ``code`` is empty where the error was the agent's own; ``type`` is then its class."""

    code: str
    message: str
    type: str


class OutcomeView(View):
    """What a turn ended with: a value, or a failure. ``labels`` tell where the value comes from."""

    value: Any
    failure: FailureView | None
    labels: list[str]


def shown_type(kind: Any) -> Any:
    """A type as JSON callers see it."""
    return OutcomeView if kind is Outcome else kind


def schemas(kinds: Iterable[Any], template: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The schema of each type, and the named ones that they refer to. ``template``: ``#/components/schemas/{name}``."""
    found, components = msgspec.json.schema_components(
        [shown_type(k) for k in kinds], schema_hook=_hook, ref_template=template
    )
    return [_tidy(s) for s in found], {name: _tidy(s) for name, s in components.items()}


def input_schema(operation: Operation, template: str = "#/$defs/{name}", *, without: Iterable[str] = ()) -> dict[str, Any]:
    """The schema of an operation's inputs as one object."""
    given = [p for p in operation.parameters if p.name not in set(without)]
    made, defs = schemas([p.plain_type for p in given], template)
    properties = {p.name: described(s, p) for p, s in zip(given, made, strict=True)}
    if operation.changes and not operation.streams:
        properties["dry_run"] = {
            "type": "boolean",
            "default": False,
            "description": "Only tell what it would do; touches nothing.",
        }
    found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [p.name for p in given if p.required]
    if required:
        found["required"] = required
    if defs:
        found["$defs"] = defs
    return found


def output_types(operation: Operation) -> list[Any]:
    """What comes out: of a change, also what a dry run gives."""
    return [operation.returns, DryRun] if operation.changes and not operation.streams else [operation.returns]


_CARRIED = {
    "arguments": "The handler's arguments: a list in order, or an object by name.",
    "value": "Any JSON value.",
}


def described(schema: dict[str, Any], parameter: Parameter) -> dict[str, Any]:
    """A parameter's schema with what is said of it."""
    found = dict(schema)
    text = parameter.doc or _CARRIED.get(parameter.carries, "")
    if text:
        found["description"] = text
    if found.get("type") == "integer":
        found.setdefault("minimum", -(2**53) + 1)
        found.setdefault("maximum", 2**53 - 1)
    if found.get("type") == "number":
        found.setdefault("minimum", -1e15)
        found.setdefault("maximum", 1e15)
    if not parameter.required and not isinstance(parameter.default, bytes) and "$ref" not in found:
        found["default"] = parameter.default
    return found


def _hook(kind: type) -> dict[str, Any]:
    if kind is msgspec.Raw:
        return {}
    raise NotImplementedError(f"{kind!r} has no schema")


def _tidy(schema: Any) -> Any:
    """Without titles that only repeat a class's name."""
    if isinstance(schema, dict):
        given = cast("dict[str, Any]", schema)
        return {k: _tidy(v) for k, v in given.items() if not (k == "title" and isinstance(v, str))}
    if isinstance(schema, list):
        return [_tidy(one) for one in cast("list[Any]", schema)]
    return schema


__all__ = ["OutcomeView", "described", "input_schema", "output_types", "schemas", "shown_type"]
