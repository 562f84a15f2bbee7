"""The registry: every operation as a typed value, read off the methods of ``Operations``.

There is no second list. A method's name, signature and docstring are the operation's name, input, output and documentation;
what they cannot say (where it lives in REST, what it is called on the command line) the decorator ``operation`` says beside
the method; who may, ``identity.scopes`` says. REST, OpenAPI, MCP, the wire and the command line are made from these values
or tested against them.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar

import msgspec

from ..domain.errors import NotFound, Rejected
from ..domain.message import Outcome
from ..journal.codec import Shape, decode_any, encode
from .identity.scopes import NEEDS

_CARRIES = "carries"
Arguments = Annotated[bytes, msgspec.Meta(extra={_CARRIES: "arguments"})]
"""The encoded arguments of a handler; a JSON caller gives a list in order, or an object by name."""
Encoded = Annotated[bytes, msgspec.Meta(extra={_CARRIES: "value"})]
"""An encoded value; a JSON caller gives the value."""
F = TypeVar("F", bound=Callable[..., Any])
_TOLD = "__operation__"
_LARGEST = (1 << 53) - 1
"""What every JSON reader takes as the same number."""
_LARGEST_FLOAT = 1e15
"""In seconds, more than any clock here can add up; neither NaN nor infinite."""
_HIDDEN = frozenset({"invoke", "run"})
"""Public methods of ``Operations`` that are no operations."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the decorator says of a method; see ``operation``."""

    path: str = ""
    command: str = ""
    changes: bool = True
    destroys: bool = False
    again: bool = True
    page: str = ""
    errors: tuple[str, ...] = ()
    next: tuple[tuple[str, str], ...] = ()


def operation(
    *,
    path: str = "",
    command: str = "",
    changes: bool = True,
    destroys: bool = False,
    again: bool = True,
    page: str = "",
    errors: tuple[str, ...] = (),
    next: tuple[tuple[str, str], ...] = (),
) -> Callable[[F], F]:
    """Say of a method what its signature and docstring cannot.

    Args:
        path: where it lives in REST: ``POST /agents/{address}/pause``.
        command: its command line: ``turns retry``.
        changes: whether it changes anything; such operations take ``dry_run``.
        destroys: whether what it does cannot be taken back.
        again: whether it may be asked again when a connection broke.
        page: of a list, or of a stream: the field of an item that the next page begins ``after``.
        errors: codes that it raises on purpose, besides those of every operation.
        next: what is often done after it: operations, and why.
    """
    told = Told(
        path=path,
        command=command,
        changes=changes,
        destroys=destroys,
        again=again,
        page=page,
        errors=errors,
        next=next,
    )

    def tell(method: F) -> F:
        setattr(method, _TOLD, told)
        return method

    return tell


class Parameter(msgspec.Struct, frozen=True):
    """One input. ``carries``: for bytes, what a JSON caller gives instead: ``arguments`` of a handler, or any ``value``."""

    name: str
    type: Any
    doc: str
    required: bool
    default: Any
    carries: str = ""

    @property
    def plain_type(self) -> Any:
        """Its type where JSON is spoken."""
        if self.carries == "arguments":
            return list[Any] | dict[str, Any]
        return Any if self.carries else self.type


class Operation:
    """One operation. Made by ``registry_of``; see ``Told`` and ``Parameter`` for what it knows.

    Attributes:
        name, summary, description: what it is called and what it does, in one line and in all.
        parameters: what goes in, in order.
        returns: the type of what comes out; of each item, if it ``streams``.
        keyed: whether it takes an idempotency key.
        told: what the decorator says.
    """

    def __init__(self, name: str, method: Callable[..., Any]) -> None:
        self.name = name
        self.streams = inspect.isasyncgenfunction(method)
        self.told: Told = getattr(method, _TOLD, Told(changes=not self.streams))
        text = inspect.getdoc(method) or ""
        first, _, rest = text.partition("\n\n")
        self.summary, *more = _SENTENCE.split(" ".join(first.split()), maxsplit=1)
        lines = [*more, *(line.strip() for line in rest.strip().splitlines())]
        self.description = "\n".join(lines).strip()
        hints = typing.get_type_hints(method, include_extras=True)
        docs = _documented(text)
        given = [p for p in inspect.signature(method).parameters.values() if p.name != "self"]
        self.parameters = [_parameter(p, hints.get(p.name, Any), docs.get(p.name, "")) for p in given]
        returns = hints.get("return", Any)
        self.returns: Any = typing.get_args(returns)[0] if self.streams else returns
        self.keyed = any(p.name == "key" for p in self.parameters)
        self._shapes = {p.name: Shape(p.plain_type) for p in self.parameters}

    @property
    def scope(self) -> str:
        """What a caller needs; ``""`` for what anybody may who was let in, ``owner`` for what nobody else may."""
        need = NEEDS.get(self.name)
        return need.scope if need is not None else "owner"

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return self.told.changes

    @property
    def lists(self) -> bool:
        """Whether it gives many things of one kind."""
        return typing.get_origin(self.returns) is list and not self.streams

    @property
    def item(self) -> Any:
        """What a list is a list of."""
        return typing.get_args(self.returns)[0] if self.lists else self.returns

    def takes(self, name: str) -> bool:
        """Whether it has a parameter of this name."""
        return name in self._shapes

    def rehearsed(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """The inputs without ``dry_run``, and whether it was asked for. Raises ``Rejected(operation.input)``."""
        rest = dict(given)
        dry = rest.pop("dry_run", False) if self.changes else False
        if not isinstance(dry, bool):
            raise self._wrong("dry_run is true or false")
        return rest, dry

    def inputs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """JSON-like values as the method takes them. Raises ``Rejected(operation.input)``."""
        unknown = given.keys() - self._shapes.keys()
        takes = ", ".join(self._shapes) or "nothing"
        if unknown:
            raise self._wrong(f"it takes no {min(unknown)!r}; it takes {takes}")
        for parameter in self.parameters:
            if parameter.required and parameter.name not in given:
                raise self._wrong(f"{parameter.name!r} is missing; it takes {takes}")
        found: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.name in given:
                found[parameter.name] = self._input(parameter, given[parameter.name])
        return found

    def _input(self, parameter: Parameter, value: Any) -> Any:
        check_sizes(self.name, {parameter.name: value})
        try:
            value = self._shapes[parameter.name].convert(value, parameter.name)
        except Rejected as error:
            raise self._wrong(error.message) from error
        if parameter.carries == "arguments":
            pair: Any = ((), value) if isinstance(value, dict) else (value, {})
            return encode(pair, "arguments")
        return encode(value, parameter.name) if parameter.carries else value

    def _wrong(self, what: str) -> Rejected:
        return Rejected("operation.input", f"{self.name}: {what}", operation=self.name)


def check_sizes(operation: str, given: Mapping[str, Any]) -> None:
    """No number among the inputs is beyond what stores and clocks can count with. Raises ``Rejected(operation.input)``."""
    for name, value in given.items():
        if type(value) in (int, float) and not abs(value) <= (_LARGEST if type(value) is int else _LARGEST_FLOAT):
            raise Rejected("operation.input", f"{operation}: {name} is larger than anything here", operation=operation)


def plain(result: Any) -> Any:
    """A result as JSON can say it: the outcome of a turn has its value encoded."""
    if isinstance(result, Outcome):
        failure = result.failure
        told = None if failure is None else {"code": failure.code, "message": failure.message, "type": failure.type}
        return {"value": decode_any(result.value), "failure": told, "labels": list(result.labels)}
    return result


def _parameter(given: inspect.Parameter, hint: Any, doc: str) -> Parameter:
    required = given.default is given.empty
    extra: Any = next((m.extra for m in getattr(hint, "__metadata__", ()) if isinstance(m, msgspec.Meta)), None)
    carries = str(extra[_CARRIES]) if extra else ""
    return Parameter(given.name, hint, doc, required, None if required else given.default, carries)


_SENTENCE = re.compile(r"(?<=[.?!]) ")
_NAMED = re.compile(r"``(\w+(?:``, ``\w+)*)``:\s+([^;.`]+)")


def _documented(text: str) -> dict[str, str]:
    """What a docstring says of parameters: an ``Args:`` section, or ``name``: text in a sentence."""
    found: dict[str, str] = {}
    for names, told in _NAMED.findall(" ".join(text.split())):
        found.update(dict.fromkeys(names.split("``, ``"), told.strip()))
    _, _, section = text.partition("\nArgs:\n")
    for line in section.splitlines():
        if not line.strip():
            break
        names, colon, told = line.strip().partition(":")
        if colon and re.fullmatch(r"\w+(, \w+)*", names):
            found.update(dict.fromkeys(names.split(", "), told.strip()))
    return found


@cache
def registry_of(kind: type) -> Mapping[str, Operation]:
    """Every operation of a class, by name: its public coroutine and generator methods."""
    found: dict[str, Operation] = {}
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        stands = inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)
        if stands and not name.startswith("_") and name not in _HIDDEN:
            found[name] = Operation(name, method)
    return found


def find(kind: type, name: str) -> Operation:
    """One of them. Raises ``NotFound(operation.unknown)``."""
    found = registry_of(kind).get(name)
    if found is None:
        raise NotFound("operation.unknown", f"There is no operation {name!r}.", operation=name)
    return found


__all__ = [
    "Arguments",
    "Encoded",
    "Operation",
    "Parameter",
    "Told",
    "check_sizes",
    "find",
    "operation",
    "plain",
    "registry_of",
]
