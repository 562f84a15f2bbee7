"""From a function's signature to the JSON schema that a model sees, and back from its arguments to typed values."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ..domain.errors import Rejected
from ..journal.codec import Shape


class Arguments:
    """The arguments of a tool."""

    __slots__ = ("_required", "_shapes", "schema")

    def __init__(self, shapes: dict[str, Shape], required: Sequence[str], schema: dict[str, Any]) -> None:
        self._shapes = shapes
        self._required = tuple(required)
        self.schema = schema

    @classmethod
    def of(cls, fn: Callable[..., Any], name: str, parameters: Sequence[inspect.Parameter]) -> Arguments:
        """Read a signature. Raises ``Rejected(tool.malformed)``."""
        try:
            hints = typing.get_type_hints(fn, include_extras=True)
        except (NameError, TypeError):
            hints = {}
        shapes: dict[str, Shape] = {}
        properties: dict[str, Any] = {}
        definitions: dict[str, Any] = {}
        required: list[str] = []
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise Rejected(
                    "tool.malformed", f"Tool {name!r}: a model cannot give {parameter}; name every argument.", tool=name
                )
            hint = hints.get(parameter.name, Any)
            try:
                shapes[parameter.name] = Shape(hint)
                properties[parameter.name] = schema_of(hint, definitions)
            except TypeError as error:
                raise Rejected(
                    "tool.malformed",
                    f"Tool {name!r}: the type of {parameter.name!r} has no JSON schema: {error}.",
                    tool=name,
                ) from error
            if parameter.default is parameter.empty:
                required.append(parameter.name)
            elif parameter.default is not None:
                properties[parameter.name] = {**properties[parameter.name], "default": _jsonable(parameter.default)}
        schema: dict[str, Any] = {"type": "object", "properties": properties, "required": required}
        schema["additionalProperties"] = False
        if definitions:
            schema["$defs"] = definitions
        return cls(shapes, required, schema)

    def read(self, found: dict[str, Any]) -> dict[str, Any]:
        """Typed values. Raises ``WrongArguments``, naming what is wrong."""
        from .tool import WrongArguments

        missing = [name for name in self._required if name not in found]
        unknown = [name for name in found if name not in self._shapes]
        if missing or unknown:
            what = f"{missing[0]!r} is missing" if missing else f"there is no argument {unknown[0]!r}"
            raise WrongArguments(f"Wrong arguments: {what}. It takes: {', '.join(self._shapes) or 'nothing'}.")
        values: dict[str, Any] = {}
        for name, value in found.items():
            try:
                values[name] = self._shapes[name].convert(value, f"argument {name!r}")
            except Rejected as error:
                raise WrongArguments(f"Wrong arguments: {error.message}") from error
        return values


def schema_of(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of a type; what it refers to goes to ``definitions``. Raises ``TypeError``."""
    if hint is Any or hint is inspect.Parameter.empty:
        return {}
    make = getattr(hint, "model_json_schema", None)
    if make is not None:
        made = dict(make(ref_template="#/$defs/{model}"))
        definitions.update(made.pop("$defs", {}))
        return made
    try:
        (made,), found = msgspec.json.schema_components([hint], ref_template="#/$defs/{name}")
    except TypeError:
        return _by_pydantic(hint, definitions)
    definitions.update(found)
    return made


def _by_pydantic(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """What has pydantic models inside."""
    try:
        from pydantic import TypeAdapter
    except ImportError:
        raise TypeError(f"{hint!r}") from None
    made = dict(TypeAdapter(hint).json_schema(ref_template="#/$defs/{model}"))
    definitions.update(made.pop("$defs", {}))
    return made


def _jsonable(value: Any) -> Any:
    try:
        return msgspec.to_builtins(value)
    except TypeError:
        return str(value)
