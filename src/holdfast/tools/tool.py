"""``Tool``: something a model may call, and what is declared about it."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any, cast, overload

import msgspec

from ..domain.conversation import Media, Text, ToolSpec
from ..domain.errors import Rejected
from ..domain.intent import Declared
from ..domain.retry import Retry
from .roles import roles_of
from .schema import Arguments


class ToolFailed(Exception):
    """A tool's way to tell the model that it could not do what was asked; not a defect, and not tried again."""


class WrongArguments(ToolFailed):
    """What the model gave does not fit. The words are ours, so the model may read them whoever the tool belongs to."""


class Tool:
    """See the module.

    Args:
        call: takes the arguments as keywords; async, or sync (then it runs in a thread).
        name, description, schema: what the model sees.
        takes_context: the first argument is the turn's ``Context``; the tool then makes steps of its own.
        takes_host: the first argument is a ``Calling``: what the worker keeps for its tools, and how to tell of progress.
        effects: whether it changes anything; False lets the gate and a simulation treat it as reading.
        idempotent: whether doing it twice equals doing it once. If not, its intent is durable before it starts, and after
            a crash in between ``verify`` or a person decides.
        simulate: takes the same arguments and says what the call would do, without doing anything, for rules that want to
            know first.
        roles: what an argument is, by its name: ``destination`` (recipient, account, address, path, command), ``content``,
            ``amount``, ``count``, ``secret``. The gate tells them apart; one without a role is content.
        destinations, content: short for ``roles``: the arguments that are one of these.
        trusted: whether its output may be believed; what comes from outside may carry instructions of strangers.
        retry, timeout_seconds: of one call.
        alone: never beside other calls of the same answer.
        quarantine: a type or JSON schema: a model without tools reads what the tool brings, and the agent gets these fields
            instead. What they may be: ``tools.closed``.

    Attributes:
        declared: what of this the gate has to know.
    """

    __slots__ = (
        "alone",
        "arguments",
        "call",
        "declared",
        "idempotent",
        "quarantine",
        "retry",
        "simulate",
        "spec",
        "takes_context",
        "takes_host",
        "timeout_seconds",
        "verify",
    )

    def __init__(
        self,
        call: Callable[..., Any],
        *,
        name: str,
        description: str = "",
        schema: dict[str, Any] | None = None,
        arguments: Arguments | None = None,
        takes_context: bool = False,
        effects: bool = True,
        idempotent: bool = True,
        verify: Callable[..., Any] | None = None,
        simulate: Callable[..., Any] | None = None,
        roles: Mapping[str, str] | None = None,
        destinations: Sequence[str] = (),
        content: Sequence[str] = (),
        trusted: bool = False,
        retry: Retry | None = None,
        timeout_seconds: float = 0.0,
        alone: bool = False,
        takes_host: bool = False,
        quarantine: Any = None,
    ) -> None:
        self.call = call
        self.arguments = arguments
        self.spec = ToolSpec(name, description, schema if schema is not None else {"type": "object", "properties": {}})
        self.takes_context = takes_context
        self.takes_host = takes_host
        self.idempotent = idempotent
        self.verify = verify
        self.simulate = simulate
        self.retry = retry and msgspec.structs.replace(retry, never=(*retry.never, ToolFailed))
        self.timeout_seconds = timeout_seconds
        self.alone = alone
        self.quarantine = quarantine
        known = self.spec.schema.get("properties", {})
        self.declared = Declared(effects, trusted, roles_of(name, roles or {}, destinations, content, known))

    @property
    def name(self) -> str:
        """By which the model calls it."""
        return self.spec.name

    @property
    def effects(self) -> bool:
        """Whether it changes anything."""
        return self.declared.effects

    @property
    def trusted(self) -> bool:
        """Whether its output may be believed."""
        return self.declared.trusted

    def renamed(self, name: str) -> Tool:
        """The same under another name."""
        made = copy(self)
        made.spec = msgspec.structs.replace(self.spec, name=name)
        return made

    def __repr__(self) -> str:
        return f"<tool {self.name}>"

    def read(self, text: str) -> dict[str, Any]:
        """The arguments of a call, checked. Raises ``ToolFailed`` with words that help the model to do better."""
        try:
            found = msgspec.json.decode(text or "{}")
        except msgspec.DecodeError as error:
            raise WrongArguments(f"The arguments are not valid JSON: {error}. They were: {text[:200]}") from error
        if not isinstance(found, dict):
            raise WrongArguments("The arguments must be a JSON object.")
        given = cast(dict[str, Any], found)
        return self.arguments.read(given) if self.arguments is not None else given


@overload
def tool(fn: Callable[..., Any], /) -> Tool: ...
@overload
def tool(**declared: Any) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(fn: Callable[..., Any] | None = None, /, **declared: Any) -> Any:
    """Make a function a tool, and say what it is; see ``Tool`` for what can be declared.

    >>> @tool(idempotent=False, roles={"iban": "destination", "cents": "amount"})
    ... async def pay(iban: str, cents: int) -> str:
    ...     "Pay somebody."
    """
    if fn is not None:
        return tool_of(fn)
    return partial(tool_of, **declared)


def tool_of(fn: Any, **declared: Any) -> Tool:
    """A tool from a function: its name, its docstring and its signature are what the model sees."""
    if isinstance(fn, Tool):
        return fn
    make = getattr(fn, "as_tool", None)
    if make is not None:
        return make()
    if not callable(fn):
        raise Rejected("tool.malformed", f"{fn!r} is no tool: give a function, a Tool, or something with as_tool().")
    name = declared.pop("name", "") or getattr(fn, "__name__", type(fn).__name__)
    parameters = list(inspect.signature(fn).parameters.values())
    takes_context = bool(parameters) and _is_context(fn, parameters[0])
    arguments = Arguments.of(fn, name, parameters[1:] if takes_context else parameters)
    description = declared.pop("description", "") or inspect.getdoc(fn) or ""
    return Tool(
        fn,
        name=name,
        description=description,
        schema=arguments.schema,
        arguments=arguments,
        takes_context=takes_context,
        **declared,
    )


def _is_context(fn: Callable[..., Any], parameter: inspect.Parameter) -> bool:
    try:
        hint = typing.get_type_hints(fn).get(parameter.name)
    except (NameError, TypeError):
        hint = parameter.annotation
    name = hint if isinstance(hint, str) else getattr(hint, "__name__", "")
    return name.rpartition(".")[2] == "Context"


def parts_of(value: Any) -> list[Text | Media]:
    """What a tool returned, as a model reads it: words, pictures, or JSON."""
    if isinstance(value, (Text, Media)):
        return [value]
    if isinstance(value, str):
        return [Text(value)]
    if isinstance(value, list) and value and all(isinstance(v, (Text, Media)) for v in value):  # pyright: ignore[reportUnknownVariableType]
        return value  # pyright: ignore[reportUnknownVariableType]
    if value is None:
        return [Text("Done.")]
    return [Text(msgspec.json.encode(value, enc_hook=_plain).decode())]


def _plain(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if dump is not None else str(value)
