"""``Fields``: what may leave a quarantine: values of closed types, and texts of a bounded length, which stay untrusted.

A closed type has few values, and who wrote the data can only choose one of them: truths, numbers, dates, words of a list.
A text can say anything, so its length is bounded and it is told apart. What could hold more than it says (names of fields
that somebody made up, lists without an end) is refused when the form is declared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, cast

from ..domain.errors import Rejected

_LONGEST_TEXT = 2_000
_LONGEST_LIST = 1_000
_READ: Mapping[str, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "date-time": datetime.fromisoformat,
    "time": time.fromisoformat,
    "decimal": Decimal,
}
_PLAIN = frozenset(("boolean", "integer", "number", "null"))


class Fields:
    """What a JSON schema lets through.

    Raises ``Rejected(quarantine.open)`` for a schema through which more could pass than typed fields, naming the place.

    Attributes:
        texts: the places of texts, which stay untrusted; empty if everything is closed.
    """

    __slots__ = ("_definitions", "_schema", "texts")

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._definitions: Mapping[str, Any] = schema.get("$defs", {})
        self.texts: list[str] = []
        self._check(schema, "the answer", ())

    def mapped(self, value: Any, text: Callable[[str], Any]) -> Any:
        """A value of this form (plain, as in JSON) without what the form does not name, each text replaced by what ``text``
        makes of it. Raises ``ValueError`` for a date, time or decimal that is none."""
        return self._mapped(value, self._schema, text)

    # -- the form -------------------------------------------------------------------------------------------------

    def _check(self, schema: Any, place: str, within: tuple[str, ...]) -> None:
        name = str(schema.get("$ref", "")) if isinstance(schema, Mapping) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        if name in within:
            _refuse(place, "refers to itself, so it has no bound")
        schema = self._followed(schema)
        within = (*within, name) if name else within
        if not isinstance(schema, Mapping):
            _refuse(place, "takes anything")
        told = cast("Mapping[str, Any]", schema)
        if "enum" in told or "const" in told:
            return
        options = _options(told)
        if options:
            for option in options:
                self._check(option, place, within)
            return
        kinds = told.get("type", ())
        if not kinds:
            _refuse(place, "takes anything")
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            self._check_kind(str(kind), told, place, within)

    def _check_kind(self, kind: str, schema: Mapping[str, Any], place: str, within: tuple[str, ...]) -> None:
        if kind in _PLAIN:
            return
        if kind == "string":
            if schema.get("format") not in _READ:
                if not 0 < schema.get("maxLength", 0) <= _LONGEST_TEXT:
                    _refuse(place, f"is a text without a bound; give it a maxLength of at most {_LONGEST_TEXT}, or an enum")
                self.texts.append(place)
        elif kind == "array":
            if not 0 < schema.get("maxItems", 0) <= _LONGEST_LIST or "items" not in schema:
                _refuse(place, f"is a list without a bound; give it items and a maxItems of at most {_LONGEST_LIST}")
            self._check(schema["items"], f"{place}[]", within)
        elif kind == "object":
            if not schema.get("properties") or schema.get("additionalProperties") not in (None, False):
                _refuse(place, "is an object whose fields are not all named")
            for name, inner in schema["properties"].items():
                self._check(inner, f"{place}.{name}", within)
        else:
            _refuse(place, f"has the type {kind!r}, which nobody knows")

    def _followed(self, schema: Any) -> Any:
        while isinstance(schema, Mapping) and "$ref" in schema:
            schema = self._definitions.get(str(schema["$ref"]).rpartition("/")[2])  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        return cast(Any, schema)

    # -- values ---------------------------------------------------------------------------------------------------

    def _mapped(self, value: Any, schema: Any, text: Callable[[str], Any]) -> Any:
        told = cast("Mapping[str, Any]", self._followed(schema))
        if "enum" in told or "const" in told or value is None or isinstance(value, (bool, int, float)):
            return value
        options = _options(told)
        if options:
            return self._mapped(value, self._option(value, options), text)
        if isinstance(value, str):
            reads = _READ.get(str(told.get("format", "")))
            if reads is None:
                return text(value)
            try:
                reads(value)
            except (ValueError, InvalidOperation) as error:
                raise ValueError(f"a {told['format']} is expected") from error
            return value
        if isinstance(value, list):
            return [self._mapped(item, told.get("items", {}), text) for item in cast("list[Any]", value)]
        known = cast("Mapping[str, Any]", told.get("properties", {}))
        given = cast("Mapping[str, Any]", value)
        return {name: self._mapped(given[name], inner, text) for name, inner in known.items() if name in given}

    def _option(self, value: Any, options: list[Any]) -> Any:
        """Of several forms the one that a value has; of a word that may be a text, the text."""
        kinds = [cast("Mapping[str, Any]", self._followed(option)) for option in options]
        if isinstance(value, str):
            words = [k for k in kinds if value in k.get("enum", ()) or value == k.get("const")]
            texts = [k for k in kinds if k.get("type") == "string" and "enum" not in k]
            return (words or texts or kinds)[0]
        if isinstance(value, list):
            return next((k for k in kinds if k.get("type") == "array"), kinds[0])
        names = set(cast("Mapping[str, Any]", value))
        objects = [k for k in kinds if k.get("properties")]
        return max(objects or kinds, key=lambda k: len(names & set(k.get("properties", {}))))


def _options(schema: Mapping[str, Any]) -> list[Any]:
    return [option for word in ("anyOf", "oneOf", "allOf") for option in schema.get(word, ())]


def _refuse(place: str, why: str) -> NoReturn:
    raise Rejected("quarantine.open", f"{place} {why}: instructions of a stranger could pass.", place=place)


__all__ = ["Fields"]
