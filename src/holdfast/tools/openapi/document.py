"""An OpenAPI document: where it is read from, its references, and its schemas as a model's vendors take them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urljoin

import msgspec

from ...domain.errors import Rejected

_FETCH_SECONDS = 15.0
_DOCUMENT_BYTES = 50_000_000
_SCHEMAS = "#/components/schemas/"
_NOT_FOR_MODELS = {
    "example",
    "examples",
    "xml",
    "externalDocs",
    "discriminator",
    "deprecated",
    "nullable",
    "readOnly",
    "writeOnly",
}
Json = dict[str, Any]


class Document:
    """See the module."""

    def __init__(self, root: Json, place: str) -> None:
        self.root = root
        self.place = place
        version = str(root.get("openapi", ""))
        if not version.startswith("3."):
            found = (
                f"OpenAPI {version}" if version else f"Swagger {root['swagger']}" if "swagger" in root else "something else"
            )
            raise Rejected("openapi.malformed", f"{place} is {found}; a document of OpenAPI 3.0 or later is needed.")

    @classmethod
    def read(cls, source: str | Path | Mapping[str, Any]) -> Document:
        """From an address, a file or a value. Raises ``Rejected(openapi.unreadable)``, ``Rejected(openapi.malformed)``."""
        if isinstance(source, Mapping):
            return cls(dict(source), "The document")
        place = str(source)
        try:
            if place.startswith(("http://", "https://")):
                text = _fetched(place)
            else:
                text = Path(place).read_bytes()
        except (OSError, ValueError) as error:
            raise Rejected("openapi.unreadable", f"{place} cannot be read: {error}.", place=place) from error
        try:
            root = msgspec.json.decode(text)
        except msgspec.DecodeError:
            import yaml

            try:
                root = yaml.safe_load(text)
            except yaml.YAMLError as error:
                raise Rejected("openapi.malformed", f"{place} is neither JSON nor YAML: {error}.", place=place) from error
        if not isinstance(root, dict):
            raise Rejected("openapi.malformed", f"{place} is no OpenAPI document.", place=place)
        return cls(cast(Json, root), place)

    def base_url(self, given: str) -> str:
        """Where the service is. Raises ``Rejected(openapi.malformed)`` if nobody says."""
        found = given
        if not found:
            servers: list[Json] = self.root.get("servers") or [{"url": "/"}]
            found = str(servers[0].get("url", "/"))
            for name, variable in cast(Json, servers[0].get("variables", {})).items():
                found = found.replace("{" + name + "}", str(variable.get("default", "")))
            if self.place.startswith(("http://", "https://")):
                found = urljoin(self.place, found)
        if not found.startswith(("http://", "https://")):
            raise Rejected("openapi.malformed", f"{self.place} does not say where its service is. Give base_url=.")
        return found.rstrip("/")

    def resolved(self, value: Any) -> Json:
        """A value, or what it refers to."""
        seen = 0
        while isinstance(value, dict) and "$ref" in value:
            value = self._at(str(cast(Json, value)["$ref"]))
            seen += 1
            if seen > 50:
                raise Rejected("openapi.malformed", f"{self.place} has a reference that goes in circles.")
        return cast(Json, value) if isinstance(value, dict) else {}

    def _at(self, reference: str) -> Any:
        found: Any = self.root
        if reference.startswith("#/"):
            for word in reference[2:].split("/"):
                word = word.replace("~1", "/").replace("~0", "~")
                found = cast(Json, found).get(word) if isinstance(found, dict) else None
            if found is not None:
                return found
        raise Rejected(
            "openapi.malformed",
            f"{self.place} refers to {reference!r}, which is not in it. Bundle the document into one file first.",
        )

    def object_of(self, schema: Any) -> Json | None:
        """A schema that is plainly an object with properties, its parts put together; None for any other."""
        found = self.resolved(schema)
        if {"oneOf", "anyOf", "not", "if"} & found.keys():
            return None
        properties: Json = dict(found.get("properties", {}))
        required: list[str] = list(found.get("required", []))
        for part in found.get("allOf", []):
            inner = self.object_of(part)
            if inner is None:
                return None
            properties |= inner["properties"]
            required += inner["required"]
        if not properties or found.get("additionalProperties") not in (None, False):
            return None
        return {"properties": properties, "required": required}

    def schema(self, value: Any, definitions: Json) -> Any:
        """A schema for a model: references lead to ``definitions``, what only OpenAPI knows is left out."""
        if isinstance(value, list):
            return [self.schema(item, definitions) for item in cast(list[Any], value)]
        if not isinstance(value, dict):
            return value
        given = cast(Json, value)
        if "$ref" in given:
            return self._reference(str(given["$ref"]), definitions)
        made: Json = {}
        for key, inner in given.items():
            if key == "properties":
                shown = {n: p for n, p in cast(Json, inner).items() if not self.resolved(p).get("readOnly")}
                made[key] = {name: self.schema(p, definitions) for name, p in shown.items()}
            elif key in ("enum", "const", "default", "required", "pattern", "description"):
                made[key] = inner
            elif key not in _NOT_FOR_MODELS and not key.startswith("x-"):
                made[key] = self.schema(inner, definitions)
        for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if made.get(exclusive) is True:  # as 3.0 had it
                made[exclusive] = made.pop(bound, None)
            elif made.get(exclusive) is False:
                del made[exclusive]
        if given.get("nullable") is True and isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
            if "enum" in made and None not in made["enum"]:
                made["enum"] = [*made["enum"], None]
        if "required" in made and "properties" in made:
            made["required"] = [name for name in made["required"] if name in made["properties"]]
        return made

    def _reference(self, reference: str, definitions: Json) -> Json:
        if not reference.startswith(_SCHEMAS):
            return self.schema(self._at(reference), definitions)
        name = reference.removeprefix(_SCHEMAS)
        if name not in definitions:
            definitions[name] = {}  # it may refer to itself
            definitions[name] = self.schema(self._at(reference), definitions)
        return {"$ref": f"#/$defs/{name}"}


def _fetched(place: str) -> bytes:
    from urllib.request import Request, urlopen  # loaded for who gives an address

    with urlopen(Request(place, headers={"accept": "application/json"}), timeout=_FETCH_SECONDS) as answer:
        return answer.read(_DOCUMENT_BYTES)
