"""Definitions in memory: handlers with the shapes of their arguments, and handles that address them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any, Generic, ParamSpec, TypeVar

from ..domain.address import Address
from ..domain.errors import NotFound, Rejected
from ..domain.retry import ONCE, Retry
from ..journal.codec import ANY, Raw, Shape, decode_arguments, encode

P = ParamSpec("P")
R = TypeVar("R")


class Parameter:
    """One argument of a handler."""

    __slots__ = ("default", "keyword_only", "name", "required", "shape")

    def __init__(self, name: str, shape: Shape, required: bool, default: Any, keyword_only: bool) -> None:
        self.name = name
        self.shape = shape
        self.required = required
        self.default = default
        self.keyword_only = keyword_only


class HandlerSpec:
    """A handler: its function and what is known of it."""

    __slots__ = (
        "attended",
        "fn",
        "is_async",
        "name",
        "parameters",
        "retry",
        "returns",
        "shared",
        "summary",
        "timeout_seconds",
        "variadic",
    )

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        name: str,
        shared: bool,
        timeout_seconds: float,
        retry: Retry = ONCE,
        attended: bool = False,
    ) -> None:
        self.fn = fn
        self.attended = attended
        """Whoever asks waits at the other end of a connection: what would be held is refused."""
        self.name = name
        self.shared = shared
        self.timeout_seconds = timeout_seconds
        self.retry = retry
        self.is_async = inspect.iscoroutinefunction(fn)
        self.summary = (inspect.getdoc(fn) or "").partition("\n")[0]
        self.parameters, self.variadic, self.returns = _signature(fn, name)

    def bind(self, payload: bytes, address: str) -> tuple[list[Any], dict[str, Any]]:
        """Decode a request's arguments. Raises ``Rejected(handler.bad_argument)`` naming the argument."""
        args, kwargs = decode_arguments(payload)
        if self.variadic:
            return [ANY.decode(a, "argument") for a in args], {k: ANY.decode(v, k) for k, v in kwargs.items()}
        values: list[Any] = []
        named: dict[str, Any] = {}
        params = self.parameters
        positional = [p for p in params if not p.keyword_only]
        if len(args) > len(positional):
            raise self._bad(address, f"takes {len(positional)} arguments, got {len(args)}")
        for param, raw in zip(positional, args, strict=False):
            values.append(self._decode(param, raw, address))
        left = dict(kwargs)
        for param in params[len(args) :]:
            if param.name in left:
                named[param.name] = self._decode(param, left.pop(param.name), address)
            elif param.required:
                raise self._bad(address, f"the argument {param.name!r} is missing")
        if left:
            known = ", ".join(p.name for p in params) or "none"
            raise self._bad(address, f"has no argument {min(left)!r} (it has: {known})")
        return values, named

    def _decode(self, param: Parameter, raw: Raw, address: str) -> Any:
        try:
            return param.shape.decode(raw, f"argument {param.name!r}")
        except Rejected as error:
            raise self._bad(address, error.message) from error

    def _bad(self, address: str, why: str) -> Rejected:
        return Rejected(
            "handler.bad_argument",
            f"{self.name} of {address}: {why.rstrip('.')}. It is called as {self.name}{self.describe()['signature']}.",
            handler=self.name,
            address=address,
        )

    def describe(self) -> dict[str, Any]:
        """What a caller elsewhere needs to know, as JSON values."""
        parts: list[str] = []
        for p in self.parameters:
            kind = "" if p.shape.any else f": {_type_name(p.shape.type)}"
            parts.append(p.name + kind + ("" if p.required else " = ..."))
        returns = "" if self.returns.any else f" -> {_type_name(self.returns.type)}"
        signature = "(...)" if self.variadic else f"({', '.join(parts)})"
        return {
            "signature": signature + returns,
            "shared": self.shared,
            "summary": self.summary,
            "arguments": [p.name for p in self.parameters],
            "required": [p.name for p in self.parameters if p.required],
            "variadic": self.variadic,
        }


class Definition:
    """A kind of agent: a name, a version (the content hash of its code) and handlers."""

    __slots__ = ("declared", "doc", "fingerprint", "handlers", "labels", "model", "name", "source", "thinks", "version")

    def __init__(self, name: str, version: str = "", doc: str = "") -> None:
        self.name = name
        self.version = version
        self.doc = doc
        self.handlers: dict[str, HandlerSpec] = {}
        self.source = ""
        self.labels: dict[str, str] = {}
        """What the costs of its instances are told apart by, unless a message says otherwise."""
        self.thinks = False
        """Whether a model decides what it does, so that the gate asks where each value came from."""
        self.model = ""
        """The route that it thinks with, if it does."""
        self.declared = False
        """Whether it was applied as a resource, so that another one may take its place."""
        self.fingerprint = ""
        """What besides the handlers' code makes a definition what it is: instructions, tools, model."""

    def handler(self, name: str) -> HandlerSpec:
        """A handler by name; raises ``NotFound(handler.unknown)`` with the names there are."""
        spec = self.handlers.get(name)
        if spec is None:
            known = ", ".join(sorted(self.handlers)) or "none"
            raise NotFound(
                "handler.unknown",
                f"Agent {self.name!r} has no handler {name!r}. It has: {known}.",
                agent=self.name,
                handler=name,
            )
        return spec


class Target(Generic[P, R]):
    """A handler of one agent: what ``ctx.call`` and ``client.call`` take.

    >>> counter["tickets"].add          # by name, from an Agent
    >>> add["tickets"]                  # typed, from the decorated function
    """

    __slots__ = ("address", "handler", "spec")

    def __init__(self, address: Address, handler: str, spec: HandlerSpec | None = None) -> None:
        self.address = address
        self.handler = handler
        self.spec = spec

    def __repr__(self) -> str:
        return f"<{self.address}.{self.handler}>"

    def names(self, args: Sequence[Any]) -> list[str]:
        """Parameters that positional arguments stand for, as far as the signature is known here."""
        if self.spec is None or self.spec.variadic or not args:
            return []
        return [p.name for p in self.spec.parameters if not p.keyword_only][: len(args)]

    def pack(self, args: tuple[Any, ...], kwargs: dict[str, Any], limit: int = 0) -> bytes:
        """Encode arguments, checking names and number against the signature if it is known here."""
        if self.spec is not None and not self.spec.variadic:
            self._check(args, kwargs, self.spec)
        return encode((args, kwargs), f"arguments of {self.handler}", limit)

    def _check(self, args: tuple[Any, ...], kwargs: dict[str, Any], spec: HandlerSpec) -> None:
        positional = [p for p in spec.parameters if not p.keyword_only]
        taken = {p.name for p in positional[: len(args)]}
        names = {p.name for p in spec.parameters}
        missing = [p.name for p in spec.parameters if p.required and p.name not in taken and p.name not in kwargs]
        extra = [k for k in kwargs if k not in names or k in taken]
        if missing or extra or len(args) > len(positional):
            what = f"missing {missing[0]!r}" if missing else f"unexpected {extra[0]!r}" if extra else "too many arguments"
            raise Rejected(
                "handler.bad_argument",
                f"{self.handler} of {self.address}: {what}. It is called as {self.handler}{spec.describe()['signature']}.",
                handler=self.handler,
                address=self.address,
            )

    @property
    def returns(self) -> Shape:
        """The shape of the result, as far as it is known here."""
        return self.spec.returns if self.spec is not None else ANY


class Registry:
    """The definitions that this worker can run, several versions of one name side by side."""

    def __init__(self) -> None:
        self.latest: dict[str, Definition] = {}
        self.versions: dict[tuple[str, str], Definition] = {}
        self.common: dict[str, HandlerSpec] = {}
        """Handlers that every definition has."""
        self.closed: set[str] = set()
        """Names that take no new messages: they were declared, and are no more; their turns in flight come to an end."""

    def add(self, definition: Definition, *, latest: bool = True) -> None:
        """Make a definition runnable; ``latest`` says that new turns begin on it."""
        self.versions[definition.name, definition.version] = definition
        if latest or definition.name not in self.latest:
            self.latest[definition.name] = definition
            self.closed.discard(definition.name)

    def remove(self, name: str, version: str) -> None:
        """Forget a version that nobody needs any more."""
        self.versions.pop((name, version), None)

    def find(self, name: str, version: str = "") -> Definition | None:
        """A definition, the newest if no version is given."""
        return self.versions.get((name, version)) if version else self.latest.get(name)

    def handler(self, definition: Definition, name: str) -> HandlerSpec:
        """A handler of a definition, or one that all have. Raises ``NotFound(handler.unknown)``."""
        return self.common[name] if name in self.common else definition.handler(name)

    def serves(self) -> dict[str, tuple[str, ...]]:
        """Names to versions, newest first."""
        found: dict[str, list[str]] = {name: [d.version] for name, d in self.latest.items()}
        for name, version in self.versions:
            if version not in found.setdefault(name, []):
                found[name].append(version)
        return {name: tuple(versions) for name, versions in found.items()}


def _signature(fn: Callable[..., Any], name: str) -> tuple[list[Parameter], bool, Shape]:
    try:
        hints = typing.get_type_hints(fn, include_extras=True)
    except (NameError, TypeError, AttributeError):
        hints = {}
    parameters = list(inspect.signature(fn).parameters.values())
    if not parameters:
        raise Rejected(
            "handler.malformed", f"The handler {name!r} takes no context: write `async def {name}(ctx: Context, ...)`."
        )
    found: list[Parameter] = []
    variadic = False
    for p in parameters[1:]:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            variadic = True
            continue
        required = p.default is p.empty
        shape = _shape(hints.get(p.name, Any), name, p.name)
        found.append(Parameter(p.name, shape, required, p.default, p.kind is p.KEYWORD_ONLY))
    return found, variadic, _shape(hints.get("return", Any), name, "return")


def _shape(hint: Any, handler: str, place: str) -> Shape:
    if hint is None or hint is type(None):
        return ANY
    try:
        return Shape(hint)
    except TypeError as error:
        raise Rejected(
            "handler.malformed", f"The type of {place!r} in handler {handler!r} cannot be journaled: {error}."
        ) from error


def _type_name(hint: Any) -> str:
    return getattr(hint, "__name__", None) if isinstance(hint, type) else str(hint).replace("typing.", "")  # type: ignore[return-value]
