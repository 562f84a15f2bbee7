"""What the wire carries for each operation, read off ``Operations``: there is no second list to keep in step."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from ...control.operations import Operations
from ...control.registry import Operation, find
from ...control.rehearsal import DryRun
from ...domain.errors import Rejected

_DRY = "dry_run"
_dry_run = msgspec.msgpack.Decoder(DryRun).decode


class Signature:
    """One operation: what goes in, what comes out.

    Attributes:
        what: the operation.
        parameters: names in order.
        keyed: whether it takes a dedupe key.
        again: whether it may be asked again after a broken connection.
    """

    __slots__ = ("_inputs", "_result", "again", "keyed", "name", "parameters", "streams", "what")

    def __init__(self, what: Operation) -> None:
        self.what = what
        self.name = what.name
        self.streams = what.streams
        self.parameters = [p.name for p in what.parameters]
        self.keyed = what.keyed
        self.again = what.told.again
        fields: list[Any] = [(p.name, p.type) if p.required else (p.name, p.type, p.default) for p in what.parameters]
        if what.changes:
            fields.append((_DRY, bool, False))
        inputs = msgspec.defstruct(self.name, fields, kw_only=True, forbid_unknown_fields=True)
        self._inputs = msgspec.msgpack.Decoder(inputs).decode
        self._result = msgspec.msgpack.Decoder(what.returns).decode

    def inputs(self, body: msgspec.Raw) -> tuple[dict[str, Any], bool]:
        """The arguments by name, and whether only to tell what would happen. Raises ``Rejected(operation.input)``."""
        try:
            given = self._inputs(body)
        except msgspec.DecodeError as error:
            takes = ", ".join(self.parameters) or "nothing"
            raise Rejected("operation.input", f"{self.name}: {error}. It takes {takes}.", operation=self.name) from error
        return {name: getattr(given, name) for name in self.parameters}, getattr(given, _DRY, False)

    def result(self, body: msgspec.Raw, *, dry: bool = False) -> Any:
        """What the operation returned, as the type that it returns."""
        return _dry_run(body) if dry else self._result(body)

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
    return Signature(find(Operations, name))
