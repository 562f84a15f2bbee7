"""The store port as the wire carries it, read off ``Store``: both sides take it from here."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from ..domain.errors import HoldfastError, NotFound
from ..ports import store as ports
from .frames import Problem

PREFIX = "store."
SIGNAL = "signal"
LOCAL = frozenset({"open", "close"})
"""Methods that each side does for itself."""


def _decode_hook(kind: type, value: Any) -> Any:
    if issubclass(kind, HoldfastError):
        return msgspec.convert(value, Problem).error()
    raise NotImplementedError


def _decoder(kind: Any) -> Callable[[Any], Any]:
    return msgspec.msgpack.Decoder(kind, dec_hook=_decode_hook).decode


class Method:
    """One method of the port: its arguments as a tuple on the wire, and its result."""

    __slots__ = ("_given", "keywords", "names", "result")

    def __init__(self, method: Callable[..., Any]) -> None:
        hints = typing.get_type_hints(method)
        parameters = [p for p in inspect.signature(method).parameters.values() if p.name not in ("self", "notify")]
        self.names = [p.name for p in parameters]
        self.keywords = frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
        self._given = _decoder(tuple[tuple(hints[n] for n in self.names)] if self.names else tuple[()])  # type: ignore[misc]
        self.result = _decoder(hints.get("return", Any))

    def given(self, body: Any) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments of a request."""
        values = self._given(body)
        named = {n: v for n, v in zip(self.names, values, strict=True) if n in self.keywords}
        return [v for n, v in zip(self.names, values, strict=True) if n not in self.keywords], named


@cache
def method(name: str) -> Method:
    """A method of the port by name. Raises ``NotFound(operation.unknown)``."""
    found = getattr(ports.Store, name, None)
    if name.startswith("_") or name in LOCAL or not inspect.iscoroutinefunction(found):
        raise NotFound("operation.unknown", f"The store has no method {name!r}.", operation=name)
    return Method(found)


class Doubt(msgspec.Struct):
    """A commit whose answer was lost: where its journal entries would be."""

    address: str
    seq: int
    hash: bytes


decode_signal = _decoder(ports.Signal)
decode_doubts = _decoder(tuple[str, list[Doubt]])
decode_verdicts = _decoder(list[int])
decode_id = _decoder(str)
