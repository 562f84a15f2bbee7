"""Arguments into an HTTP request, as OpenAPI's ``style`` and ``explode`` say (RFC 6570 for the most part)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote, urlencode

import msgspec

from ..tool import ToolFailed
from .operation import FORM, Operation, Parameter

_JOINED = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}


class Encoded:
    """A request: its path, query and headers grow with each argument."""

    def __init__(self, operation: Operation, given: Mapping[str, Any]) -> None:
        """Raises ``ToolFailed`` for what is missing, unknown or cannot be sent."""
        self.path = operation.path
        self.query: list[tuple[str, str]] = []
        self.headers: dict[str, str] = {}
        self.cookies: list[str] = []
        self.body = b""
        _check(operation, given)
        for parameter in operation.parameters:
            value = given.get(parameter.argument)
            if value is not None:
                self._put(parameter, value)
        found = {name: given[name] for name in operation.body_arguments if name in given}
        if operation.body and found:
            whole: Any = next(iter(found.values())) if operation.whole else found
            self.body = _form(whole) if operation.body.startswith(FORM) else msgspec.json.encode(whole)
            self.headers["content-type"] = operation.body

    def url(self, base: str) -> str:
        """The whole address."""
        query = "&".join(f"{quote(name, safe='[]')}={quote(value, safe=',')}" for name, value in self.query)
        return f"{base}{self.path}{'?' + query if query else ''}"

    def _put(self, parameter: Parameter, value: Any) -> None:
        name = parameter.name
        if parameter.where == "path":
            self.path = self.path.replace("{" + name + "}", _in_path(parameter, value))
        elif parameter.where == "header":
            self.headers[name] = checked(name, _simple(value, parameter.explode) if not parameter.json else _json(value))
        elif parameter.where == "cookie":
            self.cookies.append(f"{name}={quote(_simple(value, False))}")
        elif parameter.json:
            self.query.append((name, _json(value)))
        else:
            self.query += _in_query(parameter, value)


def checked(name: str, value: str) -> str:
    """A header's value. Raises ``ToolFailed`` for one that would end the header."""
    if any(c in value for c in "\r\n\0") or not value.isascii():
        raise ToolFailed(f"Wrong arguments: {name} is sent in a header and must be plain ASCII on one line.")
    return value


def _check(operation: Operation, given: Mapping[str, Any]) -> None:
    known: dict[str, Any] = operation.schema["properties"]
    missing = [name for name in operation.schema["required"] if name not in given]
    unknown = [name for name in given if name not in known]
    if missing or unknown:
        what = f"{missing[0]!r} is missing" if missing else f"there is no argument {unknown[0]!r}"
        raise ToolFailed(f"Wrong arguments: {what}. It takes: {', '.join(known) or 'nothing'}.")


def _in_path(parameter: Parameter, value: Any) -> str:
    name, explode = parameter.name, parameter.explode
    if parameter.json:
        return quote(_json(value), safe="")
    words = [quote(word, safe="") for word in _words(value, explode)]
    if parameter.style == "label":
        text = "." + ("." if explode else ",").join(words)
    elif parameter.style == "matrix":
        pairs = (
            words
            if isinstance(value, dict) and explode
            else [f"{name}={w}" for w in (words if explode else [",".join(words)])]
        )
        text = "".join(f";{pair}" for pair in pairs)
    else:
        text = ",".join(words)
    if text in ("", ".", ".."):  # would be another path than the document's
        raise ToolFailed(f"Wrong arguments: {name} must not be {value!r}.")
    return text.replace("%3D", "=") if isinstance(value, dict) and explode else text


def _in_query(parameter: Parameter, value: Any) -> list[tuple[str, str]]:
    name = parameter.name
    if isinstance(value, dict):
        items = cast(dict[str, Any], value)
        if parameter.style == "deepObject":
            return [(f"{name}[{key}]", _word(inner)) for key, inner in items.items()]
        if parameter.explode:
            return [(key, _word(inner)) for key, inner in items.items()]
    elif isinstance(value, list) and parameter.explode:
        return [(name, _word(item)) for item in cast(list[Any], value)]
    return [(name, _JOINED.get(parameter.style, ",").join(_words(value, False)))]


def _simple(value: Any, explode: bool) -> str:
    return ",".join(_words(value, explode))


def _words(value: Any, explode: bool) -> list[str]:
    if isinstance(value, list):
        return [_word(item) for item in cast(list[Any], value)]
    if isinstance(value, dict):
        items = cast(dict[str, Any], value).items()
        return [f"{k}={_word(v)}" for k, v in items] if explode else [w for k, v in items for w in (k, _word(v))]
    return [_word(value)]


def _word(value: Any) -> str:
    if isinstance(value, str):
        return value
    return _json(value)  # true, 1, 1.5, null, and what nobody has defined


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _form(value: Any) -> bytes:
    pairs: list[tuple[str, str]] = []
    for name, inner in cast(dict[str, Any], value).items() if isinstance(value, dict) else ():
        values = cast(list[Any], inner) if isinstance(inner, list) else [inner]
        pairs += [(name, _word(item)) for item in values if item is not None]
    return urlencode(pairs).encode()
