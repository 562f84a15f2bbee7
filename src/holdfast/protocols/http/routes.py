"""Routes: where each operation lives in REST, and its inputs as path, query and body carry them.

``{address}`` and ``{to}`` stand for an agent, which takes two segments: its name and its key; another tenant's is named with
``?tenant=``. What a path does not carry, a GET or DELETE takes from the query and the others from a JSON body.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from ...control.registry import Operation, Parameter
from ...domain.errors import NotFound, Rejected

PREFIX = "/api/v1"
_ADDRESSES = ("address", "to")
_IN_BRACKETS = re.compile(r"(\w+)\[([^\]]*)\]\Z")
_MOST_FIELDS = 100


class Route(msgspec.Struct, frozen=True):
    """Where an operation lives: a method and a template, also as segments (``{name}`` is variable)."""

    method: str
    template: str
    segments: tuple[str, ...]
    operation: Operation

    @property
    def addressed(self) -> str:
        """The input that its path carries as an agent's name and key; ``""`` for none."""
        return next((name for name in _ADDRESSES if f"{{{name}}}" in self.operation.told.path), "")

    @property
    def in_path(self) -> tuple[str, ...]:
        """The names of its variables."""
        return tuple(s[1:-1] for s in self.segments if s.startswith("{"))

    @property
    def paged(self) -> bool:
        """Whether it is a list, given in pages."""
        return self.method == "GET" and self.operation.lists

    @property
    def asks_by_query(self) -> bool:
        """Whether its inputs come in the query."""
        return self.method in ("GET", "DELETE")

    def elsewhere(self) -> list[Parameter]:
        """The inputs that its path does not carry."""
        carried = {*self.in_path, self.addressed}
        hidden = {"after", "offset"} if self.paged else {"after"} if self.operation.streams else set[str]()
        return [p for p in self.operation.parameters if p.name not in carried | hidden]


def route_of(operation: Operation) -> Route | None:
    """Where it lives; None for one that is reached by its name alone."""
    method, _, path = operation.told.path.partition(" ")
    if not path:
        return None
    for name in _ADDRESSES:
        path = path.replace(f"{{{name}}}", "{name}/{key}")
    template = f"{PREFIX}{path}"
    return Route(method, template, tuple(template.strip("/").split("/")), operation)


class Routes:
    """All of them."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.all = [r for r in map(route_of, operations) if r is not None]
        self._of_length: dict[int, list[Route]] = {}
        for route in sorted(self.all, key=lambda r: len(r.in_path)):  # what is named goes before what is variable
            self._of_length.setdefault(len(route.segments), []).append(route)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of a request and what its path carries. Raises ``NotFound(http.not_found)``,
        ``Rejected(http.method)``."""
        given = [unquote(s, errors="replace") for s in path.strip("/").split("/")]
        others: set[str] = set()
        for route in self._of_length.get(len(given), ()):
            carried = _carried(route.segments, given)
            if carried is None:
                continue
            if route.method == method or (route.method == "GET" and method == "HEAD"):
                return route, carried
            others.add(route.method)
        if others:
            names = ", ".join(sorted(others))
            raise Rejected("http.method", f"{path} takes {names}, not {method}.", allow=names)
        raise NotFound("http.not_found", f"There is no {path}; GET /api/openapi.json lists what there is.")

    def beside(self, route: Route) -> Route | None:
        """The reading of the thing that a route changes: the GET of its path, or of the path it is an action of."""
        for segments in (route.segments, route.segments[:-1]):
            for other in self._of_length.get(len(segments), ()):
                if other.method == "GET" and other.segments == segments and other.in_path and not other.operation.streams:
                    return other
        return None


def _carried(segments: tuple[str, ...], given: list[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for want, have in zip(segments, given, strict=True):
        if want.startswith("{"):
            if not have:
                return None
            found[want[1:-1]] = have
        elif want != have:
            return None
    return found


def inputs_of(route: Route, carried: Mapping[str, str], query: bytes, body: Mapping[str, Any]) -> dict[str, Any]:
    """The operation's inputs, JSON-like. Raises ``Rejected(operation.input)``."""
    what = route.operation
    found: dict[str, Any] = dict(body)
    tenant = ""
    types = query_types(route)
    for name, value in _fields(query, what):
        if name == "tenant" and route.addressed and not what.takes("tenant"):
            tenant = str(value)
        elif name not in types:
            takes = ", ".join(types) or "nothing"
            raise Rejected(
                "operation.input", f"{what.name}: the query has no {name!r}; it takes {takes}.", operation=what.name
            )
        elif isinstance(value, tuple):
            found.setdefault(name, {})[value[0]] = value[1]
        elif _is(types[name], list):
            found.setdefault(name, []).append(value)
        else:
            found[name] = _scalar(value, types[name], name, what)
    return {**found, **_from_path(route, carried, tenant)}


def query_types(route: Route) -> dict[str, Any]:
    """What the query of a route may hold, and the type of each."""
    found: dict[str, Any] = {p.name: p.plain_type for p in route.elsewhere()} if route.asks_by_query else {}
    if route.paged:
        found |= {"cursor": str, "limit": int}
    if route.operation.changes:
        found["dry_run"] = bool
    return found


def _from_path(route: Route, carried: Mapping[str, str], tenant: str) -> dict[str, Any]:
    rest = dict(carried)
    found: dict[str, Any] = {}
    if route.addressed:
        place = f"{rest.pop('name')}/{rest.pop('key')}"
        found[route.addressed] = f"{tenant}/{place}" if tenant else place
    types = {p.name: p.plain_type for p in route.operation.parameters}
    return {**found, **{name: _scalar(value, types[name], name, route.operation) for name, value in rest.items()}}


def _fields(query: bytes, what: Operation) -> Iterable[tuple[str, Any]]:
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Rejected("operation.input", f"{what.name}: the query is malformed: {error}.", operation=what.name) from error
    for name, value in pairs:
        bracketed = _IN_BRACKETS.match(name)
        yield (bracketed[1], (bracketed[2], value)) if bracketed else (name, value)


def _scalar(text: str, kind: Any, name: str, what: Operation) -> Any:
    if kind is Any or kind is str:
        return text
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Rejected("operation.input", f"{what.name}: {name} is wrong: {error}.", operation=what.name) from error


def _is(kind: Any, wanted: type) -> bool:
    """Whether a type is ``wanted``, or that or nothing."""
    if typing.get_origin(kind) in (UnionType, typing.Union):
        return any(_is(one, wanted) for one in typing.get_args(kind) if one is not NoneType)
    return typing.get_origin(kind) is wanted or kind is wanted


__all__ = ["PREFIX", "Route", "Routes", "inputs_of", "query_types", "route_of"]
