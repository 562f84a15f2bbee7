"""The OpenAPI 3.1 document, made from the registry."""

from __future__ import annotations

from typing import Any, cast

from ... import __version__
from ...control.registry import Operation, registry_of
from ...control.schemas import described, input_schema, output_types, schemas
from . import pages
from .routes import Route, Routes, query_types

_TEMPLATE = "#/components/schemas/{name}"
_PROBLEM = {"$ref": "#/components/responses/Problem"}
_ABOUT = (
    "Every operation of Holdfast: where it lives, and by its name under `/api/v1/operations`. Errors are "
    "`application/problem+json` with a stable `code` and a link to its page. Lists come in pages with opaque cursors. "
    "`Idempotency-Key` makes a repeated request harmless; `dry_run` tells what a change would do. What goes on comes as "
    "server-sent events, and `Last-Event-ID` goes on where a connection broke."
)


def document(kind: type, routes: Routes) -> dict[str, Any]:
    """The document for the operations of a class."""
    operations = registry_of(kind)
    paths: dict[str, Any] = {}
    components: dict[str, Any] = {"Problem": _problem()}
    for route in routes.all:
        paths.setdefault(route.template, {})[route.method.lower()] = _of_route(route, routes, components)
    for name, operation in operations.items():
        paths[f"/api/v1/operations/{name}"] = {"post": _by_name(operation, components)}
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Holdfast", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {
                "Problem": {
                    "description": "What was wrong, with its code.",
                    "content": {"application/problem+json": problem},
                }
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _problem() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "RFC 9457. `type` links to the page of the code.",
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "code": text,
            "retry": {"type": "boolean"},
            "details": {"type": "object"},
        },
        "required": ["type", "title", "status", "detail", "code", "retry"],
    }


def _made(kinds: list[Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    found, named = schemas(kinds, _TEMPLATE)
    return _joined(found, named, components)


def _joined(found: Any, named: dict[str, Any], components: dict[str, Any]) -> Any:
    """Schemas whose named parts are now among the components; where two types share a name, the later one gets another."""
    others: dict[str, str] = {}
    for name, schema in named.items():
        chosen, number = name, 2
        while components.get(chosen, schema) != schema:
            chosen, number = f"{name}{number}", number + 1
        others[_TEMPLATE.format(name=name)] = _TEMPLATE.format(name=chosen)
        components[chosen] = schema
    moved = {old: new for old, new in others.items() if old != new}
    if not moved:
        return found
    for new in moved.values():
        name = new.rpartition("/")[2]
        components[name] = _moved(components[name], moved)
    return _moved(found, moved)


def _moved(schema: Any, names: dict[str, str]) -> Any:
    if isinstance(schema, dict):
        given = cast("dict[str, Any]", schema)
        return {k: names.get(v, v) if k == "$ref" else _moved(v, names) for k, v in given.items()}
    return [_moved(one, names) for one in cast("list[Any]", schema)] if isinstance(schema, list) else schema


def _about(operation: Operation, id: str) -> dict[str, Any]:
    told = operation.told
    found: dict[str, Any] = {"operationId": id, "summary": operation.summary}
    if operation.description:
        found["description"] = operation.description
    found["x-holdfast"] = {
        "operation": operation.name,
        "scope": operation.scope,
        "changes": told.changes,
        "destroys": told.destroys,
        "command": f"holdfast {told.command}" if told.command else "",
        "errors": list(told.errors),
    }
    return found


def _answers(operation: Operation, schema: dict[str, Any]) -> dict[str, Any]:
    if operation.streams:
        return {
            "200": {"description": "Events as they come.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
            "default": _PROBLEM,
        }
    return {"200": {"description": "Done.", "content": {"application/json": {"schema": schema}}}, "default": _PROBLEM}


def _output(operation: Operation, components: dict[str, Any]) -> dict[str, Any]:
    made = _made(output_types(operation), components)
    return made[0] if len(made) == 1 else {"anyOf": made}


def _by_name(operation: Operation, components: dict[str, Any]) -> dict[str, Any]:
    body = input_schema(operation, _TEMPLATE)
    body = _joined(body, body.pop("$defs", {}), components)
    found = _about(operation, f"call_{operation.name}")
    found["tags"] = ["by name"]
    found["parameters"] = _headers(operation)
    found["requestBody"] = {"required": "required" in body, "content": {"application/json": {"schema": body}}}
    found["responses"] = _answers(operation, _output(operation, components))
    return found


def _of_route(route: Route, routes: Routes, components: dict[str, Any]) -> dict[str, Any]:
    operation = route.operation
    found = _about(operation, operation.name)
    found["tags"] = [route.segments[2]]
    found["parameters"] = _in_path(route, components) + _in_query(route, components) + _headers(operation)
    if operation.changes and routes.beside(route) is not None:
        found["parameters"].append(_header("If-Match", "Only if what it changes has this ETag still."))
    if not route.asks_by_query:
        body = input_schema(operation, _TEMPLATE, without={*route.in_path, route.addressed})
        body = _joined(body, body.pop("$defs", {}), components)
        found["requestBody"] = {"required": "required" in body, "content": {"application/json": {"schema": body}}}
    if route.paged:
        [item] = _made([operation.item], components)
        page = {"items": {"type": "array", "items": item}, "next": {"type": ["string", "null"]}}
        found["responses"] = _answers(operation, {"type": "object", "properties": page, "required": ["items", "next"]})
    else:
        found["responses"] = _answers(operation, _output(operation, components))
    if route.method == "GET" and not operation.streams:
        found["responses"]["304"] = {"description": "As the client has it."}
        found["parameters"].append(_header("If-None-Match", "The ETag of what the client has."))
    return found


def _in_path(route: Route, components: dict[str, Any]) -> list[dict[str, Any]]:
    known = {p.name: p for p in route.operation.parameters}
    found: list[dict[str, Any]] = []
    for name in route.in_path:
        schema: dict[str, Any] = {"type": "string"}
        if route.addressed and name in ("name", "key"):
            pattern = r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$" if name == "name" else r"^[^/\s]{1,200}$"
            schema = {"type": "string", "pattern": pattern}
        elif name in known:
            [made] = _made([known[name].plain_type], components)
            schema = described(made, known[name]) | ({"minLength": 1} if made.get("type") == "string" else {})
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    return found


def _in_query(route: Route, components: dict[str, Any]) -> list[dict[str, Any]]:
    known = {p.name: p for p in route.operation.parameters}
    found: list[dict[str, Any]] = []
    for name, kind in query_types(route).items():
        [schema] = _made([kind], components)
        if name in known:
            schema = described(schema, known[name])
        if name == "limit" and route.paged:
            schema = {"type": "integer", "minimum": 1, "maximum": pages.MOST, "default": pages.USUAL}
        told: dict[str, Any] = {"name": name, "in": "query", "schema": schema}
        if name in known and known[name].required:
            told["required"] = True
        if "dict" in str(kind):
            told |= {"style": "deepObject", "explode": True, "schema": {"type": "object", "additionalProperties": True}}
        elif "list" in str(kind):
            told["schema"] = {"type": "array", "items": {"type": "string"}}
        found.append(told)
    if route.addressed and not route.operation.takes("tenant"):
        found.append(
            {"name": "tenant", "in": "query", "schema": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_.-]{0,63}$"}}
        )
    return found


def _header(name: str, about: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": about, "schema": {"type": "string"}}


def _headers(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if operation.keyed:
        found.append(_header("Idempotency-Key", "The same key again does it once, and answers the same."))
    if operation.streams and operation.takes("after"):
        found.append(_header("Last-Event-ID", "Go on after this event."))
    return found


__all__ = ["document"]
