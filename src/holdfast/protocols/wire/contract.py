"""What the wire carries for each operation, read off ``Operations``: there is no second list to keep in step."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from ...control.operations import Operations
from ...control.registry import registry_of
from ...domain.errors import NotFound, Rejected

ONCE = frozenset({"redeliver", "backup"})
"""Operations that must not be asked again when the connection broke: they have no key and are not safe to repeat."""


class Signature:
    """One operation: what goes in, what comes out.

    Attributes:
        parameters: names in order.
        keyed: whether it takes a dedupe key.
        again: whether it may be asked again after a broken connection.
    """

    __slots__ = ("_inputs", "_result", "again", "keyed", "name", "parameters", "streams")

    def __init__(self, name: str, method: Callable[..., Any], streams: bool) -> None:
        self.name = name
        self.streams = streams
        hints = typing.get_type_hints(method)
        given = [p for p in inspect.signature(method).parameters.values() if p.name != "self"]
        self.parameters = [p.name for p in given]
        self.keyed = "key" in self.parameters
        self.again = name not in ONCE
        fields: list[Any] = [
            (p.name, hints.get(p.name, Any)) if p.default is p.empty else (p.name, hints.get(p.name, Any), p.default)
            for p in given
        ]
        inputs = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)
        self._inputs = msgspec.msgpack.Decoder(inputs).decode
        returns = hints.get("return", Any)
        if streams:
            (returns,) = typing.get_args(returns)
        self._result = msgspec.msgpack.Decoder(returns).decode

    def inputs(self, body: msgspec.Raw) -> dict[str, Any]:
        """The arguments by name. Raises ``Rejected(operation.input)``."""
        try:
            given = self._inputs(body)
        except msgspec.DecodeError as error:
            takes = ", ".join(self.parameters) or "nothing"
            raise Rejected("operation.input", f"{self.name}: {error}. It takes {takes}.", operation=self.name) from error
        return {name: getattr(given, name) for name in self.parameters}

    def result(self, body: msgspec.Raw) -> Any:
        """What the operation returned, as the type that it returns."""
        return self._result(body)

    def named(self, args: tuple[Any, ...], given: dict[str, Any]) -> dict[str, Any]:
        """Positional arguments by their names. Raises ``Rejected(operation.input)``."""
        if len(args) > len(self.parameters):
            raise Rejected(
                "operation.input",
                f"{self.name} takes {len(self.parameters)} arguments, got {len(args)}.",
                operation=self.name,
            )
        return {**dict(zip(self.parameters, args, strict=False)), **given}


@cache
def signature(name: str) -> Signature:
    """The signature of an operation. Raises ``NotFound(operation.unknown)``."""
    method = getattr(Operations, name, None) if name in registry_of(Operations) else None
    streams = inspect.isasyncgenfunction(method)
    if method is None or not (streams or inspect.iscoroutinefunction(method)):
        raise NotFound("operation.unknown", f"There is no operation {name!r}.", operation=name)
    return Signature(name, method, streams)
