"""``Agent``: a definition written as Python functions.

>>> counter = Agent("counter")
>>> @counter.handler
... async def add(ctx: Context, amount: int) -> int: ...
>>> counter["tickets"].add        # a handle by name
>>> add["tickets"]                # the same, typed
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from ..domain.address import DEFAULT_TENANT, Address, make
from ..domain.conversation import Settings
from ..domain.errors import NotFound, Rejected
from ..domain.retry import ONCE, Retry
from ..thinking import Mind
from ..tools import McpServer, Tool
from ..turn.context import Context, Duration, Event, SyncContext, ms_of
from ..turn.definition import Definition, HandlerSpec, Target
from .thinking_agent import agent_as_tool, fingerprint_of, handlers_of, handoff_to

P = ParamSpec("P")
R = TypeVar("R")


class Handler(Generic[P, R]):
    """A decorated function. Call it with a context to test it; index it with a key to address it."""

    def __init__(self, agent: Agent, fn: Callable[..., Any], spec: HandlerSpec) -> None:
        self._agent = agent
        self._fn = fn
        self.spec = spec
        functools.update_wrapper(self, fn)

    def __getitem__(self, key: str) -> Target[P, R]:
        return Target(make(self._agent.name, key), self.spec.name, self.spec)

    def of(self, key: str, tenant: str = DEFAULT_TENANT) -> Target[P, R]:
        """The handler of one agent, of another tenant if given."""
        return Target(make(self._agent.name, key, tenant), self.spec.name, self.spec)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._fn(*args, **kwargs)


class Handle:
    """One agent, by key. Its attributes are its handlers; ``event(name)`` is an event of it."""

    __slots__ = ("_definition", "address")

    def __init__(self, address: Address, definition: Definition) -> None:
        self.address = address
        self._definition = definition

    def __getattr__(self, handler: str) -> Target[..., Any]:
        if handler.startswith("__"):
            raise AttributeError(handler)
        try:
            return Target(self.address, handler, self._definition.handler(handler))
        except NotFound as error:
            raise AttributeError(error.message) from error

    def __dir__(self) -> list[str]:
        return ["address", "event", *self._definition.handlers]

    def __repr__(self) -> str:
        return f"<agent {self.address}>"

    def event(self, name: str) -> Any:
        """An event of this agent, for ``ctx.send`` and ``client.send``."""
        return Event(self.address, name)


class Agent:
    """A kind of agent.

    With a ``model`` it is a thinking agent: it has the handlers ``chat``, ``conversation`` and ``forget``, and may have
    others beside them.

    Args:
        name: letters, digits, ``_``, ``.``, ``-``; the first part of the addresses of its instances.
        model: the route that it asks; see ``holdfast models``.
        instructions: what the model is told first; text, or a function of the context.
        tools: functions, ``Tool``s, other agents' ``as_tool()``.
        mcp: servers of tools: ``"uvx some-server"``, ``"https://host/mcp"`` or an ``McpServer``; see there.
        handoffs: agents to which it may give the conversation over.
        output: the type of its answers (pydantic model, dataclass, struct) or a JSON schema; text by default.
        settings: temperature, max_tokens and so on.
        rounds: how often at most it may ask its model in one turn.
        memory_tokens: about how much of the conversation the model sees; what is older is summed up.
        remember: False forgets everything with each turn.
        handles: True keeps what untrusted tools bring apart: the model passes on names ($h1), and never sees the content.
        quarantine: by tool, a type or JSON schema: a model without tools reads what it brings, the agent gets these fields.
        quarantine_model: the route of that model; ``model`` by default.
        plan: True has the model plan before it reads anything untrusted: what departs from the plan is asked about, or with
            ``"deny"`` refused.
        timeout: bound of a whole turn.
        description: one line on what it is for; the first line of its module's docstring by default.
        labels: what its costs are told apart by (``{"team": "search"}``); budgets can name them too.
    """

    def __init__(
        self,
        name: str,
        *,
        model: str = "",
        instructions: str | Callable[..., Any] = "",
        tools: Sequence[Any] = (),
        mcp: Sequence[str | Sequence[str] | McpServer] = (),
        handoffs: Sequence[Agent] = (),
        output: Any = None,
        settings: Settings | None = None,
        rounds: int = 50,
        memory_tokens: int = 60_000,
        remember: bool = True,
        timeout: Duration = 0,
        description: str = "",
        labels: dict[str, str] | None = None,
        handles: bool = False,
        quarantine: Mapping[str, Any] | None = None,
        quarantine_model: str = "",
        plan: bool | str = False,
    ) -> None:
        make(name, "check")
        self.name = name
        self.module, doc = _caller()
        self.definition = Definition(name, doc=description or doc)
        self.definition.labels = labels or {}
        self.mind: Mind | None = None
        self.definition.model = model
        if model:
            self.mind = Mind(
                model,
                instructions=instructions,
                tools=[*tools, *(handoff_to(other.name, other.definition.doc) for other in handoffs)],
                origins=[McpServer.of(server) for server in mcp],
                output=output,
                settings=settings,
                rounds=rounds,
                memory_tokens=memory_tokens,
                remember=remember,
                handles=handles,
                quarantine=quarantine,
                quarantine_model=quarantine_model,
                plan=plan,
            )
            self.definition.thinks = True
            for spec in handlers_of(self.mind, ms_of(timeout) / 1000):
                self.definition.handlers[spec.name] = spec
        elif instructions or tools or mcp or handoffs or output is not None:
            raise Rejected("agent.no_model", f"Agent {name!r} has instructions or tools, but no model=. Name a route.")

    def as_tool(self, *, name: str = "", description: str = "", key: str = "") -> Tool:
        """This agent as a tool of another one; ``key`` names the instance, by default that of the asker."""
        return agent_as_tool(self.name, self.definition.doc, name=name, description=description, key=key)

    def __getitem__(self, key: str) -> Handle:
        return Handle(make(self.name, key), self.definition)

    def of(self, key: str, tenant: str = DEFAULT_TENANT) -> Handle:
        """An instance, of another tenant if given."""
        return Handle(make(self.name, key, tenant), self.definition)

    def __repr__(self) -> str:
        return f"Agent({self.name!r}, handlers={sorted(self.definition.handlers)})"

    @overload
    def handler(self, fn: Callable[Concatenate[Context, P], Awaitable[R]], /) -> Handler[P, R]: ...
    @overload
    def handler(self, fn: Callable[Concatenate[SyncContext, P], R], /) -> Handler[P, R]: ...
    @overload
    def handler(
        self, /, *, name: str = "", shared: bool = False, timeout: Duration = 0, retry: Retry = ONCE
    ) -> Callable[[Callable[Concatenate[Any, P], Any]], Handler[P, Any]]: ...
    def handler(
        self,
        fn: Callable[..., Any] | None = None,
        /,
        *,
        name: str = "",
        shared: bool = False,
        timeout: Duration = 0,
        retry: Retry = ONCE,
    ) -> Any:
        """Make a function a handler: ``async def`` on the event loop, ``def`` in a thread.

        Args:
            name: the handler's name; the function's by default.
            shared: read-only; runs beside an exclusive turn and beside other shared ones.
            timeout: bound of a whole turn, waits included; then it is cancelled and fails with ``turn.timeout``.
            retry: how often a failed turn starts again, from its last good step.
        """

        def decorate(function: Callable[..., Any]) -> Handler[Any, Any]:
            title = name or function.__name__
            if title in self.definition.handlers:
                raise Rejected(
                    "handler.duplicate",
                    f"Agent {self.name!r} has two handlers named {title!r}. Give one another name=.",
                )
            spec = HandlerSpec(function, name=title, shared=shared, timeout_seconds=ms_of(timeout) / 1000, retry=retry)
            self.definition.handlers[title] = spec
            self.definition.version = ""
            return Handler(self, function, spec)

        return decorate(fn) if fn is not None else decorate

    def seal_version(self) -> str:
        """Give the definition its version, the content hash of its code, unless a loader gave it one already."""
        if not self.definition.version:
            if self.mind is not None:
                self.definition.fingerprint = fingerprint_of(self.mind)
            self.definition.version = content_hash(self.definition)
        return self.definition.version


def content_hash(definition: Definition) -> str:
    """A short hash over the handlers' source (or byte code where there is no source)."""
    digest = hashlib.sha256(definition.name.encode())
    if definition.fingerprint:
        digest.update(b"\0" + definition.fingerprint.encode())
    for name in sorted(definition.handlers):
        fn = definition.handlers[name].fn
        try:
            code = inspect.getsource(fn).encode()
        except (OSError, TypeError):
            inner = getattr(fn, "__code__", None)
            code = repr((inner.co_code, inner.co_consts, inner.co_names)).encode() if inner else repr(fn).encode()
        digest.update(name.encode() + b"\0" + code)
    return digest.hexdigest()[:12]


def _caller() -> tuple[str, str]:
    """The module that makes an agent: its name, and the first line of its docstring."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith("holdfast."):
        frame = frame.f_back
    found = frame.f_globals if frame else {}
    return str(found.get("__name__", "")), str(found.get("__doc__") or "").strip().partition("\n")[0]
