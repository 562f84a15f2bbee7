"""``Operation``: one operation of a document: what a model gives, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ..roles import roles_in
from .document import Document, Json

READING = ("get", "head", "options")
METHODS = (*READING, "put", "post", "delete", "patch")
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_IDEMPOTENCY_KEY = "idempotency-key"
_STYLES = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}
_NOT_PARAMETERS = ("accept", "content-type", "authorization")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument that goes into the request's path, query, headers or cookies. ``json``: as JSON."""

    argument: str
    name: str
    where: str
    style: str
    explode: bool
    json: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """See the module.

    Attributes:
        name, description, schema: as a model sees it.
        body: the media type of the body; "" for none.
        body_arguments: which arguments make up the body; one called ``body`` alone is all of it if ``whole``.
        key_header: the header that takes a key by which the service tells repetitions; "" if it has none.
        security: alternatives; each is a set of schemes that are needed together.
        roles: of those arguments of which the document says what they are.
    """

    name: str
    method: str
    path: str
    description: str
    schema: Json
    tags: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    body: str
    body_arguments: tuple[str, ...]
    whole: bool
    key_header: str
    declared_idempotent: bool
    security: tuple[tuple[str, ...], ...]
    roles: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method in READING

    @property
    def idempotent(self) -> bool:
        """Whether it may be repeated: by its method, by its document's word, or since the service can tell repetitions."""
        return self.reads or self.method in ("put", "delete") or self.declared_idempotent or bool(self.key_header)


def operations_of(document: Document) -> tuple[list[Operation], list[str]]:
    """All that can be called, and the names of those that take a body of another kind than JSON or a form."""
    found: list[Operation] = []
    left_out: list[str] = []
    for path, item in cast(Json, document.root.get("paths") or {}).items():
        described = document.resolved(item)
        for method in METHODS:
            if method in described:
                name = str(described[method].get("operationId") or f"{method}_{path.strip('/')}")
                made = _Reading(document, path, method, described).operation(name)
                if made is None:
                    left_out.append(name)
                else:
                    found.append(made)
    return found, left_out


class _Reading:
    """Puts an operation together."""

    def __init__(self, document: Document, path: str, method: str, item: Json) -> None:
        self._document = document
        self._path = path
        self._method = method
        self._item = item
        self._operation: Json = item[method]
        self._properties: Json = {}
        self._required: list[str] = []
        self._definitions: Json = {}
        self._roles: dict[str, str] = {}

    def operation(self, name: str) -> Operation | None:
        """It; None if its body is of an unknown kind."""
        given = self._operation
        parameters, key_header = self._parameters()
        body = self._body()
        if body is None:
            return None
        media, arguments, whole = body
        schema: Json = {"type": "object", "properties": self._properties, "required": self._required}
        schema["additionalProperties"] = False
        if self._definitions:
            schema["$defs"] = self._definitions
        words = [str(given.get("summary") or ""), str(given.get("description") or "")]
        security: list[Json] = given.get("security", self._document.root.get("security", []))
        return Operation(
            name,
            self._method,
            self._path,
            "\n\n".join(dict.fromkeys(w for w in words if w)) or f"{self._method.upper()} {self._path}",
            schema,
            tuple(given.get("tags", ())),
            tuple(parameters),
            media,
            tuple(arguments),
            whole,
            key_header,
            bool(given.get("x-idempotent")),
            tuple(tuple(needed) for needed in security),
            self._roles,
        )

    def _parameters(self) -> tuple[list[Parameter], str]:
        described = [
            self._document.resolved(p) for p in (*self._item.get("parameters", ()), *self._operation.get("parameters", ()))
        ]
        last = {(p["name"], p["in"]): p for p in described}  # an operation's own stand for those of its path
        made: list[Parameter] = []
        key_header = ""
        for (name, where), given in last.items():
            if where == "header" and name.lower() == _IDEMPOTENCY_KEY:
                key_header = name
                continue
            if where == "header" and name.lower() in _NOT_PARAMETERS:
                continue
            argument = name if name not in self._properties else f"{name}_{where}"
            content: Json = given.get("content") or {}
            holder: Json = next(iter(content.values())) if content else given
            shown = self._document.schema(holder.get("schema", {}), self._definitions)
            said = {**self._document.resolved(holder.get("schema", {})), **given}
            self._roles |= roles_in({"properties": {argument: said}})
            about = given.get("description")
            self._properties[argument] = {**shown, "description": about} if about and "$ref" not in shown else shown
            if given.get("required") or where == "path":
                self._required.append(argument)
            style = str(given.get("style") or _STYLES.get(where, "form"))
            made.append(Parameter(argument, name, where, style, bool(given.get("explode", style == "form")), bool(content)))
        return made, key_header

    def _body(self) -> tuple[str, list[str], bool] | None:
        given = self._document.resolved(self._operation.get("requestBody", {}))
        contents: Json = given.get("content") or {}
        if not contents:
            return "", [], False
        media = next((m for m in contents if m.partition(";")[0].strip() in (JSON, FORM) or m.endswith("+json")), None)
        if media is None:
            return None if given.get("required") else ("", [], False)
        schema: Any = contents[media].get("schema", {})
        flat = self._document.object_of(schema) if given.get("required") or media.startswith(FORM) else None
        if flat is not None:
            shown = self._document.schema({"properties": flat["properties"]}, self._definitions)["properties"]
            if not shown.keys() & self._properties.keys():
                self._properties |= shown
                self._roles |= roles_in(
                    {"properties": {n: self._document.resolved(p) for n, p in flat["properties"].items()}}
                )
                self._required += [name for name in dict.fromkeys(flat["required"]) if name in shown]
                return media, list(shown), False
        argument = "body" if "body" not in self._properties else "request_body"
        self._properties[argument] = self._document.schema(schema, self._definitions)
        if given.get("required"):
            self._required.append(argument)
        return media, [argument], True
